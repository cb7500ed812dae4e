"""Rounds of a soak with every peer of tests/system/hostile_peers.py at once at the central: first
a window without them, then one as long with them. What honest peers see is held against each other.
"""
import array
import http.client
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
from typing import NamedTuple

import zmq

import hostile_peers
from waiting import until

PROBE_EVERY_S = 0.5
PROBE_PATIENCE_S = 2.0   # as an orchestrator's probe
CALM_AFTER_S = 2.0       # for what is under way, before anything is judged
READY_S = 60
PREFIX = b"task."        # what the plain subscriber has, and what strangers cancel
RATIO_MAX = 5.0          # of p99 with hostile peers to p99 without
RESIDENT_MIB_MAX = 1024  # of any relay
# Processes of their own, so that Python's lock is not what an honest peer waits for. The senders at
# full speed are apart from the others, which would otherwise keep them from it.
PROCESSES = (["push_on"],
             [peer.__name__ for peer in hostile_peers.ALL if peer is not hostile_peers.push_on])


class Span(NamedTuple):
    """By the monotonic clock."""

    begin: float
    end: float


class Lags:
    """When each event was made, and how long it took to its subscriber."""

    def __init__(self):
        self._made, self._took = array.array("d"), array.array("d")

    def add(self, made, took):
        self._made.append(made)
        self._took.append(took)

    def of(self, spans):
        """Those of events made in these spans, sorted."""
        return sorted(took for made, took in zip(self._made, self._took)
                      if any(span.begin <= made < span.end for span in spans))


def quantile(ordered, part):
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")


class Probe:
    """Asks /healthz as an orchestrator does, until it is stopped."""

    def __init__(self, endpoint):
        self.asked, self.failed, self.longest_s = 0, [], 0.0
        self._place = endpoint.removeprefix("http://")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probe", daemon=True)
        self._thread.start()

    def _run(self):
        while not self._over.wait(PROBE_EVERY_S):
            begun = time.monotonic()
            connection = http.client.HTTPConnection(self._place, timeout=PROBE_PATIENCE_S)
            self.asked += 1
            try:
                connection.request("GET", "/healthz", headers={"Connection": "close"})
                answer = connection.getresponse()
                said = answer.read().decode()
                if answer.status != 200:
                    self.failed.append(f"{answer.status} {said}")
            except OSError as error:
                self.failed.append(repr(error))
            finally:
                connection.close()
            self.longest_s = max(self.longest_s, time.monotonic() - begun)

    def stop(self):
        self._over.set()
        self._thread.join(2 * PROBE_PATIENCE_S)


class PlainWitness:
    """A plain SUB that is there for a window: of what came between the first and the last event of
    each producer, nothing may be missing."""

    def __init__(self, context, endpoint, types):
        self._turn = len(types)
        self._seen, self._over = {}, threading.Event()
        self._socket = context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.setsockopt(zmq.SUBSCRIBE, PREFIX)
        self._socket.connect(endpoint)
        self._wanted = {n for n, of in enumerate(types)
                        if of.replace("-", ".").encode().startswith(PREFIX)}
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)
        self._thread.start()

    def _run(self):
        while not self._over.is_set():
            if self._socket.poll(100):
                event = json.loads(self._socket.recv_multipart()[1])
                self._seen.setdefault(event["producer"], set()).add(event["n"])
        self._socket.close(linger=0)

    def stop(self):
        """(came, missing)"""
        self._over.set()
        self._thread.join(10)
        came = sum(map(len, self._seen.values()))
        spans = [range(min(seen), max(seen) + 1) for seen in self._seen.values()]
        owed = sum(n % self._turn in self._wanted for span in spans for n in span)
        return came, owed - came


class HostilePeers:
    """Their processes. They are at it once this is made."""

    def __init__(self, relay, wire):
        places = {door: getattr(relay, door)
                  for door in ("push", "acked", "publish", "stream", "http")}
        program = pathlib.Path(hostile_peers.__file__)
        environment = {**os.environ, "PYTHONPATH": str(wire)}
        self._running = []
        try:
            for names in PROCESSES:
                self._running.append(subprocess.Popen(
                    [sys.executable, str(program), json.dumps(places), *names], text=True,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment))
            for each in self._running:
                assert each.stdout.readline() == "ready\n", "hostile peers do not get going"
        except BaseException:
            self.kill()
            raise

    def kill(self):
        for each in self._running:
            each.kill()
            each.wait()

    def stop(self):
        """What they did, by its name."""
        did = {}
        try:
            for each in self._running:
                said, _ = each.communicate(timeout=60)
                assert each.returncode == 0, f"a hostile peer has failed: {said}"
                did.update(json.loads(said))
        finally:
            self.kill()
        return did


class Rounds:
    """`wait(seconds)` lets a window last."""

    def __init__(self, fleet, context, wait, seconds):
        self.calm, self.hostile = [], []   # spans
        self.did = {}
        self.asked, self.failed, self.longest_probe_s = 0, [], 0.0
        self.witnessed, self.missed = 0, 0
        self.held_up_s = 0.0
        self._fleet, self._context, self._wait, self._seconds = fleet, context, wait, seconds

    def run(self):
        """A round; returns 1, as faults return how often they happened."""
        relay = self._fleet.central.relay
        witness = PlainWitness(self._context, relay.publish, self._fleet.oracle.types)
        self.calm.append(self._window())
        peers = HostilePeers(relay, self._fleet.folder / "wire")
        probe = Probe(relay.http)
        try:
            self.hostile.append(self._window())
            probe.stop()
            for name, count in peers.stop().items():
                self.did[name] = self.did.get(name, 0) + count
        finally:
            probe.stop()
            peers.kill()
        self._wait(CALM_AFTER_S)
        came, missing = witness.stop()
        self.witnessed, self.missed = self.witnessed + came, self.missed + missing
        self.asked, self.failed = self.asked + probe.asked, self.failed + probe.failed
        self.longest_probe_s = max(self.longest_probe_s, probe.longest_s)
        self.held_up_s += self._held_up_s(relay)
        return 1

    def _window(self):
        begin = time.monotonic()
        self._wait(self._seconds)
        return Span(begin, time.monotonic())

    def _held_up_s(self, relay):
        """Since the last round, of a relay that may be another by now."""
        total = until(lambda: self._scrape(relay), "the relay tells its figures", READY_S)
        before = getattr(self, "_held_up", (relay, 0.0))
        self._held_up = (relay, total)
        return total - (before[1] if before[0] is relay else 0.0)

    @staticmethod
    def _scrape(relay):
        try:
            return relay.metric("xylem_block_held_up_seconds_total") + 1e-9
        except (OSError, http.client.HTTPException):
            return None


class Findings:
    """What the rounds showed; `wrong` says what may not be."""

    def __init__(self, rounds, lags, samples):
        self.rounds = rounds
        self.without, self.having = lags.of(rounds.calm), lags.of(rounds.hostile)
        self.ratio = quantile(self.having, 0.99) / quantile(self.without, 0.99)
        self.resident_mib = max((each.resident_bytes for each in samples), default=0) / (1 << 20)
        self.wrong = [text for holds, text in (
            (self.ratio <= RATIO_MAX, f"p99 is {self.ratio:.1f} times that without hostile peers"),
            (rounds.missed == 0, f"a plain subscriber missed {rounds.missed} events"),
            (rounds.witnessed > 0, "a plain subscriber saw nothing"),
            (not rounds.failed, f"/healthz failed {len(rounds.failed)} of {rounds.asked} times, "
                                f"such as: {rounds.failed[:3]}"),
            (self.resident_mib <= RESIDENT_MIB_MAX, f"a relay had {self.resident_mib:.0f} MiB"),
        ) if not holds]

    def lines(self):
        rounds = self.rounds
        did = ", ".join(f"{count} {what}" for what, count in sorted(rounds.did.items()))
        return ["| events made | events | p50 ms | p99 ms | p99.9 ms | longest ms |",
                "|---|---:|---:|---:|---:|---:|",
                self._row("without hostile peers", self.without),
                self._row("with hostile peers", self.having), "",
                f"p99 with hostile peers is {self.ratio:.2f} times that without (at most "
                f"{RATIO_MAX:g}), over {len(rounds.hostile)} rounds. /healthz answered "
                f"{rounds.asked - len(rounds.failed)} of {rounds.asked} times while they were "
                f"there, after {1000 * rounds.longest_probe_s:.0f} ms at the latest. A plain "
                f"subscriber got {rounds.witnessed} events and missed {rounds.missed}. Subscribers "
                f"with `block` held everything up for {rounds.held_up_s:.1f} s. They did: {did}."]

    @staticmethod
    def _row(name, lags):
        return f"| {name} | {len(lags)} | " + " | ".join(
            f"{1000 * quantile(lags, part):.1f}" for part in (0.5, 0.99, 0.999, 1)) + " |"
