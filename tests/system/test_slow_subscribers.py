"""A subscriber that stops (SIGSTOP) costs the others nothing and learns exactly what it missed."""
import signal

import pytest

from backpressure import NARROW, fill
from plain_clients import Push, unlike
from waiting import until

SMALL_TAP = "256KiB"


@pytest.fixture
def relay_with_reload(start_relay, folder):
    """A relay whose tap bounds can be changed for the subscribers that come next."""
    config = folder / "relay.toml"

    def write(tap_bytes):
        config.write_text(f'[stream]\ntap_bytes_max = "{tap_bytes}"\n')

    write(SMALL_TAP)
    relay = start_relay(config=config)

    def reload(tap_bytes):
        write(tap_bytes)
        before = relay.metric("xylem_configuration_reloads_total", outcome="done")
        relay.signal(signal.SIGHUP)
        until(lambda: relay.metric("xylem_configuration_reloads_total", outcome="done") > before,
              "the relay has the new bounds")
    relay.reload = reload
    return relay


def missing_are_exactly_the_gaps(dump, all_sequences):
    """Holds gap notices against what did not come; returns how many that is."""
    missing = set(all_sequences) - set(dump.sequences())
    gaps = dump.gaps()
    for gap in gaps:
        within = [s for s in missing if gap["first"] <= s <= gap["last"]]
        assert (min(within), max(within), len(within)) == (gap["first"], gap["last"], gap["count"])
        assert gap["reason"] == "overflow"
    assert sum(gap["count"] for gap in gaps) == len(missing)
    return len(missing)


def in_order(dump):
    sequences = dump.sequences()
    return sequences == sorted(set(sequences))


@pytest.mark.parametrize("policy, reason", [("drop_oldest", "overflow_oldest"),
                                            ("drop_newest", "overflow_newest")])
def test_a_stopped_subscriber_costs_three_others_nothing_and_gets_an_exact_gap(
        relay_with_reload, start_dump, context, policy, reason):
    relay = relay_with_reload
    stopped = start_dump(relay, "stopped", "--overflow", policy)
    relay.reload("64MiB")
    running = [start_dump(relay, f"running{i}", pattern) for i, pattern in enumerate(
        ["#", "task.*", "#.received"])]
    push = Push(context, relay.push)
    count = push.lists(10)
    stopped.await_lines("sequence", count)
    stopped.pause()
    count += push.lists(2000, first=count)
    push.event("last-before-waking", n=count)
    relay.await_accepted(count + 1)
    running[0].await_lines("last-before-waking")
    for dump in running:
        dump.await_lines("sequence", count)
    accepted, delivered, filtered, dropped, held = relay.metrics().ledger("stream", "stopped")
    assert dropped > 0 and accepted == delivered + dropped + held and filtered == 0
    stopped.resume()
    until(lambda: relay.metrics().ledger("stream", "stopped")[4] == 0, "it has caught up")
    push.event("after-waking", n=count + 1)
    stopped.await_lines("after-waking")
    for dump in running:
        assert dump.gaps() == [] and dump.numbers()[:count] == list(range(count))
    everything = range(1, count + 3)
    assert running[0].sequences()[:count + 1] == list(everything)[:count + 1]
    assert in_order(stopped)
    missing = missing_are_exactly_the_gaps(stopped, everything)
    assert missing == relay.metric("xylem_tap_dropped_events_total", tap="stopped", reason=reason)


def test_the_gap_counts_only_events_that_matched_the_filter(relay_with_reload, start_dump, context):
    relay = relay_with_reload
    stopped = start_dump(relay, "stopped", "task.failed", "worker.#")
    relay.reload("64MiB")
    running = start_dump(relay, "running", "task.failed", "worker.#")
    push = Push(context, relay.push)
    stopped.pause()
    names = ["task-sent", "task-failed", "task-received", "worker-heartbeat"]
    for number in range(1500):
        push.list([{"type": names[i % 4], "n": number, "pad": unlike(i, 700)}
                   for i in range(24)])
    relay.await_accepted(1500 * 24)
    running.await_lines("sequence", 1500 * 12)
    stopped.resume()
    push.event("worker-online")
    stopped.await_lines("worker-online")
    running.await_lines("worker-online")
    assert missing_are_exactly_the_gaps(stopped, running.sequences()) > 0
    assert relay.metrics().ledger("stream", "stopped")[2] == 1500 * 12


def test_one_stop_makes_few_gap_notices(relay_with_reload, start_dump, context):
    relay = relay_with_reload
    stopped = start_dump(relay, "stopped")
    push = Push(context, relay.push)
    stopped.pause()
    for _ in range(10):
        count = relay.accepted() + push.lists(400)
        relay.await_accepted(count)
    stopped.resume()
    push.event("after-waking")
    stopped.await_lines("after-waking")
    missing_are_exactly_the_gaps(stopped, range(1, relay.accepted() + 1))
    assert 1 <= len(stopped.gaps()) <= 3, "what is missing in one place is said once"


def test_a_stop_longer_than_the_answer_timeout_still_ends_in_an_exact_gap(
        relay_with_reload, start_dump, context):
    relay = relay_with_reload
    stopped = start_dump(relay, "stopped")
    push = Push(context, relay.push)
    stopped.pause()
    count = push.lists(1500)
    relay.await_accepted(count)
    asleep = relay.metric("xylem_uptime_seconds")
    until(lambda: relay.metric("xylem_uptime_seconds") > asleep + 5.5, "it has slept for 5.5 s")
    stopped.resume()
    push.event("after-waking")
    stopped.await_lines("after-waking")
    assert {gap["reason"] for gap in stopped.gaps()} == {"overflow"}, "no reconnect was needed"
    missing_are_exactly_the_gaps(stopped, range(1, count + 2))


def test_a_subscriber_that_asked_for_disconnect_is_told_bye_and_comes_back_with_a_gap(
        relay_with_reload, start_dump, context):
    relay = relay_with_reload
    stopped = start_dump(relay, "stopped", "--overflow", "disconnect")
    relay.from_the_start.discard(("stream", "stopped"))  # it will begin anew
    relay.reload("64MiB")
    running = start_dump(relay, "running")
    push = Push(context, relay.push)
    stopped.pause()
    count = push.lists(1500)
    relay.await_accepted(count)
    until(lambda: ("stream", "stopped") not in relay.taps(), "it is let go")
    assert len(relay.log_lines("'stopped'", "let go (too_slow)")) == 1
    dropped = relay.metric("xylem_tap_dropped_events_total", tap="stopped")
    assert dropped > 0
    stopped.resume()
    relay.await_subscriber("stopped")
    push.event("after-waking")
    stopped.await_lines("after-waking")
    running.await_lines("after-waking")
    assert len(running.sequences()) == count + 1
    assert in_order(stopped)
    missing = set(running.sequences()) - set(stopped.sequences())
    told = {sequence for gap in stopped.gaps() for sequence in range(gap["first"], gap["last"] + 1)}
    assert missing and missing <= told, "each missing event is in a gap"
    assert {gap["reason"] for gap in stopped.gaps()} == {"overflow"}, "it went on behind that"
    assert sum(gap["count"] for gap in stopped.gaps()) == len(missing)


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest", "disconnect"])
def test_a_burst_larger_than_the_tap_costs_a_subscriber_with_credit_nothing(
        relay, push, stream, policy):
    client = stream()
    client.open(overflow=policy, credit=64 << 20, tap_bytes=64 << 10, tap_events=100)
    count = push.lists(600)
    assert [sequence for sequence, _, _ in client.events(count)] == list(range(1, count + 1))


def test_a_stopped_block_subscriber_stalls_the_senders_and_then_nothing_is_lost(
        start_relay, start_dump, context):
    relay = start_relay(NARROW)
    stopped = start_dump(relay, "stopped", "--overflow", "block")
    running = start_dump(relay, "running", "--overflow", "block")
    push = Push(context, relay.push, hwm=10)
    stopped.pause()
    sent = fill(push)
    assert sent > 100
    until(lambda: relay.get("/readyz")[0] == 503, "the stall shows", 10)
    assert "with the policy block, or the spool, has held everything up" in relay.get("/readyz")[1]
    assert relay.get("/healthz")[0] == 200
    assert relay.metric("xylem_pipeline_stalls_total") >= 1
    assert not relay.metrics().unbalanced()
    assert fill(push, sent, 0.2) == sent, "the senders still wait"
    stopped.resume()
    for number in range(sent, sent + 200):
        push.frames(b"task.sent", b'{"type":"task-sent","n":%d}' % number)
    for dump in (stopped, running):
        dump.await_lines("sequence", sent + 200)
        assert dump.numbers() == list(range(sent + 200)) and dump.gaps() == []
    until(lambda: relay.get("/readyz")[0] == 200, "data flows again")
