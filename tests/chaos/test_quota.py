"""S5: a spool whose quota is used up, with each policy. The counters are the oracle's figures, and
every ledger balances."""
import pytest

from conclusion import conclude
from waiting import until

QUOTA = {"spool.segment_bytes": "64KiB", "spool.bytes_max": "512KiB", "pipeline.ring_batches": 8,
         "stream.retention_bytes": "0"}
DROPPED = "xylem_tap_dropped_events_total"


def dropped(relay):
    return relay.metric(DROPPED, sink="upstream", reason="spool_quota")


def ledgers_balance(relay):
    assert not relay.metrics().unbalanced(), relay.metrics().unbalanced()


@pytest.fixture
def central(start_lives, folder):
    return start_lives({"spool.directory": folder / "central"})


@pytest.fixture
def start_sidecar(central, start_relay, folder):
    return lambda policy: start_relay({
        **QUOTA, "spool.directory": folder / "sidecar", "spool.overflow": policy,
        "upstream.connect": central.acked.endpoint})


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest"])
def test_S5_what_a_full_quota_drops_is_counted_exactly(
        central, start_sidecar, oracle, start_source, start_stream, policy):
    start_stream(central.relay.stream, "all")
    sidecar = start_sidecar(policy)
    source = start_source(sidecar.acked, "p", rate=4000, batch_events=20)
    until(lambda: source.acked > 10, "acks flow")
    central.acked.refuse()
    central.acked.reset_all()
    until(lambda: dropped(sidecar) > 2000, lambda: f"the quota is used up: {source}")
    ledgers_balance(sidecar)
    assert sidecar.metric("xylem_spool_bytes") <= 512 << 10
    central.acked.pass_through()
    until(lambda: sidecar.metric("xylem_upstream_connected") == 1, "it is connected again")
    source.pause().await_acked()
    until(lambda: sidecar.metrics().ledger("upstream", central.acked.endpoint)[4] == 0,
          lambda: f"everything is sent on: {sidecar.metrics().text}")
    source.resume()  # there is room again, also for the fresh event
    source.finish()
    ledgers_balance(sidecar)
    lost = dropped(sidecar)
    oracle.limit("lost", lost)
    oracle.premise("dropped by the quota", lost, least=2000)
    until(lambda: oracle.outstanding() <= lost,
          lambda: f"the rest arrives, but {lost}:\n{oracle.verdict().report()}")
    verdict = oracle.verdict()
    print(verdict.report())
    verdict.check()
    assert verdict.figures["lost"] == lost, "what is counted is what is missing"
    assert verdict.figures["duplicates_within_epoch"] == 0


def test_S5_block_makes_the_sources_wait_and_loses_nothing(
        central, start_sidecar, oracle, start_source, start_stream):
    start_stream(central.relay.stream, "all")
    sidecar = start_sidecar("block")
    source = start_source(sidecar.acked, "p", rate=4000, batch_events=20)
    until(lambda: source.acked > 10, "acks flow")
    central.acked.refuse()
    central.acked.reset_all()
    until(lambda: sidecar.get("/readyz")[0] == 503 and "quota" in sidecar.get("/readyz")[1],
          "it says that the quota is used up", 20)
    stopped_at = source.acked
    assert sidecar.metric("xylem_spool_bytes") <= 512 << 10
    ledgers_balance(sidecar)
    until(lambda: source.unacked and source.resent > 0, "the source waits, and asks again")
    assert source.acked <= stopped_at + 8, "rings and groups are all that can still move"
    central.acked.pass_through()
    until(lambda: sidecar.get("/readyz")[0] == 200, "it goes on", 20)
    oracle.premise("batches that waited", source.resent)
    conclude(oracle, source)
    assert dropped(sidecar) == 0


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest", "block"])
def test_S5_without_a_consumer_the_oldest_goes_and_replay_says_so(
        start_lives, folder, oracle, start_source, start_stream, policy):
    central = start_lives({**QUOTA, "spool.directory": folder / "central",
                           "spool.overflow": policy})
    source = start_source(central.acked.endpoint, "p", rate=8000, batch_events=20, count=12_000)
    oracle.consumer("late")
    first = central.relay.metric("xylem_epoch_start_time_seconds")
    until(source.is_done, lambda: f"all is written: {source}", 30)
    assert central.relay.metric("xylem_spool_segments_removed_total") > 3
    late = start_stream(central.stream.endpoint, "late", is_owed=False,
                        position=(round(first * 1e6), 1))
    oracle.premise("segments removed",
                   central.relay.metric("xylem_spool_segments_removed_total"), least=3)
    verdict = conclude(oracle, source)
    assert verdict.consumers["late"]["gap_notices"] == {"retention": 1}, str(late)
    assert verdict.figures["gap_events_unknown"] == verdict.figures["not_delivered"]


def test_S5_a_quota_that_goes_through_a_whole_epoch_is_told(
        start_lives, folder, oracle, start_source, start_stream):
    """The subscriber was in an epoch of which nothing is left. Nobody knows any more how much it
    had, so that gap has no end."""
    central = start_lives({**QUOTA, "spool.directory": folder / "central"})
    stream = start_stream(central.stream.endpoint, "all")
    source = start_source(central.acked.endpoint, "p", rate=2000, batch_events=20)
    until(lambda: stream.events > 200, "events arrive")
    central.stream.refuse()
    central.stream.reset_all()
    before = source.acked
    until(lambda: source.acked > before + 20, "it misses the end of its epoch")
    source.pause().await_acked()
    end = central.relay.metric("xylem_pipeline_next_sequence")
    central.restart()
    before = source.resume().acked
    until(lambda: source.acked > before + 600, "the next epoch is long", 30)
    at = stream.position  # only now: what had reached it before the reset has been read by then
    missed = end - at[1]
    central.stream.pass_through()
    oracle.premise("missed of the epoch that is gone", missed, least=400)
    oracle.limit("lost", missed)
    source.finish()
    until(lambda: oracle.outstanding() <= missed, lambda: oracle.verdict().report())
    oracle.verdict().check()
    (reason, first, last, count, epoch), *more = stream.gaps
    assert (reason, first, last, count, epoch) == ("retention", at[1], 0, 0, at[0])
    assert [gap[1] for gap in more] == [1], "and the beginning of the next is gone as well"
    assert oracle.verdict().figures["lost"] == missed
