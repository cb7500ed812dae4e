"""Whatever becomes of the broker: the relay and its other taps do not notice, no task event is
lost, and the bridge is back within five seconds. XYLEM_BRIDGE_PAUSE=120 pauses it for as long."""
import os
import signal
import threading
import time

import pytest

from amqp_client import Client
from conftest import await_ready
from events import task
from outage import Flow
from plain_clients import Push
from waiting import until

PAUSE_SECONDS = float(os.environ.get("XYLEM_BRIDGE_PAUSE", "20"))
RATE = 500  # task events a second
RECOVERY_SECONDS = 5.0
STUCK_SECONDS = 15.0
PASSWORD = "first"


@pytest.fixture
def flow(own_broker, start_bridge, context, exchange, start_dump):
    user = exchange  # each test's own
    own_broker.ctl("add_user", user, PASSWORD)
    own_broker.ctl("set_permissions", user, ".*", ".*", ".*")
    relay = start_bridge(
        {"amqp_sink.exchange": exchange, "amqp_sink.format": "single", "amqp.heartbeat": "5s"},
        url=f"amqp://{user}:{PASSWORD}@127.0.0.1:{own_broker.port}//")
    dump = start_dump(relay, "watch", "task.#")
    made = Flow(context, relay, own_broker, exchange, RATE)
    made.dump, made.user = dump, user
    made.await_flow("at first")
    yield made
    made.stop()


class Watch:
    """What other threads and taps do while the broker is away."""

    def __init__(self, flow):
        self.flow, self.oldest, self.not_alive = flow, 0.0, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._over.wait(0.2):
            metrics = self.flow.relay.metrics()
            self.oldest = max(self.oldest, metrics.sum("xylem_agent_heartbeat_age_seconds",
                                                       thread="amqp-sink"))
            self.not_alive += self.flow.relay.get("/healthz")[0] != 200

    def __enter__(self):
        self._printed = len(self.flow.dump.numbers())
        self._sent = self.flow.sent
        self._thread.start()
        return self

    def __exit__(self, *failure):
        self._over.set()
        self._thread.join()
        if failure[0] is None:
            sent = self.flow.sent
            until(lambda: len(self.flow.dump.numbers()) >= sent, "the other tap has everything", 5)
            assert self.not_alive == 0 and self.oldest < STUCK_SECONDS, self.oldest


def says(flow, words, seconds=40):
    until(lambda: words in flow.relay.get("/readyz")[1],
          lambda: f"/readyz says {words}: {flow.relay.get('/readyz')[1]}", seconds)


def more_wait(flow, seconds):
    """As many events as are sent in so long."""
    enough = flow.sent + seconds * RATE
    until(lambda: flow.sent >= enough, "events wait", seconds * 2)


def kill(flow):
    flow.broker.kill()
    says(flow, "cannot connect")
    flow.broker.start()


def pause(flow):
    flow.broker.signal(signal.SIGSTOP)
    more_wait(flow, PAUSE_SECONDS)
    says(flow, "amqp sink publishes")
    flow.broker.signal(signal.SIGCONT)


def memory_alarm(flow):
    flow.broker.ctl("set_vm_memory_high_watermark", "0.00001")
    says(flow, "low on memory")
    more_wait(flow, 6)
    flow.broker.ctl("set_vm_memory_high_watermark", "0.4")


def disk_alarm(flow):
    flow.broker.ctl("set_disk_free_limit", "1000000GB")
    says(flow, "low on disk")
    more_wait(flow, 6)
    flow.broker.ctl("set_disk_free_limit", "10MB")


def exchange_deleted(flow):
    client = Client(flow.broker.amqp_url)
    client.channel.exchange_delete(flow.exchange)
    client.close()
    until(lambda: flow.relay.log_lines("404"), "it is told")
    flow.bind()


def permission_taken(flow):
    flow.broker.ctl("clear_permissions", flow.user)
    flow.broker.ctl("close_all_user_connections", flow.user, "an operator")
    says(flow, "access")
    flow.broker.ctl("set_permissions", flow.user, ".*", ".*", ".*")


def password_changed(flow):
    flow.broker.ctl("change_password", flow.user, "second")
    flow.broker.ctl("close_all_user_connections", flow.user, "an operator")
    says(flow, "403 ACCESS_REFUSED")
    flow.broker.ctl("change_password", flow.user, PASSWORD)


def connection_closed(flow):
    before = flow.relay.metric("xylem_amqp_connections_total", bridge="sink")
    flow.broker.ctl("close_all_user_connections", flow.user, "an operator")
    until(lambda: flow.relay.metric("xylem_amqp_connections_total", bridge="sink") > before,
          "it connects again")


@pytest.mark.parametrize("fault", [
    kill, pause, memory_alarm, disk_alarm, exchange_deleted, permission_taken, password_changed,
    connection_closed], ids=lambda fault: fault.__name__)
def test_nothing_is_lost_and_nobody_notices(flow, fault, record_property):
    with Watch(flow):
        fault(flow)
    recovery = flow.await_flow(f"after {fault.__name__}")
    await_ready(flow.relay)
    figures = {**flow.finish(), "recovery_s": round(recovery, 2)}
    print(f"{fault.__name__}: {figures}")
    unroutable = flow.relay.metric("xylem_tap_dropped_events_total", sink="amqp",
                                   reason="unroutable")
    for name, figure in figures.items():
        record_property(name, figure)
    # Between an exchange that comes back and a queue that is bound to it there is nobody.
    assert figures["lost"] <= (unroutable if fault is exchange_deleted else 0)
    assert recovery < RECOVERY_SECONDS
    stale = flow.relay.metric("xylem_tap_dropped_events_total", sink="amqp", reason="stale")
    if fault in (pause, memory_alarm, disk_alarm):
        assert stale > 0, "heartbeats that waited are not sent"


def test_a_message_that_the_broker_never_takes_is_let_go_of(own_broker, start_bridge, context,
                                                            exchange):
    """406: one larger than the broker's max_message_size closes the channel."""
    own_broker.ctl("eval", "application:set_env(rabbit, max_message_size, 5000).")
    relay = start_bridge({"amqp_sink.exchange": exchange, "amqp_sink.format": "single"},
                         url=own_broker.amqp_url)
    made = Flow(context, relay, own_broker, exchange, rate=100)
    try:
        made.await_flow("at first")
        Push(context, relay.push).event("task-large", n=-1, padding="x" * 10_000)
        too_large = {"sink": "amqp", "reason": "too_large"}
        until(lambda: relay.metric("xylem_tap_dropped_events_total", **too_large) == 1,
              "it is let go of", 30)
        made.await_flow("without it")
        made.stop()
        made.beats += 1  # the one that is not numbered as the others are
        figures = made.finish()
        assert figures["lost"] == 0
        own_broker.ctl("eval", "application:set_env(rabbit, max_message_size, 134217728).")
        assert relay.metric("xylem_tap_dropped_events_total", **too_large) == 1
        assert relay.log_lines("406")
    finally:
        made.stop()


def test_a_broker_that_confirms_nothing_is_left(own_broker, start_bridge, context, exchange):
    """Long before heartbeats would tell."""
    relay = start_bridge({"amqp_sink.exchange": exchange, "amqp_sink.format": "single",
                          "amqp.heartbeat": "60s", "amqp_sink.confirm_timeout": "2s"},
                         url=own_broker.amqp_url)
    made = Flow(context, relay, own_broker, exchange, rate=100)
    try:
        made.await_flow("at first")
        own_broker.signal(signal.SIGSTOP)
        until(lambda: relay.log_lines("the broker confirms nothing"), "it is left", 20)
        own_broker.signal(signal.SIGCONT)
        made.await_flow("again")
        assert made.finish()["lost"] == 0
    finally:
        made.stop()


def test_a_source_goes_on_when_its_queue_is_deleted(start_bridge, client, exchange):
    relay = start_bridge({"amqp_source.exchange": exchange})
    client.publish(exchange, "task.sent", task(1))
    until(lambda: relay.accepted() == 1, "it comes")
    client.channel.queue_delete(f"xylem.{exchange}")
    until(lambda: relay.metric("xylem_amqp_connections_total", bridge="source") == 2,
          "it makes another")
    await_ready(relay)
    client.publish(exchange, "task.sent", task(2))
    until(lambda: relay.accepted() == 2, "that comes, too")
    assert relay.log_lines("the queue 'xylem.", "was deleted")


def test_a_source_misses_nothing_that_a_killed_broker_kept(own_broker, start_bridge, exchange):
    relay = start_bridge({"amqp_source.exchange": exchange, "amqp_source.level": "written"},
                         url=own_broker.amqp_url)
    client = Client(own_broker.amqp_url)
    for n in range(300):
        client.publish(exchange, "task.multi", [task(n)], delivery_mode=2)
    until(lambda: relay.accepted() == 300, "they come")
    own_broker.kill()
    until(lambda: relay.get("/readyz")[0] == 503, "it is missed")
    own_broker.start()
    began = time.monotonic()
    await_ready(relay)
    assert time.monotonic() - began < RECOVERY_SECONDS
    client = Client(own_broker.amqp_url)
    for n in range(300, 600):
        client.publish(exchange, "task.multi", [task(n)], delivery_mode=2)
    until(lambda: relay.accepted() >= 600, "the rest comes")
    client.close()
