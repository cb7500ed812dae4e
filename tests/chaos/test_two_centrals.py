"""A sidecar with two centrals, and outages that last: nothing is lost, each worker's events stay in
order, and heartbeats that are too old to say anything are not published."""
import json
import threading

import pytest
import zmq

from conclusion import conclude
from oracle import Oracle
from plain_clients import Subscriber
from waiting import until

WORKERS = 12   # so many that each central has some
STALE_S = 4.0  # docs/protocol.md: an older heartbeat says nothing any more


class WorkersOracle(Oracle):
    """Its producers are workers: the hostname tells to which central an event goes."""

    def event(self, id):
        return {**super().event(id), "hostname": f"celery@{id.producer}"}


@pytest.fixture
def oracle():
    return WorkersOracle(seed=12)


@pytest.fixture
def centrals(start_lives, folder):
    return [start_lives({"spool.directory": folder / f"central{n}"}) for n in range(2)]


@pytest.fixture
def sidecar(centrals, start_lives, folder):
    both = ", ".join(central.acked.endpoint for central in centrals)
    return start_lives({"spool.directory": folder / "sidecar", "upstream.connect": f"[{both}]",
                        "upstream.failover_after": "500ms"})


class Both:
    """What two streams got, as one consumer: a worker's events come from one at a time."""

    def __init__(self, oracle, start_stream, centrals):
        oracle.consumer("both")
        oracle.limit("skipped", None)  # sequences are each central's own
        self.streams = [start_stream(central.stream.endpoint, "both", is_owed=False)
                        for central in centrals]

    def goes_on(self, at, events=50):
        before = self.streams[at].events
        until(lambda: self.streams[at].events >= before + events,
              lambda: f"central {at} gets events: {self.streams[at]}")


def moves(sidecar):
    return sidecar.relay.metric("xylem_upstream_moves_total")


def test_workers_move_to_the_other_central_and_return(
        centrals, sidecar, oracle, start_source, start_stream):
    both = Both(oracle, start_stream, centrals)
    sources = [start_source(sidecar.acked.endpoint, f"w{n}", rate=80)
               for n in range(WORKERS)]
    both.goes_on(0)
    both.goes_on(1)
    for down in (0, 1):
        before = moves(sidecar)
        centrals[down].kill()
        until(lambda: moves(sidecar) > before, "its workers move")
        both.goes_on(1 - down)
        before = moves(sidecar)
        centrals[down].start()
        until(lambda: moves(sidecar) > before, "they return")
        both.goes_on(down)
        both.goes_on(1 - down)
    oracle.premise("moves", moves(sidecar), least=4)
    # What one had and had not acknowledged when it went is sent to the other too.
    conclude(oracle, *sources)


def test_the_sidecar_of_two_centrals_is_killed(
        centrals, sidecar, oracle, start_source, start_stream):
    both = Both(oracle, start_stream, centrals)
    oracle.limit("out_of_order", None)  # it repeats what it had sent since its cursor
    sources = [start_source(sidecar.acked.endpoint, f"w{n}", rate=80)
               for n in range(WORKERS)]
    for _ in range(4):
        both.goes_on(0)
        both.goes_on(1)
        sidecar.restart()
    oracle.premise("lives", sidecar.begun, least=5)
    conclude(oracle, *sources)


class Published:
    """What the publish lane gives to a SUB of heartbeats, with the time that each was sent."""

    def __init__(self, context, relay):
        self.socket = Subscriber(context, relay, "worker.heartbeat").socket
        self.numbers = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._over.is_set():
            if self.socket.poll(50):
                self.numbers.append(json.loads(self.socket.recv_multipart(zmq.DONTWAIT)[1])["n"])

    def stop(self):
        self._over.set()
        self._thread.join(10)


def test_after_an_outage_old_heartbeats_are_in_the_stream_and_not_published(
        start_lives, folder, oracle, start_source, start_stream, context):
    central = start_lives({"spool.directory": folder / "central"})
    sidecar = start_lives({"spool.directory": folder / "sidecar",
                           "upstream.connect": central.acked.endpoint})
    start_stream(central.stream.endpoint, "all")
    published = Published(context, central.relay)
    source = start_source(sidecar.acked.endpoint, "w", rate=200, batch_events=4)
    until(lambda: len(published.numbers) > 20, "heartbeats are published")
    central.acked.refuse()
    central.acked.reset_all()
    away_from = source.events
    until(lambda: source.events > away_from + 200 * (STALE_S + 2.5), "the outage lasts")
    source.pause()
    back_at = source.events
    central.acked.pass_through()
    source.resume()
    stale = "xylem_tap_dropped_events_total"
    until(lambda: central.relay.metric(stale, sink="publish", reason="stale") > 0, "some are stale")
    oracle.premise("stale heartbeats",
                   lambda: central.relay.metric(stale, sink="publish", reason="stale"), least=50)
    conclude(oracle, source)
    published.stop()
    missing = set(range(3, source.events, 4)) - set(published.numbers)
    dropped = central.relay.metric(stale, sink="publish", reason="stale")
    assert len(missing) <= dropped + 5, "nothing else is missing, but the first before the SUB"
    late = {n for n in missing if n > away_from}
    # The oldest are those of the beginning of the outage; the newest were fresh when it ended.
    assert late and max(late) < back_at - 200 * (STALE_S - 2.0)
    assert not central.relay.metrics().unbalanced()
