"""SIGTERM delivers what was accepted, has one deadline, and tells what it left behind."""
import pathlib
import signal
import subprocess

from plain_clients import Push, Subscriber
from relay_process import XYLEM, clean_environment
from waiting import seconds_of, until


def pushed_but_not_delivered(relay, start_dump, context, name="late"):
    """A stopped block subscriber, and accepted events that wait for it in the relay."""
    dump = start_dump(relay, name, "--overflow", "block")
    dump.pause()
    push = Push(context, relay.push)
    count = push.lists(800, padding=400)
    relay.await_accepted(count)
    until(lambda: relay.metrics().ledger("stream", name)[4] > 0, "some are held")
    return dump, count


def test_what_was_accepted_before_sigterm_still_arrives(start_relay, start_dump, context):
    relay = start_relay()
    dump, count = pushed_but_not_delivered(relay, start_dump, context)
    relay.signal(signal.SIGTERM)
    until(lambda: relay.log_lines("stopping; up to 10000 ms"), "it says that it stops")
    until(lambda: relay.get("/readyz")[0] == 503, "it is not ready any more")
    assert relay.get("/healthz")[0] == 200
    dump.resume()
    relay.wait(0)
    assert relay.log_lines("stopped; nothing left behind")
    dump.await_lines("sequence", count)
    assert dump.numbers() == list(range(count)) and dump.gaps() == []


def test_what_waits_in_the_relays_own_sockets_at_sigterm_still_arrives(start_relay, context):
    relay = start_relay({"stream.listen": "off"})
    subscriber = Subscriber(context, relay)
    push = Push(context, relay.push)
    count = push.lists(200)
    push.event("last")
    relay.await_accepted(count + 1)
    relay.stop()
    assert len(subscriber.receive_until(b"last")) == count


def test_a_subscriber_that_reads_slowly_at_sigterm_gets_all_that_is_called_delivered(
        start_relay, start_dump, context):
    relay = start_relay({"node.drain_deadline": "10s"})
    dump = start_dump(relay, "slow")
    dump.pause()
    # Less than its credit, more than the kernel's buffers: all is in libzmq, nothing in the tap.
    count = Push(context, relay.push).lists(220, padding=600)
    relay.await_accepted(count)
    until(lambda: relay.metrics().ledger("stream", "slow")[1] == count, "all is handed over")
    relay.signal(signal.SIGTERM)
    try:
        relay.process.wait(1)
    except subprocess.TimeoutExpired:
        pass  # it waits for the subscriber, as it should
    dump.resume()
    relay.wait(0)
    assert relay.log_lines("nothing left behind")
    dump.await_lines("sequence", count, 10)


def test_events_that_nobody_takes_by_the_deadline_are_counted_and_the_exit_code_is_3(
        start_relay, start_dump, context):
    relay = start_relay({"node.drain_deadline": "500ms"})
    pushed_but_not_delivered(relay, start_dump, context)
    held = relay.metrics().ledger("stream", "late")[4]
    relay.signal(signal.SIGTERM)
    took, _ = seconds_of(lambda: relay.wait(3))
    assert 0.4 < took < 3
    # What it was sent and has not read counts as well, so the sum is larger.
    assert relay.log_lines("warning", f"'late' was not sent {held} events, and may not have read")
    assert relay.log_lines("warning", "stream left", "events behind")
    assert not relay.log_lines("nothing left behind")


def test_a_second_sigterm_ends_at_once(start_relay, start_dump, context):
    relay = start_relay({"node.drain_deadline": "60s"})
    pushed_but_not_delivered(relay, start_dump, context)
    relay.signal(signal.SIGTERM)
    until(lambda: relay.log_lines("stopping; up to 60000 ms"), "it says that it stops")
    relay.signal(signal.SIGTERM)
    took, _ = seconds_of(lambda: relay.wait(3))
    assert took < 3
    assert relay.log_lines("events behind")


def test_sigint_stops_like_sigterm(start_relay):
    relay = start_relay()
    relay.signal(signal.SIGINT)
    relay.wait(0)
    assert relay.log_lines("nothing left behind")


def test_a_stream_subscriber_is_told_bye(relay, stream):
    client = stream()
    client.open()
    relay.stop()
    assert client.bye() == ("closing", "the relay stops")


def test_senders_that_never_pause_cannot_keep_it_from_stopping(start_relay, context, start_dump):
    relay = start_relay({"node.drain_deadline": "3s"})
    sender = subprocess.Popen([XYLEM, "emit", "task-sent", "--count", "100000000", "--connect",
                               relay.push, "--timeout", "1"], env=clean_environment(),
                              stderr=subprocess.DEVNULL)
    try:
        until(lambda: relay.accepted() > 10_000, "events flow")
        relay.signal(signal.SIGTERM)
        took, code = seconds_of(lambda: relay.process.wait(timeout=15))
    finally:
        sender.kill()
        sender.wait()
    relay.wait(code)
    assert code in (0, 3) and took < 6


def test_ipc_sockets_are_removed_at_the_end(start_relay):
    relay = start_relay()
    path = pathlib.Path(relay.push_ipc.removeprefix("ipc://"))
    assert path.is_socket()
    relay.stop()
    assert not path.exists()


def test_after_the_drain_the_last_scrape_balances(start_relay, start_dump, context):
    relay = start_relay()
    dump, count = pushed_but_not_delivered(relay, start_dump, context)
    relay.signal(signal.SIGTERM)
    until(lambda: relay.log_lines("stopping"), "it stops")
    now = relay.metrics()
    assert not now.unbalanced()
    assert now.ledger("stream", "late")[0] == count
    dump.resume()
    relay.wait(0)
