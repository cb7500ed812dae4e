"""S3: a disk that is full, broken, short or slow. No ack is false, the relay lives and says what is
wrong, and when the disk is well again it goes on by itself, with everything."""
from typing import NamedTuple

import pytest

from conclusion import conclude
from lives import Lives
from waiting import until

SMALL = {"spool.segment_bytes": "64KiB", "spool.bytes_max": "16MiB", "spool.sync_interval": "50ms"}


class Fault(NamedTuple):
    name: str
    rules: tuple
    says: str  # in /readyz
    stops: tuple = ("written", "synced")  # levels that cannot be acknowledged meanwhile


STOPPING = [
    Fault("full", ("pwritev ENOSPC", "fallocate ENOSPC"), "No space left"),
    Fault("quota", ("any EDQUOT",), "Disk quota exceeded"),
    Fault("writes", ("pwritev EIO",), "Input/output error"),
    Fault("everything", ("any EIO",), "Input/output error"),
    Fault("syncs", ("fdatasync EIO",), "Input/output error", ("synced",)),
    Fault("directory", ("fsync EIO", "fdatasync EIO once"), "Input/output error"),
    Fault("no new file", ("open EMFILE", "fdatasync EIO once"), "Too many open files"),
]
PASSING = [
    Fault("short", ("pwritev short 100 one-in=3 seed=1",), ""),
    Fault("one write", ("pwritev EIO once",), ""),
    Fault("one sync", ("fdatasync EIO once",), ""),
    Fault("some syncs", ("fdatasync EIO one-in=4 seed=2",), ""),
    Fault("some of everything", ("any EIO one-in=6 seed=3",), ""),
    Fault("slow", ("fdatasync slow 2000 times=3",), ""),
    Fault("torn and full", ("pwritev short 70 one-in=2 seed=4", "pwritev ENOSPC one-in=3 seed=5"),
          ""),
]


class Run:
    """A central on a disk that does as it is told, a source for each level, and a subscriber."""

    def __init__(self, central, faults, sources, stream):
        self.central, self.faults, self.sources, self.stream = central, faults, sources, stream

    def acked(self, levels=("written", "synced")):
        return {level: self.sources[level].acked for level in levels}

    def await_acks(self, more=10):
        before = self.acked()
        until(lambda: all(now >= before[level] + more for level, now in self.acked().items()),
              lambda: f"acks flow: {[str(each) for each in self.sources.values()]}\n"
                      f"{self.central.relay.log()}")

    def failures(self):
        return self.faults.counts().injected()


@pytest.fixture
def run(start_relay, start_proxy, write_faults, folder, start_source, start_stream):
    faults = write_faults(folder / "spool")
    central = Lives(start_relay, start_proxy, {**SMALL, "spool.directory": folder / "spool"},
                    env=faults.environment()).start()
    stream = start_stream(central.stream.endpoint, "all")
    sources = {level: start_source(central.acked.endpoint, level, level=level, rate=400)
               for level in ("written", "synced")}
    made = Run(central, faults, sources, stream)
    made.await_acks()
    return made


def refuses_more(run, calls):
    before = run.failures()
    until(lambda: run.failures() >= before + calls, lambda: f"it tries: {run.faults.counts()}", 8)


def nothing_is_acked(run, fault):
    """While the disk refuses some calls, and the sources go on sending."""
    refuses_more(run, 1)  # acks of what was written before have come by now
    before = run.acked(fault.stops)
    refuses_more(run, 2)
    assert run.acked(fault.stops) == before, "that cannot have been written"
    assert all(run.sources[level].unacked > 20 for level in fault.stops), "some wait"


def conclude_with_premise(run, oracle):
    oracle.premise("faults", run.failures)
    return conclude(oracle, *run.sources.values())


@pytest.mark.parametrize("fault", STOPPING, ids=lambda fault: fault.name)
def test_S3_a_disk_that_says_no_for_a_while(run, oracle, fault):
    process = run.central.relay.process.pid
    run.faults.set(*fault.rules)
    assert fault.says in run.central.why_not_ready()
    nothing_is_acked(run, fault)
    assert fault.says in run.central.why_not_ready(), "and goes on saying so"
    run.faults.clear()
    run.central.await_ready()
    run.await_acks()
    assert run.central.relay.process.pid == process and run.central.begun == 1
    conclude_with_premise(run, oracle)


@pytest.mark.parametrize("fault", STOPPING[1:5], ids=lambda fault: fault.name)
def test_S3_killed_while_the_disk_says_no_and_started_on_it(run, oracle, fault):
    """It may not be able to keep what it found, and then will not start; but it says why."""
    run.faults.set(*fault.rules)
    run.central.why_not_ready()
    try:
        run.central.restart()
    except AssertionError as refused:
        assert fault.says in str(refused), "a relay that will not start says why"
    run.faults.clear()
    if run.central.relay.ended:
        run.central.start()
    run.central.await_ready()
    run.await_acks()
    conclude_with_premise(run, oracle)


def test_S3_killed_with_half_a_record_on_a_full_disk_it_starts_on_it(run, oracle):
    """What is allocated can be written on a full disk, so there is no reason not to start."""
    process = run.central.relay.process.pid
    run.faults.set("pwritev short 100 once", "pwritev ENOSPC", "fallocate ENOSPC")
    assert "No space left" in run.central.why_not_ready()
    run.central.kill()
    injected = run.failures()
    run.faults.set("pwritev ENOSPC file=.new", "pwritev ENOSPC file=.torn", "fallocate ENOSPC")
    run.central.start()
    assert run.failures() >= injected + 1, str(run.faults.counts())
    assert run.central.relay.process.pid != process
    run.faults.clear()
    run.central.await_ready()
    run.await_acks()
    verdict = conclude_with_premise(run, oracle)
    assert verdict.figures["duplicates_within_epoch"] == 0


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)
def test_S3_a_disk_that_stumbles(run, oracle, fault):
    run.faults.set(*fault.rules)
    before = run.failures()
    until(lambda: run.failures() >= before + (1 if "once" in fault.rules[0] else 3),
          lambda: f"it stumbles: {run.faults.counts()}", 20)
    run.await_acks()
    run.faults.clear()
    run.central.await_ready()
    verdict = conclude_with_premise(run, oracle)
    assert verdict.figures["duplicates_within_epoch"] == 0 and run.central.begun == 1
