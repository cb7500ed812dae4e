"""R2, Z2: subscribers that are slow or stopped cost nobody anything and learn what they missed."""
import signal

from conclusion import conclude
from stream_client import StreamClient
from waiting import seconds_of, until

SLOW_S = 0.05  # for an event, while the others get thousands
PROMPT_S = 1.0  # of a fast subscriber's lag, on a machine that others use
TAP = {"tap_bytes": 64 << 10, "credit": 64 << 10}


def spooled(folder, **more):
    return {"spool.directory": folder / "spool", **more}


def exact_gaps(verdict, name):
    """Gaps of overflow count what is missing, to the event."""
    of = verdict.consumers[name]
    assert of["gap_events"] == of["not_delivered"] > 0, verdict.report()
    assert of["gap_events_unknown"] == 0 and set(of["gap_notices"]) == {"overflow"}
    return of["gap_events"]


def slow_beside_fast(start_lives, oracle, start_source, start_stream, settings, policy):
    """Runs until the slow one has filled its tap; both are then to catch up."""
    central = start_lives(settings)
    fast = start_stream(central.stream.endpoint, "fast")
    slow = start_stream(central.stream.endpoint, "slow", overflow=policy, pace_s=SLOW_S, **TAP)
    source = start_source(central.acked.endpoint, "p", rate=3000, batch_events=20,
                          level="written" if "spool.directory" in settings else "received")
    until(lambda: fast.events > 12_000, lambda: f"the fast one is not held up: {fast}", 30)
    assert slow.events < 1000
    lag, _ = seconds_of(lambda: until(lambda: fast.events >= source.acked * 20,
                                      "the fast one is up to date"))
    assert lag < PROMPT_S
    return central, fast, slow, source


def test_R2_a_very_slow_subscriber_gets_exact_gaps_and_rejoins(
        start_lives, oracle, start_source, start_stream):
    central, fast, slow, source = slow_beside_fast(
        start_lives, oracle, start_source, start_stream, {}, "drop_oldest")
    dropped = central.relay.metric("xylem_tap_dropped_events_total", tap="slow")
    oracle.premise("dropped for the slow one", dropped, least=1000)
    slow.hurry()
    verdict = conclude(oracle, source)
    assert fast.gaps == []
    assert exact_gaps(verdict, "slow") == central.relay.metric(
        "xylem_tap_dropped_events_total", tap="slow")


def test_R2_a_very_slow_subscriber_that_spills_gets_everything_later(
        start_lives, folder, oracle, start_source, start_stream):
    central, fast, slow, source = slow_beside_fast(
        start_lives, oracle, start_source, start_stream,
        spooled(folder, **{"stream.retention_bytes": "64KiB"}), "spill")
    assert central.relay.metric("xylem_stream_subscribers_behind") == 1
    oracle.premise("events behind", fast.events - slow.events, least=5000)
    slow.hurry()
    verdict = conclude(oracle, source)
    assert fast.gaps == [] and slow.gaps == []
    assert verdict.figures["not_delivered"] == 0
    assert verdict.figures["duplicates_within_epoch"] == 0


def test_R2_spill_without_a_spool_is_refused(start_relay, context):
    relay = start_relay()
    client = StreamClient(context, relay.stream)
    client.hello(overflow="spill")
    reason, text = client.bye()
    assert reason == "refused" and "takes a spool" in text


def test_block_is_demoted_after_its_deadline(start_lives, oracle, start_source, start_stream):
    central = start_lives({"stream.block_deadline": "1s", "pipeline.ring_batches": 8})
    fast = start_stream(central.stream.endpoint, "fast")
    slow = start_stream(central.stream.endpoint, "slow", overflow="block", pace_s=0.1, **TAP)
    source = start_source(central.acked.endpoint, "p", rate=3000, batch_events=20,
                          level="received")
    until(lambda: central.relay.get("/readyz")[0] == 503 or
          central.relay.metric("xylem_stream_demoted_total") == 1, "everything waits for it", 20)
    until(lambda: central.relay.metric("xylem_stream_demoted_total") == 1, "it is demoted", 20)
    assert central.relay.log_lines("'slow' has held everything up", "demoted to drop_oldest")
    before = fast.events
    until(lambda: fast.events > before + 2000, "the others go on")
    oracle.premise("dropped for the slow one", lambda: central.relay.metric(
        "xylem_tap_dropped_events_total", tap="slow"))
    slow.hurry()
    verdict = conclude(oracle, source)
    exact_gaps(verdict, "slow")
    assert central.relay.metric("xylem_stream_demoted_total") == 1


def feed(oracle, consumer, dump, seen):
    """Tells the oracle what a dump has printed since; `seen` is how many lines it was told."""
    lines = dump.lines()
    for line in lines[seen:]:
        if line.get("type") == "xylem-gap":
            oracle.gap(consumer, line["first"], line["last"], line["count"], line["reason"],
                       line.get("epoch"))
        elif "event" in line:
            oracle.deliver(consumer, line["event"], line["sequence"], line.get("epoch"))
    return len(lines)


def test_Z2_a_stopped_subscriber_whose_peers_leave_learns_exactly_what_it_missed(
        start_relay, start_dump, oracle, start_source):
    relay = start_relay({"stream.tap_bytes_max": "128KiB", "stream.idle_timeout": "60s"})
    oracle.consumer("stopped")
    stopped = start_dump(relay, "stopped")
    source = start_source(relay.acked, "p", rate=5000, batch_events=20, level="received",
                          window_bytes=1 << 20)
    stopped.await_lines("sequence", 100)
    stopped.pause()
    visitors = leave_and_come(start_dump, relay, 6)
    until(lambda: relay.metric("xylem_tap_dropped_events_total", tap="stopped") > 3000,
          "its tap has overflowed", 30)
    oracle.premise("peers that left", visitors)
    stopped.resume()
    source.finish()
    seen = 0
    def caught_up():
        nonlocal seen
        seen = feed(oracle, "stopped", stopped, seen)
        return oracle.settled()
    until(caught_up, lambda: oracle.verdict().report(), 30)
    verdict = oracle.verdict()
    print(verdict.report())
    verdict.check()
    exact_gaps(verdict, "stopped")


def leave_and_come(start_dump, relay, count):
    """Subscribers that end, half of them by SIGKILL; returns how many that were."""
    for number in range(count):
        visitor = start_dump(relay, f"visitor{number}")
        if number % 2:
            visitor.process.send_signal(signal.SIGKILL)
            visitor.process.wait()
        else:
            visitor.finish()
    return count
