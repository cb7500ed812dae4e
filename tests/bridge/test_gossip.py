"""Real workers keep Gossip and its elections when a relay carries their `worker.*`."""
import json
import re

import pytest
from celery import Celery

from celery_programs import PLUGIN, known_to_gossip
from events import heartbeat
from plain_clients import Push
from relay_process import clean_environment, xylem
from waiting import until

WORKERS = ("w1", "w2", "w3")
ELECTIONS = 10


@pytest.fixture
def app(broker):
    with Celery("test", broker=broker.amqp_url, set_as_current=False) as made:
        yield made


@pytest.fixture
def start_workers(broker, start_programs, exchange):
    """Workers that gossip on the test's exchange; with a relay they have the plug-in for it."""
    programs = start_programs(broker)

    def start(names, *options, relay=None):
        plugin = {"PROJ_EVENTS": PLUGIN, "XYLEM_PUSH": relay.push} if relay else {}
        return {name: programs.worker(name, "--pool", "solo", *options, PROJ_EXCHANGE=exchange,
                                      **plugin) for name in names}
    return start


def winners(workers, name):
    """Who says to have won; None as long as some worker has not decided."""
    logs = {worker: one.log() for worker, one in workers.items()}
    decided = re.compile(rf"(I won the election|node \S+ elected for) '{name}'")
    if not all(decided.search(log) for log in logs.values()):
        return None
    return [worker for worker, log in logs.items() if f"I won the election '{name}'" in log]


def elect(app, workers, folder, name):
    """All are asked to elect one of them to send a task; who won, and who ran what was sent."""
    app.control.election(name, "task", {
        "task": "proj.elected", "args": [name], "kwargs": {}, "options": {"queue": "elected"}})
    until(lambda: winners(workers, name), lambda: f"they decide {name}", 20)
    file = folder / f"elected-{name}"
    until(lambda: file.exists() and file.read_text().endswith("\n"), f"{name} is run")
    return winners(workers, name), file.read_text().split()


def test_workers_elect_one_of_them_without_a_relay(app, start_workers, folder, exchange):
    """The control: unmodified Celery does so with the same words in its logs."""
    workers = start_workers(WORKERS, "--queues", "elected")
    asked = [f"{name}@test" for name in WORKERS]
    until(lambda: knows_all(app, asked), "they know each other", 30)
    won, ran = elect(app, workers, folder, f"{exchange}-0")
    assert won and ran


def knows_all(app, asked):
    answers = known_to_gossip(app, *asked)
    return len(answers) == len(asked) and all(
        len(known) == len(asked) - 1 for known in answers.values())


@pytest.mark.parametrize("worker_events", ["mirror", "decimate", "elect_only"])
def test_workers_elect_one_of_them_through_a_relay(app, start_bridge, start_workers, folder,
                                                   exchange, worker_events):
    relay = start_bridge({"amqp_sink.exchange": exchange,
                          "amqp_sink.worker_events": worker_events})
    workers = start_workers(WORKERS, "--queues", "elected", relay=relay)
    asked = [f"{name}@test" for name in WORKERS]
    if worker_events == "elect_only":
        # They know nobody before they elect; the relay knows them all.
        until(lambda: relay.accepted() >= len(WORKERS), "all have said that they are online")
    else:
        until(lambda: knows_all(app, asked), "they know each other", 30)
    for number in range(ELECTIONS):
        # No other test's: what its workers did not acknowledge comes again.
        won, ran = elect(app, workers, folder, f"{exchange}-{number}")
        assert len(won) == 1 and len(ran) == 1, f"{number}: {won} {ran}"


OTHER = heartbeat("other@test")
MALFORMED = {
    "a list": [OTHER],
    "no hostname": {name: value for name, value in OTHER.items() if name != "hostname"},
    "no type": {name: value for name, value in OTHER.items() if name != "type"},
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_worker_event_ends_an_unmodified_worker(client, exchange, start_workers, what):
    """Why the sink is strict: Gossip.on_message lets the exception through (Celery 5.2)."""
    worker = start_workers(["w1"])["w1"]

    def ended():
        # Again, for while a worker starts it swallows what its first look for messages raises.
        client.publish(exchange, "worker.heartbeat", MALFORMED[what])
        return not worker.running()
    until(ended, lambda: f"it ends: {worker.log()}", 30)
    assert "Unrecoverable error" in worker.log()


def test_malformed_worker_events_stay_in_the_relay(app, context, start_bridge, start_workers,
                                                   exchange):
    relay = start_bridge({"amqp_sink.exchange": exchange})
    worker = start_workers(["w1"])["w1"]
    push = Push(context, relay.push)
    for body in MALFORMED.values():
        push.frames(b"worker.heartbeat", json.dumps(body).encode())
    push.frames(b"worker.heartbeat", json.dumps(heartbeat("celery@other")).encode())
    until(lambda: "celery@other" in known_to_gossip(app, "w1@test").get("w1@test", {}),
          lambda: f"what is good goes through: {worker.log()}")
    assert worker.running()


def test_workers_answer_what_xylem_control_tells_them(app, broker, client, start_workers,
                                                      exchange):
    environment = clean_environment(XYLEM_AMQP_URL=broker.amqp_url)
    mailbox = client.listen(exchange)
    start_workers(["w1"], "--without-heartbeat")
    assert xylem("control", "heartbeat", env=environment).returncode == 0
    answer = mailbox.await_events(1)[0]
    assert answer["type"] == "worker-heartbeat"
    assert (answer["hostname"], answer["freq"]) == ("w1@test", 5)
    app.send_task("proj.add", (1, 2), queue="w1")
    app.send_task("proj.note", ("done",), queue="w1")
    until(lambda: client.drain() or "custom-note" in [one["type"] for one in mailbox.events()],
          "both have run")
    assert not [one for one in mailbox.events() if one["type"] == "task-succeeded"]
    assert xylem("control", "enable-events", env=environment).returncode == 0
    app.send_task("proj.add", (1, 2), queue="w1")
    until(lambda: client.drain() or "task-succeeded" in [one["type"] for one in mailbox.events()],
          "it sends its tasks' events", 20)


def test_a_thinned_out_fleet_answers_at_once(broker, client, start_bridge, start_workers, exchange):
    """Or a monitor that asks who is there would know nobody for an interval."""
    mailbox = client.listen(exchange, "worker.heartbeat")
    relay = start_bridge({"amqp_sink.exchange": exchange, "amqp_sink.worker_events": "decimate",
                          "amqp_sink.heartbeat_interval": "60s"})
    start_workers(["w1"], relay=relay)
    mailbox.await_events(1)
    environment = clean_environment(XYLEM_AMQP_URL=broker.amqp_url)
    assert xylem("control", "heartbeat", env=environment).returncode == 0
    answer = mailbox.await_events(2)[1]
    assert "active" not in answer and answer["freq"] == 60
