"""Celery's Receiver and State, which tell what they saw; and a camera for `celery events`.

    PROJ_EXCHANGE=celeryev python3 monitor.py

answers a line `total` or `count TYPE UUID_OR_HOSTNAME` with a number, and `save FILE` when all is
in the file.
"""
import collections
import json
import os
import pathlib
import sys
import threading

from celery.app.events import Events
from celery.events.snapshot import Polaroid
from celery.events.state import State, Task

from proj import app, folder

#: Which clocks a task's events have, and so its last one, depends on how those of its client and
#: of its worker fall together.
TASK_FIELDS = sorted(set(Task._fields) - {
    "clock", "timestamp", "worker", "client", "root", "parent", "children"})
WORKER_FIELDS = ("hostname", "pid", "freq", "active", "processed", "loadavg", "sw_ident", "sw_ver",
                 "sw_sys")


class LargeState(State):
    """Forgets none of our tasks; Celery's keeps 10,000."""

    def __init__(self, *args, **options):
        super().__init__(*args, **{"max_tasks_in_memory": 100_000, **options})


class LargeEvents(Events):
    state_cls = LargeState


class Camera(Polaroid):
    """Leaves its last picture in a file: how many tasks each worker has in each state."""

    def on_shutter(self, state):
        counts = collections.defaultdict(collections.Counter)
        for _, task in state.itertasks():
            if task.worker is not None:
                counts[task.worker.hostname][task.state] += 1
        picture = folder / f"{app.conf.event_exchange}.picture"
        picture.with_suffix(".new").write_text(json.dumps(
            {"events": state.event_count, "received": state.task_count, "tasks": counts}))
        picture.with_suffix(".new").replace(picture)


def without_what_receivers_add(event):
    added = {"local_received"} | ({"clock"} if event["type"] == "task-sent" else set())
    return {name: value for name, value in event.items() if name not in added}


def task_fields(task):
    hosts = {"worker": task.worker and task.worker.hostname, "client": task.client,
             "children": sorted(child.id for child in task.children)}
    fields = {**{name: getattr(task, name, None) for name in TASK_FIELDS}, **hosts}
    if task.retried:
        # A client says that it sent after it has sent; by then a worker may have sent it again,
        # and which of their two task-sent comes last is what State keeps.
        for name in ("client", "sent", "retries", "eta", "parent_id", "children"):
            del fields[name]
    return fields


class Monitor:
    def __init__(self):
        self.seen, self.left = [], []
        self.counts = collections.Counter()
        self.state = LargeState(on_node_leave=self._leave)

    def take(self, event):
        self.seen.append(without_what_receivers_add(event))
        self.counts[event["type"], event.get("uuid") or event["hostname"]] += 1
        self.state.event(event)

    def _leave(self, worker):
        self.left.append({name: getattr(worker, name) for name in WORKER_FIELDS})

    def answer(self):
        for line in sys.stdin:
            word, *rest = line.split()
            if word == "total":
                print(len(self.seen), flush=True)
            elif word == "count":
                print(self.counts[tuple(rest)], flush=True)
            else:
                pathlib.Path(rest[0]).write_text(json.dumps({
                    "events": self.seen, "left": self.left,
                    "tasks": {task.id: task_fields(task) for _, task in self.state.itertasks()}}))
                print(0, flush=True)
        os._exit(0)


def main():
    monitor = Monitor()
    threading.Thread(target=monitor.answer, daemon=True).start()
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": monitor.take})
        receiver.capture(limit=None, timeout=None, wakeup=True)


if __name__ == "__main__":
    main()
