"""Networks that reset, swallow, drip and cut, under acked links: nothing is lost, and each
link comes back by itself."""
import pytest

from conclusion import conclude
from waiting import until

SILENCE_S = 5  # docs/protocol.md §7: a source that hears nothing for so long connects anew
STORM_S_MAX = 60


@pytest.fixture
def central(start_lives, folder):
    return start_lives({"spool.directory": folder / "central", "spool.bytes_max": "256MiB"})


@pytest.fixture
def sidecar(central, start_relay, folder):
    return start_relay({"spool.directory": folder / "sidecar", "spool.bytes_max": "256MiB",
                        "upstream.connect": central.acked.endpoint, "upstream.name": "sidecar"})


def storm_until(oracle, link, seed, resets, sent_again):
    """Resets connections until so many were hit, and some of them with frames under way. Which are,
    is chance: a fixed time hits none once in a few hundred runs."""
    storm = link.storm(every_s=0.1, for_s=STORM_S_MAX, seed=seed)
    until(lambda: storm.resets >= resets and sent_again() > 0,
          lambda: f"{resets} resets ({storm.resets}) and frames sent again ({sent_again()})",
          STORM_S_MAX)
    storm.stop()
    oracle.premise("resets", storm.resets, least=resets)
    oracle.premise("frames sent again", sent_again)


def test_Z9_a_storm_of_resets_loses_nothing_of_acked_producers(
        central, oracle, start_source, start_stream):
    start_stream(central.relay.stream, "all")
    sources = [start_source(central.acked.endpoint, f"p{n}", rate=400) for n in range(4)]
    storm_until(oracle, central.acked, 9, 80,
                lambda: sum(source.resent for source in sources))
    verdict = conclude(oracle, *sources)
    assert verdict.figures["duplicates_within_epoch"] == 0


def test_Z9_a_storm_of_resets_loses_nothing_of_a_sidecar(
        central, sidecar, oracle, start_source, start_stream):
    start_stream(central.relay.stream, "all")
    source = start_source(sidecar.acked, "p", rate=2000, batch_events=10)
    storm_until(oracle, central.acked, 10, 40,
                lambda: sidecar.metric("xylem_upstream_resent_batches_total"))
    verdict = conclude(oracle, source)
    assert verdict.figures["duplicates_within_epoch"] == 0


def test_Z9_half_open_for_longer_than_every_timeout_loses_nothing(
        central, sidecar, oracle, start_source, start_stream):
    start_stream(central.relay.stream, "all")
    sources = [start_source(central.acked.endpoint, "p"), start_source(sidecar.acked, "q")]
    until(lambda: all(source.acked > 10 for source in sources), "acks flow")
    central.acked.half_open()
    before = [source.connections for source in sources]
    until(lambda: sidecar.metric("xylem_upstream_connected") == 0, "the sidecar has noticed",
          SILENCE_S + 5)
    until(lambda: central.acked.snapshot().half_opened >= 4, "both have tried again, in vain",
          SILENCE_S + 5)
    central.acked.pass_through()
    oracle.premise("half-open connections", central.acked.snapshot().half_opened, least=4)
    oracle.premise("bytes swallowed", central.acked.snapshot().bytes_swallowed, least=10_000)
    conclude(oracle, *sources)
    assert sources[0].connections > before[0]


@pytest.mark.parametrize("way", ["to_target", "to_client"])
def test_Z9_cuts_in_mid_frame_lose_nothing(central, sidecar, oracle, start_source, start_stream,
                                           way):
    start_stream(central.relay.stream, "all")
    sources = [start_source(central.acked.endpoint, "p"),
               start_source(sidecar.acked, "q", rate=2000, batch_events=20)]
    size = (500, 4000) if way == "to_client" else (3000, 9000)
    central.acked.cut_after(size[0], spread=size[1], way=way)
    until(lambda: central.acked.snapshot().cuts >= 12, "connections were cut")
    central.acked.pass_through()
    oracle.premise("cuts", central.acked.snapshot().cuts, least=12)
    conclude(oracle, *sources)


def test_Z9_a_drip_and_a_delay_lose_nothing(central, sidecar, oracle, start_source, start_stream):
    start_stream(central.relay.stream, "all")
    source = start_source(sidecar.acked, "p", rate=1000, batch_events=20)
    central.acked.drip(30_000)
    until(lambda: central.acked.snapshot().bytes_dripped > 60_000, "it drips")
    central.acked.delay(80, jitter_ms=80)
    until(lambda: central.acked.snapshot().bytes_delayed > 200_000, "it comes late")
    central.acked.pass_through()
    oracle.premise("bytes dripped", central.acked.snapshot().bytes_dripped, least=60_000)
    oracle.premise("bytes delayed", central.acked.snapshot().bytes_delayed, least=200_000)
    conclude(oracle, source)
