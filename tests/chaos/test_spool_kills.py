"""S1: a relay that is killed at any of its spool's writes. What it had acknowledged is
recovered and replayed, once, whichever call was its last."""
import random

import pytest

from acked_source import AckedSource
from conclusion import conclude
from lives import Lives
from oracle import Oracle
from resuming_stream import ResumingStream
from waiting import until

SEED = 20
SAMPLE = 20
EVERY_ONE_OF_THE_FIRST = 9  # the lock, the first segment, the first batches
EVENTS = 300  # of each source in the run that is counted; some six segments
SMALL = {"spool.segment_bytes": "64KiB", "spool.bytes_max": "16MiB", "spool.sync_interval": "20ms"}


class Run:
    """One spool, one oracle, and lives that end at a call of a life's own choice."""

    def __init__(self, start_relay, start_proxy, write_faults, context, spool):
        self.faults = write_faults(spool)
        self.central = Lives(start_relay, start_proxy, {**SMALL, "spool.directory": spool},
                             env=self.faults.environment())
        self.oracle = Oracle(seed=SEED, padding_max=900)
        self.oracle.consumer("replay")
        self.context, self.sources, self.stream = context, [], None

    def start(self, *rules):
        """False if it was killed before it was ready."""
        self.faults.set(*rules)
        try:
            self.central.start()
        except AssertionError:
            assert self.faults.counts().injected(act="kill"), "it ended by itself"
            return False
        for source in self.sources:
            source.resume()
        return True

    def add_sources(self, count=None):
        """Windows are small, so that there are many writes."""
        self.sources = [
            AckedSource(self.context, self.central.acked.endpoint, self.oracle, level, level=level,
                        rate=4000, window_bytes=8 << 10, count=count).start()
            for level in ("written", "synced")]

    def send_until_it_dies_or_all_is_acked(self):
        def is_over():
            return self.central.relay.process.poll() is not None or all(
                source.is_done() for source in self.sources)
        until(is_over, lambda: f"dead or done: {[str(each) for each in self.sources]}", 20)
        self.central.kill()

    def replay(self):
        self.stream = ResumingStream(self.context, self.central.stream.endpoint, self.oracle,
                                     "replay", from_start=True).start()

    def conclude(self):
        verdict = conclude(self.oracle, *self.sources)
        assert verdict.figures["duplicates_within_epoch"] == 0, verdict.report()
        assert verdict.figures["duplicates_across_epochs"] == 0, verdict.report()
        assert not verdict.consumers["replay"]["gap_notices"], verdict.report()

    def end(self):
        for each in [*self.sources, *filter(None, [self.stream])]:
            each.stop()


@pytest.fixture
def start_run(start_relay, start_proxy, write_faults, context, folder):
    runs = []

    def start():
        runs.append(Run(start_relay, start_proxy, write_faults, context,
                        folder / f"spool{len(runs)}"))
        return runs[-1]

    yield start
    for run in runs:
        run.end()


def calls_of_a_clean_run(start_run):
    run = start_run()
    assert run.start()
    run.add_sources(EVENTS)
    run.send_until_it_dies_or_all_is_acked()
    print(run.faults.counts())
    return run.faults.counts().calls()


def one_life_and_a_replay(run, last_call):
    """The first life ends at its `last_call`-th call, the second replays."""
    if run.start(f"any kill after={last_call}"):
        run.add_sources()
        run.send_until_it_dies_or_all_is_acked()
    run.oracle.premise("kills", lambda: run.faults.counts().injected(act="kill"))
    assert run.start()
    if not run.sources:
        run.add_sources()
    run.replay()
    run.conclude()
    run.central.relay.stop()
    run.end()


def test_S1_killed_at_any_write_what_was_acked_is_replayed_once(start_run):
    calls = calls_of_a_clean_run(start_run)
    chance = random.Random(SEED)
    later = chance.sample(range(EVERY_ONE_OF_THE_FIRST + 1, calls), SAMPLE)
    print(f"seed {SEED}: {calls} calls, killed at {sorted(later)} and all up to "
          f"{EVERY_ONE_OF_THE_FIRST}")
    assert calls > 80
    for last_call in [*range(1, EVERY_ONE_OF_THE_FIRST + 1), *sorted(later)]:
        print(f"--- killed at call {last_call}")
        one_life_and_a_replay(start_run(), last_call)


@pytest.mark.parametrize("tear", ["", "pwritev short 100 after={call}"],
                         ids=["whole", "torn"])
def test_S1_killed_at_any_write_of_the_recovery(start_run, tear):
    """The second life has something to recover, and is killed while it does."""
    chance = random.Random(SEED)
    for recovery_call in range(1, 9):
        call = chance.randrange(20, 40)
        run = start_run()
        first = [f"pwritev kill-after after={call}"]
        assert run.start(*([tear.format(call=call)] if tear else []), *first)
        run.add_sources()
        run.send_until_it_dies_or_all_is_acked()
        run.oracle.premise("kills", lambda run=run: run.faults.counts().injected(act="kill"))
        if run.start(f"any kill after={recovery_call}"):
            run.send_until_it_dies_or_all_is_acked()
        assert run.start()
        run.replay()
        run.conclude()
        run.central.relay.stop()
        run.end()
