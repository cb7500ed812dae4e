"""What Celery's monitors see through a source and a sink is what they see on the broker.

Two relays stand beside one broker with four workers: one carries `celeryev` to the exchange
`sourced`; two of the workers and a client have the plug-in, and what it pushes the other relay puts
on `pushed`, while their mirrors put the same on `celeryev`. So one run has both sides of each
comparison: `celeryev` and `sourced` wholly, `celeryev` and `pushed` for those with the plug-in.
"""
import collections
import json

from celery import Celery

from celery_programs import PLUGIN, Monitors, known_to_gossip
from waiting import until

DIRECT, SOURCED, PUSHED = "celeryev", "sourced", "pushed"
TASKS_EACH = 10_000  # by each of the two clients
SEED = 20_000


def of_plugin(event):
    return (event.get("uuid") or event["hostname"]).startswith("plug")


def by_origin(events):
    """The events of each dispatcher, in their order. What a task sends by itself takes a connection
    of its own to the broker."""
    found = collections.defaultdict(list)
    for one in events:
        by_task = one["type"] in ("custom-note", "task-progress")
        found[one["hostname"], one["pid"], by_task].append(one)
    return found


class Scene:
    """Brokers, relays, monitors, observers, workers; `plug_env` gives a program the plug-in."""

    def __init__(self, programs, broker, start_bridge):
        self.programs, self.broker = programs, broker
        self.sourcing = start_bridge({"amqp_source.exchange": DIRECT,
                                      "amqp_sink.exchange": SOURCED}, url=broker.amqp_url)
        self.pushing = start_bridge({"amqp_sink.exchange": PUSHED}, url=broker.amqp_url)
        self.plug_env = {"PROJ_EVENTS": PLUGIN, "XYLEM_PUSH": self.pushing.push,
                         "XYLEM_MIRROR": "worker,task,custom"}
        self.app = Celery("test", broker=broker.amqp_url)
        self.monitors = {name: Monitors(programs, name) for name in (DIRECT, SOURCED, PUSHED)}
        self._await_queues({DIRECT: 4, SOURCED: 3, PUSHED: 3})
        # Silent workers, whose Gossip listens on one of the three exchanges.
        self.observers = {name: programs.worker(
            f"observer-{name}", "--pool", "solo", "--without-heartbeat", PROJ_EXCHANGE=name)
            for name in self.monitors}
        self.workers = {}
        for name in ("plain1", "plain2", "plug1", "plug2"):
            self.start_worker(name)

    def _await_queues(self, wanted):
        """Until so many queues are bound to each exchange."""
        def bound():
            sources = self.broker.ctl("list_bindings", "source_name").split()
            return {name: sources.count(name) for name in wanted}
        until(lambda: bound() == wanted, lambda: f"all monitors listen: {bound()}", 60)

    def start_worker(self, name):
        pool = ["prefork", "--concurrency", "2"] if name.endswith("1") else ["solo"]
        self.workers[name] = self.programs.worker(
            name, "--pool", *pool, "-E", **(self.plug_env if name.startswith("plug") else {}))

    def kill_and_restart(self, name):
        self.workers[name].kill()
        self.start_worker(name)

    def start_clients(self):
        return [self.programs.script("proj_client", prefix, TASKS_EACH, SEED, f"{prefix}1",
                                     f"{prefix}2", called=f"client-{prefix}",
                                     **(self.plug_env if prefix == "plug" else {}))
                for prefix in ("plain", "plug")]

    def send_hanging(self, worker, *seen_by):
        """A task that never ends runs on `worker`, and those monitors have seen it start."""
        name = f"{worker}-hanging"
        self.app.send_task("proj.hang", task_id=name, queue=worker)
        for one in seen_by:
            until(lambda: self.monitors[one].count("task-started", name) == 1,
                  f"{one} sees {name} start", 60)
        return name

    def await_idle(self):
        """No task waits or runs."""
        def waiting():
            rows = self.broker.ctl("list_queues", "name", "messages").splitlines()
            counts = dict(row.split("\t") for row in rows if "\t" in row)
            return {name: counts[name] for name in self.workers if counts[name] != "0"}
        until(lambda: not waiting(), lambda: f"all tasks are done: {waiting()}", 120)


def run(scene):
    """20,000 tasks; workers are killed, with and without the plug-in; a task is terminated."""
    clients = scene.start_clients()
    until(lambda: len(clients[0].out().split()) > 7, lambda: f"it sends: {clients[0].log()}", 120)
    scene.kill_and_restart("plain2")
    for client in clients:
        assert client.wait(400) == 0, client.log()
    scene.await_idle()
    scene.send_hanging("plug1", DIRECT, PUSHED)
    # Just after a heartbeat none is under way, that one of its two ways would have had already.
    def beats():
        return scene.monitors[PUSHED].count("worker-heartbeat", "plug1@test")
    before = beats()
    until(lambda: beats() > before, "it beats")
    scene.kill_and_restart("plug1")
    hanging = scene.send_hanging("plain1", DIRECT)
    scene.app.control.revoke(hanging, terminate=True)
    scene.await_idle()


def compare_gossip(scene):
    hosts = {f"{name}@test" for name in scene.workers}
    known = {}

    def agree():
        for name in scene.monitors:
            observer = f"observer-{name}@test"
            known[name] = known_to_gossip(scene.app, observer).get(observer, {})
        return known[DIRECT].keys() == hosts and (
            known[SOURCED] == known[DIRECT] and known[PUSHED] == {
                host: worker for host, worker in known[DIRECT].items() if host.startswith("plug")})
    until(agree, lambda: f"Gossip knows the same: {known}", 30)


def compare(scene):
    """Of the last event on, everything is equal, or becomes it before the patience ends."""
    monitors = scene.monitors
    for host in (f"{name}@test" for name in scene.workers):
        until(lambda: monitors[DIRECT].count("worker-offline", host) == 1,
              f"the last event of {host} comes", 60)
    until(lambda: monitors[SOURCED].total() == monitors[DIRECT].total(),
          lambda: f"all come: {[(name, one.total()) for name, one in monitors.items()]}", 60)
    saved = {DIRECT: monitors[DIRECT].saved()}
    of_plugins = [one for one in saved[DIRECT]["events"] if of_plugin(one)]
    until(lambda: monitors[PUSHED].total() == len(of_plugins),
          lambda: f"{len(of_plugins)} come: {monitors[PUSHED].total()}", 60)
    saved.update({name: monitors[name].saved() for name in (SOURCED, PUSHED)})
    compare_events(saved[DIRECT]["events"], saved[SOURCED]["events"])
    compare_events(of_plugins, saved[PUSHED]["events"])
    compare_states(saved)
    totals = {name: len(one["events"]) for name, one in saved.items()}
    compare_dumps(monitors, totals)
    compare_pictures(monitors, totals)
    return saved[DIRECT]


def compare_events(direct, relayed):
    direct, relayed = by_origin(direct), by_origin(relayed)
    assert direct.keys() == relayed.keys()
    for origin, events in direct.items():
        for number, (one, other) in enumerate(zip(events, relayed[origin])):
            assert one == other, f"event {number} of {origin}"
        assert len(events) == len(relayed[origin]), origin


def compare_states(saved):
    tasks = {name: one["tasks"] for name, one in saved.items()}
    of_plugins = {name: task for name, task in tasks[DIRECT].items() if name.startswith("plug")}
    for direct, relayed in ((tasks[DIRECT], tasks[SOURCED]), (of_plugins, tasks[PUSHED])):
        assert direct.keys() == relayed.keys()
        assert not {(name, field): (value, relayed[name][field])
                    for name, task in direct.items() for field, value in task.items()
                    if relayed[name][field] != value}
    left = {name: sorted(one["left"], key=json.dumps) for name, one in saved.items()}
    assert len(left[DIRECT]) == 4 and left[SOURCED] == left[DIRECT]
    assert left[PUSHED] == [one for one in left[DIRECT] if one["hostname"].startswith("plug")]


def compare_dumps(monitors, totals):
    until(lambda: all(len(one.records()) == totals[name] for name, one in monitors.items()),
          "all are printed", 60)
    direct, sourced, pushed = (collections.Counter(one.records()) for one in monitors.values())
    of_plugins = collections.Counter({
        text: times for text, times in direct.items()
        if text.startswith("plug") or "(plug-" in text or "uuid=plug-" in text})
    for one, other in ((direct, sourced), (of_plugins, pushed)):
        missing, more = list(one - other), list(other - one)
        assert not missing and not more, (missing[:3], more[:3])


def compare_pictures(monitors, totals):
    until(lambda: all((one.picture() or {}).get("events") == totals[name]
                      for name, one in monitors.items()), "pictures are taken", 60)
    direct, sourced, pushed = (one.picture() for one in monitors.values())
    assert direct == sourced
    assert pushed["tasks"] == {host: counts for host, counts in direct["tasks"].items()
                               if host.startswith("plug")}


def test_monitors_see_and_become_the_same(start_programs, own_broker, start_bridge):
    print("seed", SEED)
    scene = Scene(start_programs(own_broker), own_broker, start_bridge)
    run(scene)
    compare_gossip(scene)
    for worker in scene.workers.values():
        worker.stop()
    direct = compare(scene)
    kinds = collections.Counter(one["type"] for one in direct["events"])
    print(f"{len(direct['events'])} events of {len(direct['tasks'])} tasks:", dict(kinds))
    assert kinds["task-received"] >= 20_000
    for kind in ("task-failed", "task-retried", "task-revoked", "task-rejected", "custom-note"):
        assert kinds[kind] >= 100, kind
    assert any(one["type"] == "task-revoked" and one["terminated"] for one in direct["events"])
    redelivered = [one for name, one in direct["tasks"].items() if name == "plug1-hanging"]
    assert [one["state"] for one in redelivered] == ["SUCCESS"]
