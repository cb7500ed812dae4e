"""SIGTERM with acked sources, a spool and a relay upstream: what was taken is answered for, what is
left is told."""
import signal

import pytest

from conclusion import conclude
from lives import Lives
from waiting import seconds_of, until


@pytest.fixture
def central(start_lives, folder):
    return start_lives({"spool.directory": folder / "central"})


def ends(life, expected, seconds=20):
    """Its exit code is this, and it says nothing that it must never say."""
    life.relay.wait(expected, seconds)
    return life.relay.log()


@pytest.mark.parametrize("level", ["received", "written", "synced"])
def test_the_final_acks_arrive_and_nothing_is_sent_twice(
        central, oracle, start_source, start_stream, level):
    start_stream(central.stream.endpoint, "all")
    source = start_source(central.acked.endpoint, "p", level=level, rate=3000)
    until(lambda: source.acked > 50, "acks flow")
    central.relay.signal(signal.SIGTERM)
    assert "nothing left behind" in ends(central, 0)
    taken = source.acked
    central.start()
    oracle.premise("batches acknowledged before the end", taken, least=50)
    verdict = conclude(oracle, source)
    assert verdict.figures["duplicates_across_epochs"] == 0 or level == "received"
    assert central.relay.metric("xylem_spool_damaged_bytes") == 0


def test_a_sidecar_that_is_stopped_leaves_its_log_for_the_next_life(
        central, start_lives, folder, oracle, start_source, start_stream):
    sidecar = start_lives({"spool.directory": folder / "sidecar",
                           "upstream.connect": central.acked.endpoint})
    start_stream(central.stream.endpoint, "all")
    source = start_source(sidecar.acked.endpoint, "p", rate=2000)
    until(lambda: source.acked > 20, "acks flow")
    central.acked.refuse()
    central.acked.reset_all()
    before = source.acked
    until(lambda: source.acked > before + 50, "the sidecar takes them alone")
    sidecar.relay.signal(signal.SIGTERM)
    took, said = seconds_of(lambda: ends(sidecar, 0))
    assert "events stay in the spool" in said and took < 5, "nobody is there to wait for"
    central.acked.pass_through()
    sidecar.start()
    oracle.premise("batches only in the spool", source.acked - before, least=50)
    verdict = conclude(oracle, source)
    assert verdict.figures["duplicates_within_epoch"] == 0


@pytest.fixture
def stuck(start_relay, start_proxy, write_faults, folder, start_source, start_stream):
    """A central under load whose disk takes nothing more: (central, faults, source)."""
    def make(drain_deadline, rule):
        faults = write_faults(folder / "spool")
        central = Lives(start_relay, start_proxy, {"spool.directory": folder / "spool",
                                                   "node.drain_deadline": drain_deadline},
                        env=faults.environment()).start()
        start_stream(central.stream.endpoint, "all")
        source = start_source(central.acked.endpoint, "p", rate=2000)
        until(lambda: source.acked > 20, "acks flow")
        faults.set(rule)
        central.why_not_ready()
        return central, faults, source
    return make


def starts_again(central, faults, source, oracle):
    faults.clear()
    central.start()
    oracle.premise("faults", lambda: faults.counts().injected())
    conclude(oracle, source)


def test_with_work_left_the_exit_code_is_3_and_the_report_says_where(stuck, oracle):
    central, faults, source = stuck("1s", "pwritev EIO")
    central.relay.signal(signal.SIGTERM)
    took, said = seconds_of(lambda: ends(central, 3))
    assert took < 4 and "spool left" in said and "events behind" in said, said
    starts_again(central, faults, source, oracle)


def test_a_second_sigterm_does_not_wait_for_a_disk(stuck, oracle):
    central, faults, source = stuck("60s", "pwritev ENOSPC")
    central.relay.signal(signal.SIGTERM)
    until(lambda: central.relay.log_lines("stopping; up to 60000 ms"), "it says that it stops")
    central.relay.signal(signal.SIGTERM)
    took, said = seconds_of(lambda: ends(central, 3))
    assert took < 4 and "events behind" in said
    starts_again(central, faults, source, oracle)
