"""What a relay with native sockets costs when little happens: wake-ups at rest, and system calls of
a lone event. Both are counted, not timed."""
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

from plain_clients import Push, Subscriber
from waiting import until

REST_S = 5


def wake_ups(relay):
    """How often any of its threads has gone to sleep of itself, which is once a wake-up."""
    tasks = pathlib.Path(f"/proc/{relay.process.pid}/task").iterdir()
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)",
                             (task / "status").read_text(), re.M).group(1)) for task in tasks)


def test_a_relay_at_rest_wakes_twice_a_second_at_most(context, native):
    relay = native()
    push, subscriber = Push(context, relay.push), Subscriber(context, relay, "task.")
    push.event("task-sent")
    subscriber.receive(1)
    begun = time.monotonic()
    until(lambda: time.monotonic() > begun + 1, "what was under way is over")
    before, begun = wake_ups(relay), time.monotonic()
    until(lambda: time.monotonic() > begun + REST_S, "it has rested")
    per_second = (wake_ups(relay) - before) / (time.monotonic() - begun)
    print(f"{per_second:.1f} wake-ups a second")
    assert per_second <= 2


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace counts the calls")
def test_a_lone_event_takes_six_system_calls_at_most(context, native, folder):
    relay = native()
    push, subscriber = Push(context, relay.push), Subscriber(context, relay, "task.")
    push.event("task-sent")
    subscriber.receive(1)
    thread = next(task.name for task in pathlib.Path(f"/proc/{relay.process.pid}/task").iterdir()
                  if (task / "comm").read_text().strip() == "xylem-relay")
    said = folder / "calls"
    tracer = subprocess.Popen(["strace", "-p", thread, "-o", str(said)], stderr=subprocess.PIPE,
                              text=True)
    try:
        assert "attached" in tracer.stderr.readline()
        events = 50
        for _ in range(events):
            push.event("task-sent")
            subscriber.receive(1)
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)
    calls = [line.split("(")[0] for line in said.read_text().splitlines() if "(" in line]
    print({name: calls.count(name) for name in sorted(set(calls))})
    # A turn by the clock may come between.
    assert len(calls) <= 6 * events + 20
