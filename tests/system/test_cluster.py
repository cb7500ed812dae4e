"""What the cluster is doing, as the API of a running relay says it."""

import json
import time
from urllib.parse import quote

from relay_process import xylem
from waiting import until


def get(relay, path):
    status, body = relay.get(f"/api/v1/{path}")
    return status, json.loads(body)


def test_a_tasks_life_is_known_however_it_arrives(relay, push):
    now = time.time()
    said = {"hostname": "celery@web-1", "pid": 7, "uuid": "t"}
    push.event("task-succeeded", **said, clock=5, timestamp=now, runtime=0.5, result="'x'")
    push.event("task-retried", **said, clock=2, timestamp=now - 3, exception="E()")
    push.event("task-started", **said, clock=4, timestamp=now - 1)
    push.event("task-received", **said, clock=1, timestamp=now - 4, name="mail.send", retries=0)
    push.event("task-received", **said, clock=3, timestamp=now - 2, name="mail.send", retries=1)
    until(lambda: get(relay, "status")[1]["events"] == 5, "all of them are in the state")
    query = quote("name:mail.* state:SUCCESS has:result")
    status, page = get(relay, f"tasks?q={query}")
    assert (status, [task["uuid"] for task in page["tasks"]]) == (200, ["t"])
    _, task = get(relay, "tasks/t")
    assert (task["state"], task["attempts"], task["exception"]) == ("SUCCESS", 2, "E()")
    assert [event["type"][5:] for event in task["events"]] == [
        "received", "retried", "received", "started", "succeeded"]
    assert get(relay, "workers/celery%40web-1")[1]["verdict"] == "alive"
    assert get(relay, "names")[1]["names"][0]["run"]["count"] == 1


def test_the_state_is_a_sink_whose_ledger_balances(relay, push):
    for _ in range(10):
        push.event("task-started", uuid="t", timestamp=time.time())
    until(lambda: get(relay, "status")[1]["events"] == 10, "all of them are in the state")
    taps = json.loads(relay.get("/api/taps")[1])["taps"]
    ledger = next(tap["ledger"] for tap in taps if tap["sink"] == "state")
    assert (ledger["accepted"], ledger["delivered"], ledger["balances"]) == (10, 10, True)


def test_it_can_be_off(start_relay):
    relay = start_relay({"state.enabled": "false"})
    status, problem = get(relay, "tasks")
    assert (status, problem["code"]) == (503, "state_is_off")


def probe(relay, *arguments):
    done = xylem("probe", *arguments, "--connect", relay.http)
    return done.returncode, done.stdout


def test_probes_end_only_who_is_dead(relay, push):
    now = time.time()
    push.event("worker-heartbeat", hostname="celery@a", pid=7, timestamp=now, clock=1, freq=60)
    push.event("worker-offline", hostname="celery@b", pid=8, timestamp=now, clock=1, freq=2)
    until(lambda: get(relay, "status")[1]["events"] == 2, "both are in the state")
    assert probe(relay, "worker", "celery@a") == (0, "celery@a: alive\n")
    assert probe(relay, "worker", "celery@b") == (1, "celery@b: dead\n")
    assert probe(relay, "worker", "celery@b", "--nagios")[0] == 2
    code, said = probe(relay, "worker", "celery@/?x")
    assert (code, said.startswith("celery@/?x: unknown")) == (0, True)
    assert probe(relay, "worker", "celery@c", "--nagios")[0] == 3
    assert probe(relay, "relay")[0] == 0
    relay.kill()
    assert probe(relay, "worker", "celery@a")[0] == 0
    assert probe(relay, "relay")[0] == 1
