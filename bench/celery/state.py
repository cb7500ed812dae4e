"""What Celery's State costs for the events of bench/cluster_bench.cc: state.py [TASKS]"""

import sys
import time
import tracemalloc

from celery.events.state import State


def lives(tasks):
    clock = 0
    for kind in ("received", "started", "succeeded"):
        for task in range(tasks):
            clock += 1
            uuid = f"{task:08x}-9420-4ad5-95e1-5634d305e299"
            event = {"hostname": f"celery@worker-{task % 50}.example", "utcoffset": 0, "pid": 4711,
                     "clock": clock, "uuid": uuid, "timestamp": 1699999999.5,
                     "local_received": 1700000000.0, "type": f"task-{kind}"}
            if kind == "received":
                event.update(name=f"proj.tasks.add{task % 100}", args="(1, 2)",
                             kwargs="{'a': 17}", root_id=uuid, parent_id=None, retries=0, eta=None,
                             expires=None)
            elif kind == "succeeded":
                event.update(result="3", runtime=0.0271)
            yield event


def main(tasks):
    events = list(lives(tasks))
    state = State(max_tasks_in_memory=tasks, max_workers_in_memory=1000)
    began = time.perf_counter()
    for event in events:
        state.event(event)
    took = time.perf_counter() - began
    assert len(state.tasks) == tasks
    few = min(tasks, 10_000)
    tracemalloc.start()
    state = State(max_tasks_in_memory=few)
    before = tracemalloc.get_traced_memory()[0]
    for event in lives(few):
        state.event(event)
    kept = tracemalloc.get_traced_memory()[0] - before
    print(f"{len(events)} events, {len(events) / took:,.0f} events/s, "
          f"{kept / few:,.0f} bytes a task with its strings")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
