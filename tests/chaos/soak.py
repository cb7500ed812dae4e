#!/usr/bin/python3
"""Faults for as long as one likes: `./dev soak --minutes N`. Sidecars, a central, a subscriber and
the oracle, a fault every half minute, and after each a round of hostile peers at the central; at
the end a report of what happened, how long each recovery took, what honest peers noticed, and
whether anything was lost or grew. In the first half relays die, too; in the second they live on, so
that one sees whether they grow."""
import argparse
import json
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import zmq  # noqa: E402

import wire_frames  # noqa: E402  needs tests/system on the path
from soak_faults import Faults  # noqa: E402
from soak_fleet import Fleet  # noqa: E402
from soak_hostile import Findings, Rounds  # noqa: E402
from soak_report import Sample, report  # noqa: E402
from write_faults import library  # noqa: E402

SAMPLE_EVERY_S = 5
RECOVERY_S = 60


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=400, help="events a second, in all")
    parser.add_argument("--every", type=float, default=30, help="seconds between faults")
    parser.add_argument("--hostile", type=float, default=20,
                        help="seconds of hostile peers after each fault; 0: none")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--report", type=pathlib.Path, default=pathlib.Path("build/soak.md"))
    return parser.parse_args()


class Sampler:
    """Looks at every relay every few seconds."""

    def __init__(self, fleet, began):
        self.samples = []
        self._fleet, self._began, self._over = fleet, began, threading.Event()
        self._births = {}
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()

    def stop(self):
        self._over.set()
        self._thread.join(20)

    def _run(self):
        while not self._over.wait(SAMPLE_EVERY_S):
            for name, lives in self._fleet.named():
                try:
                    self.samples.append(self._look(name, lives))
                except (OSError, AttributeError):
                    pass  # it is between two lives

    def _look(self, name, lives):
        now = time.monotonic()
        pid = lives.relay.process.pid
        born = self._births.setdefault(pid, now)
        spool = self._fleet.folder / name
        return Sample(
            name, pid, now - self._began, now - born, lives.relay.resident_bytes(),
            len(os.listdir(f"/proc/{pid}/fd")),
            sum(file.stat().st_blocks * 512 for file in spool.iterdir() if file.exists()),
            sum(source.events for source in self._fleet.sources), self._fleet.stream.events)


def happen(fleet, fault, name, began):
    at = time.monotonic() - began
    hits = fault()
    healed = time.monotonic()
    fleet.await_recovery(RECOVERY_S)
    recovery = time.monotonic() - healed
    print(f"{at:6.0f} s  {name:16} hits {hits}, well again after {recovery:.1f} s", flush=True)
    return name, at, hits, recovery


def run(fleet, options, chance, began, rounds):
    """The faults of the run: (name, at, hits, seconds that the recovery took)."""
    done, over = [], threading.Event()
    faults = Faults(fleet, chance, over.wait)
    fleet.await_recovery(RECOVERY_S)
    half, end = (began + options.minutes * 60 * part for part in (0.5, 1))
    next_at = time.monotonic() + options.every / 2
    while next_at < end:
        over.wait(max(0, next_at - time.monotonic()))
        fault = faults.draw(deadly=time.monotonic() < half)
        done.append(happen(fleet, fault, fault.__name__, began))
        if options.hostile and time.monotonic() + 2 * options.hostile < end:
            done.append(happen(fleet, rounds.run, "hostile_peers", began))
        next_at = max(next_at + options.every, time.monotonic() + options.every / 4)
    over.wait(max(0, end - time.monotonic()))
    return done


def main():
    options = arguments()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"seed {seed}, {options.minutes:g} minutes, {options.rate:g} events/s", flush=True)
    with tempfile.TemporaryDirectory(prefix="xylem-soak-") as place, zmq.Context() as context:
        folder = pathlib.Path(place)
        (folder / "wire").mkdir()
        wire_frames.generate(folder / "wire")
        began = time.monotonic()
        fleet = Fleet(folder, context, library(folder), options.rate, seed)
        sampler, done, failure = Sampler(fleet, began), [], None
        rounds = Rounds(fleet, context, threading.Event().wait, options.hostile)
        try:
            done = run(fleet, options, random.Random(seed), began, rounds)
            sampler.stop()
            fleet.finish(RECOVERY_S)
        except (AssertionError, RuntimeError) as said:
            failure = str(said)
        finally:
            sampler.stop()
            fleet.oracle.premise("faults", sum(hits > 0 for _, _, hits, _ in done))
            verdict = fleet.oracle.verdict()
            resent = sum(source.resent for source in fleet.sources)
            fleet.end()
        findings = Findings(rounds, fleet.lags, sampler.samples) if rounds.hostile else None
        if findings is not None and findings.wrong and failure is None:
            failure = "; ".join(findings.wrong)
        text = report(options, seed, done, sampler.samples, verdict, resent, failure, findings)
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(text)
        print(text)
        print(json.dumps(verdict.figures), file=sys.stderr)
        return 0 if verdict.ok and failure is None else 1


if __name__ == "__main__":
    sys.exit(main())
