"""Flower's API for reading, of a running relay, against Celery's own State."""
import json
import time

import pytest

from waiting import until

state_module = pytest.importorskip("celery.events.state")


def get(relay, path):
    status, body = relay.get(path)
    return status, json.loads(body)


def lives(now):
    """Tasks in every state that Celery has a name for, each in its order."""
    clock = iter(range(1, 1000))

    def event(kind, uuid, host="celery@web-1", **fields):
        tick = next(clock)
        return {"type": f"task-{kind}", "uuid": uuid, "hostname": host, "pid": 7, "clock": tick,
                "timestamp": round(now + tick / 8, 6), **fields}

    names = {"name": "mail.send", "args": "(1,)", "kwargs": "{}", "retries": 0, "eta": None,
             "expires": None, "root_id": "root", "parent_id": None}
    for uuid, end in {"ok": {"kind": "succeeded", "result": "'x'", "runtime": 0.5},
                      "bad": {"kind": "failed", "exception": "E('q')", "traceback": "T"},
                      "again": {"kind": "retried", "exception": "E()", "traceback": "T"},
                      "gone": {"kind": "revoked", "terminated": True, "signum": 15}}.items():
        yield event("sent", uuid, "gen1@api", **names, queue="q", exchange="x", routing_key="k")
        yield event("received", uuid, **names)
        yield event("started", uuid)
        yield event(end.pop("kind"), uuid, **end)
    yield event("received", "waiting", **names)
    yield event("started", "nameless")


def test_tasks_are_as_celery_has_them(relay, push):
    now = time.time() - 60
    celery = state_module.State()
    events = list(lives(now))
    for event in events:
        celery.event(dict(event, local_received=time.time()))
        push.event(**{"event_type": event["type"]},
                   **{name: value for name, value in event.items() if name != "type"})
    until(lambda: get(relay, "/api/v1/status")[1]["events"] == len(events), "the state has all")
    status, listed = get(relay, "/api/tasks?limit=100")
    assert status == 200
    for uuid, task in celery.tasks.items():
        theirs = task.as_dict()
        theirs["worker"] = task.worker.hostname
        theirs["retries"] = theirs["retries"] or 0
        status, ours = get(relay, f"/api/task/info/{uuid}")
        assert (status, ours) == (200, theirs)
        assert listed[uuid] == theirs
    latest = sorted(celery.tasks.values(), key=lambda task: -task.timestamp)
    assert list(listed) == [task.uuid for task in latest]


def test_workers_are_named_with_what_events_say(relay, push):
    now = time.time()
    push.event("worker-heartbeat", hostname="celery@a", pid=7, timestamp=now, clock=5, freq=60)
    push.event("worker-offline", hostname="celery@b", pid=8, timestamp=now, clock=1, freq=2)
    until(lambda: get(relay, "/api/v1/status")[1]["events"] == 2, "both are in the state")
    assert get(relay, "/api/workers?status=1")[1] == {"celery@a": True, "celery@b": False}
    assert get(relay, "/api/workers")[1]["celery@a"]["stats"] == {"pid": 7, "clock": "5"}
    assert get(relay, "/api/workers?workername=x")[0] == 404
