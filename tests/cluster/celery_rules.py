"""The celery rules against celery.events.state.State itself, over seeded random streams of events.

    celery_rules.py REPLAY [--events N] [--seed S]

Every stream has loss, duplicates, disorder, retries, redelivery, clock resets, unknown types and
missing fields, and every fourth has bounds that are far too small. Exit 0: no difference; 77: no
Celery here.
"""

import argparse
import gc
import json
import random
import subprocess
import sys

FIELDS = """type hostname timestamp clock utcoffset pid local_received name args kwargs eta expires
retries queue exchange routing_key root_id parent_id result runtime exception traceback terminated
signum expired requeue state sent received started succeeded failed retried revoked rejected
client""".split()
WORKER_FIELDS = "pid freq clock active processed loadavg sw_ident sw_ver sw_sys".split()
RAISED = {"exception": "ValueError('x')", "traceback": "Traceback"}
ENDS = {"succeeded": {"result": "'ok'", "runtime": 0.5}, "failed": RAISED, "retried": RAISED,
        "revoked": {"terminated": False, "signum": None, "expired": False},
        "rejected": {"requeue": False}}
NAMES = ["proj.add", "proj.mul", "proj.übersetze", 'quoted."name"', "a\nb"]
REQUIRED = "uuid hostname timestamp local_received clock type".split()


class Stream:
    """A fleet's events for a while, as they would arrive over a bad link."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.now = 1_700_000_000.0
        self.clock = 0
        self.hosts = [f"celery@w{i}" for i in range(self.chance.randint(1, 6))]
        self.pids = {host: 100 + i for i, host in enumerate(self.hosts)}
        self.skews = {host: self.chance.choice([0, 0, -100, 1000, 0.25]) for host in self.hosts}
        self.known = []

    def event(self, kind, host, **fields):
        self.now += self.chance.random()
        self.clock += self.chance.randint(1, 3)
        if self.chance.random() < 0.01:
            self.clock = 0  # a restart without --statedb
        timestamp = round(self.now + self.skews.get(host, 0), 6)
        return {"type": kind, "hostname": host, "timestamp": timestamp, "utcoffset": 0,
                "pid": self.pids.get(host, 7), "clock": self.clock, **fields}

    def worker(self):
        host = self.chance.choice(self.hosts)
        if self.chance.random() < 0.1:
            self.pids[host] += 1000
        kind = self.chance.choice(["heartbeat"] * 5 + ["online", "offline", "elect", "heartbeat"])
        fields = {"freq": self.chance.choice([2, 2.0, 5]), "sw_ident": "py-celery",
                  "sw_ver": "5.2.6", "sw_sys": "Linux"}
        if self.chance.random() < 0.8:
            fields.update(active=self.chance.randint(0, 9), loadavg=[0.5, 0.25, 1],
                          processed=self.chance.randint(0, 999))
        return [self.event(f"worker-{kind}", host, **fields)]

    def life(self):
        uuid = f"id-{self.chance.randint(0, 10 ** 9)}"
        parent = None
        if self.known and self.chance.random() < 0.4:
            parent = self.chance.choice(self.known)
        if self.chance.random() < 0.1:
            parent = f"id-later-{self.chance.randint(0, 5)}"
        if self.chance.random() < 0.05:
            uuid = f"id-later-{self.chance.randint(0, 5)}"
        self.known.append(uuid)
        say, events = self.chance.random, []
        sent = dict(uuid=uuid, name=self.chance.choice(NAMES), args="(1, 'é')", kwargs="{}",
                    root_id=uuid, parent_id=parent, retries=0, eta=None, expires=None)
        for attempt in range(self.chance.randint(1, 3)):
            host = self.chance.choice(self.hosts)
            sent["retries"] = attempt
            if say() < 0.5:
                events.append(self.event("task-sent", "gen9@client", **sent, queue="celery",
                                         exchange="", routing_key="celery"))
            for _ in range(2 if say() < 0.1 else 1):
                events.append(self.event("task-received", host, **sent))
                events.append(self.event("task-started", host, uuid=uuid))
            if say() < 0.2:
                custom = self.chance.choice(["task-progress", "task-cancelled", "task-", "task"])
                events.append(self.event(custom, host, uuid=uuid, result="'custom'"))
            end = self.chance.choice([*ENDS, None])
            if end:
                events.append(self.event(f"task-{end}", host, uuid=uuid, **ENDS[end]))
            if end != "retried":
                break
        return events

    def arrived(self, wanted):
        events = []
        while len(events) < wanted:
            events += self.worker() if self.chance.random() < 0.25 else self.life()
            if self.chance.random() < 0.02:
                events.append(self.event(self.chance.choice(["custom-event", "nogroup"]), "x"))
        late = [self.chance.choice([0, 0, 0, self.chance.expovariate(0.1)]) for _ in events]
        order = sorted(range(len(events)), key=lambda i: i + late[i])
        out = []
        for i in order:
            if self.chance.random() < 0.05:
                continue
            out += [dict(events[i])] * (2 if self.chance.random() < 0.05 else 1)
        return [self.damaged(dict(event)) for event in out[:wanted]]

    def damaged(self, event):
        event["local_received"] = round(event["timestamp"] + self.chance.random() * 3, 6)
        if self.chance.random() < 0.02:
            event.pop(self.chance.choice(REQUIRED), None)
        elif self.chance.random() < 0.02:
            event["clock"] = None
        elif self.chance.random() < 0.01:
            event["client"] = "overwritten"
        return event


def uuids(tasks):
    return sorted(json.dumps(task.uuid) for task in tasks)


def members(index):
    return {key: uuids(tasks) for key, tasks in index.items() if len(tasks)}


def dump_of(state, now):
    gc.collect()
    tasks = []
    known = state.tasks.data
    for uuid, task in known.items():
        fields = {name: getattr(task, name, None) for name in FIELDS}
        tasks.append([uuid, fields, task.worker and task.worker.hostname, uuids(task.children),
                      task.parent_id and getattr(known.get(task.parent_id), "uuid", None),
                      task.root_id and getattr(known.get(task.root_id), "uuid", None)])
    workers = []
    for host, worker in state.workers.data.items():
        beats = worker.heartbeats
        fields = {name: getattr(worker, name) for name in WORKER_FIELDS}
        workers.append([host, fields, list(beats),
                        bool(beats and now < worker.heartbeat_expires)])
    return {"event_count": state.event_count, "task_count": state.task_count, "tasks": tasks,
            "workers": workers, "by_time": [uuid for uuid, _ in state.tasks_by_time()],
            "types": state.task_types(), "by_type": members(state.tasks_by_type),
            "by_worker": members(state.tasks_by_worker)}


def quoted(tasks):
    return sorted(json.dumps(uuid) for uuid in tasks)


def readable(dump):
    """What the replay printed, in dump_of()'s form, with Celery's defaults."""
    defaults = {"state": "PENDING", "clock": 0}
    for task in dump["tasks"]:
        task[1] = {name: task[1].get(name, defaults.get(name)) for name in FIELDS}
        task[3] = quoted(task[3])
    defaults = {"freq": 60, "clock": 0}
    for worker in dump["workers"]:
        worker[1] = {name: worker[1].get(name, defaults.get(name)) for name in WORKER_FIELDS}
    dump["types"] = sorted(dump["types"])
    for index in ("by_type", "by_worker"):
        dump[index] = {key: quoted(tasks) for key, tasks in dump[index] if tasks}
    return dump


def first_difference(theirs, ours, path=""):
    if isinstance(theirs, dict) and isinstance(ours, dict):
        pairs = [(f"{path}.{key}", theirs.get(key), ours.get(key))
                 for key in sorted({*theirs, *ours}, key=str)]
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        pairs = [(f"{path}[{i}]", *pair) for i, pair in enumerate(zip(theirs, ours))]
    else:
        return None if theirs == ours else f"{path}: celery {theirs!r}, ours {ours!r}"
    for where, one, other in pairs:
        if (found := first_difference(one, other, where)):
            return found
    return None


def celery_dump(events, bounds, state_class):
    workers_max, tasks_max = bounds
    state = state_class(max_workers_in_memory=workers_max, max_tasks_in_memory=tasks_max)
    small = tasks_max < len(events)
    for event in events:
        before = len(state.tasks.data)
        try:
            state.event(event)
        except (KeyError, TypeError, AttributeError):
            pass
        # What has left lives on in weak sets until it is collected, which depends on chance.
        if small and len(state.tasks.data) >= tasks_max and before:
            gc.collect()
    now = max((event.get("local_received", 0) for event in events), default=0)
    return now, dump_of(state, now)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("replay")
    options.add_argument("--events", type=int, default=20_000)
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()
    try:
        from celery.events import state as celery_state
    except ImportError:
        print("SKIPPED: python3-celery is not installed")
        return 77
    celery_state.warn = lambda *args: None
    gc.freeze()
    done, seed = 0, options.seed
    while done < options.events:
        small = seed % 4 == 0
        events = Stream(seed).arrived(300 if small else 2000)
        bounds = (3, 20) if small else (5000, 10_000)
        lines = [json.dumps(event, ensure_ascii=seed % 2 == 0) for event in events]
        now, theirs = celery_dump(events, bounds, celery_state.State)
        lines = [f"!reset {bounds[0]} {bounds[1]}", *lines, f"!dump {now!r}"]
        said = subprocess.run([options.replay], input="\n".join(lines) + "\n",
                              capture_output=True, check=True, encoding="utf-8").stdout
        difference = first_difference(theirs, readable(json.loads(said)))
        if difference:
            print(f"--seed {seed}: {difference}")
            return 1
        if not theirs["tasks"]:
            print(f"--seed {seed}: a stream without tasks proves nothing")
            return 1
        done += len(events)
        seed += 1
    print(f"{done} events in {seed - options.seed} streams, 0 differences")
    return 0


if __name__ == "__main__":
    sys.exit(main())
