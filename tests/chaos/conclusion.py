"""How a run ends: the faults are over, a fresh event passes, everything is there, and the oracle is
content."""
from waiting import until


def conclude(oracle, *sources, seconds=30):
    """Ends the sources and judges; returns the verdict, whose report is printed for who asks."""
    for source in sources:
        source.finish(seconds)
    until(oracle.settled, lambda: f"everything arrives:\n{oracle.verdict().report()}", seconds)
    verdict = oracle.verdict()
    print(verdict.report())
    for source in sources:
        print(source)
    verdict.check()
    return verdict
