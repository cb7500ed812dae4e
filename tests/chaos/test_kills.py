"""Relays that are killed again and again while events flow: what was acknowledged arrives."""
import pytest

from conclusion import conclude
from waiting import until

SMALL_LOG = {"spool.segment_bytes": "64KiB", "spool.bytes_max": "64MiB"}


def spooled(folder, name, **more):
    return {**SMALL_LOG, "spool.directory": folder / name, **more}


@pytest.fixture
def pair(start_lives, folder):
    """A central, and a sidecar that sends everything on to it."""
    central = start_lives(spooled(folder, "central"))
    sidecar = start_lives(spooled(folder, "sidecar", **{
        "upstream.connect": central.acked.endpoint, "upstream.name": "sidecar"}))
    return central, sidecar


def goes_on(source, batches=20):
    """Until the source has got so many more batches acknowledged."""
    before = source.acked
    until(lambda: source.acked >= before + batches, lambda: f"acks go on: {source}")


def arrives(stream, events=50):
    before = stream.events
    until(lambda: stream.events >= before + events, lambda: f"events go on: {stream}")


def test_a_central_that_is_killed_again_and_again_loses_nothing(
        start_lives, folder, oracle, start_source, start_stream):
    central = start_lives(spooled(folder, "central"))
    stream = start_stream(central.stream.endpoint, "all")
    sources = [start_source(central.acked.endpoint, f"p{n}") for n in range(3)]
    for _ in range(8):
        arrives(stream)
        central.restart()
    oracle.premise("lives", central.begun, least=9)
    oracle.premise("resent", lambda: sum(source.resent for source in sources))
    conclude(oracle, *sources)


def test_a_sidecar_whose_central_is_killed_again_and_again_loses_nothing(
        pair, oracle, start_source, start_stream):
    central, sidecar = pair
    stream = start_stream(central.stream.endpoint, "all")
    sources = [start_source(sidecar.acked.endpoint, f"p{n}") for n in range(2)]

    def connections():
        return sidecar.relay.metric("xylem_upstream_connections_total")
    for _ in range(10):
        # What arrives may be the last of the life before, so that says not yet that this one began.
        until(lambda: connections() >= central.begun, lambda: f"it connects: {connections()}")
        arrives(stream)
        central.restart()
    oracle.premise("lives of the central", central.begun, least=11)
    oracle.premise("connections of the sidecar", connections, least=11)
    conclude(oracle, *sources)


def test_a_sidecar_that_is_killed_again_and_again_loses_nothing(
        pair, oracle, start_source, start_stream):
    central, sidecar = pair
    stream = start_stream(central.stream.endpoint, "all")
    sources = [start_source(sidecar.acked.endpoint, f"p{n}") for n in range(2)]
    for _ in range(8):
        arrives(stream)
        sidecar.restart()
    oracle.premise("lives of the sidecar", sidecar.begun, least=9)
    verdict = conclude(oracle, *sources)
    assert verdict.figures["duplicates_within_epoch"] == 0


def test_a_central_and_its_sidecar_that_are_killed_in_turn_lose_nothing(
        pair, oracle, start_source, start_stream):
    central, sidecar = pair
    stream = start_stream(central.stream.endpoint, "all")
    source = start_source(sidecar.acked.endpoint, "p")
    for _ in range(3):
        central.kill()
        goes_on(source)
        sidecar.restart()
        goes_on(source)
        central.start()
        arrives(stream)
    oracle.premise("lives", central.begun + sidecar.begun, least=8)
    conclude(oracle, source)
