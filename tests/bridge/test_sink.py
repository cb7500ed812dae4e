"""What a relay publishes, byte for byte, and what becomes of what it cannot."""
import json

import pytest

from conftest import await_ready
from events import event, heartbeat, task
from plain_clients import Push
from waiting import until

DROPPED = "xylem_tap_dropped_events_total"


@pytest.fixture
def start_sink(start_bridge, exchange):
    return lambda **settings: start_bridge({"amqp_sink.exchange": exchange, **{
        f"amqp_sink.{key}": value for key, value in settings.items()}})


@pytest.fixture
def send(context):
    """send(relay, event or list, ...): each a message on push, in order."""
    pushes = {}

    def go(relay, *messages):
        push = pushes.setdefault(relay, Push(context, relay.push))
        for message in messages:
            first = message[0] if isinstance(message, list) else message
            key = "task.multi" if isinstance(message, list) else first["type"].replace("-", ".")
            push.frames(key.encode(), json.dumps(message).encode())
    return go


def ledger(relay, tap):
    return relay.metrics().ledger("amqp", tap)


def settled(relay, tap, events):
    """Everything that came by is delivered, filtered or dropped."""
    until(lambda: ledger(relay, tap)[0] == events and ledger(relay, tap)[4] == 0,
          lambda: f"{events} events are settled: {ledger(relay, tap)}")
    return ledger(relay, tap)


def test_events_that_come_soon_after_each_other_share_a_list(start_sink, client, exchange, send):
    """Of any workers; a batch each on their way through the relay."""
    mailbox = client.listen(exchange)
    relay = start_sink(linger="1s")
    send(relay, *(task(n, hostname=f"w{n % 3}@x") for n in range(50)))
    assert [one["uuid"] for one in mailbox.await_events(50)] == [f"task-{n}" for n in range(50)]
    assert len(mailbox.messages) <= 2
    assert settled(relay, exchange, 50)[1] == 50


def test_messages_are_celerys_own(start_sink, client, exchange, send):
    mailbox = client.listen(exchange)
    relay = start_sink()
    beat, custom = heartbeat("w1@x"), event("my-own-thing", number=2 ** 70)
    send(relay, beat, [task(1), task(2)], custom)
    mailbox.await_events(4)
    assert [(key, body) for key, body, _ in mailbox.messages] == [
        ("worker.heartbeat", beat), ("task.multi", [task_of(mailbox, 1), task_of(mailbox, 2)]),
        ("my.own.thing", custom)]
    for key, _, properties in mailbox.messages:
        assert properties == {
            "content_type": "application/json", "content_encoding": "utf-8", "priority": 0,
            "delivery_mode": 1, "app_id": "xylem",
            "application_headers": {"hostname": "w1@x"} if key.startswith("worker.") else {}}
    assert settled(relay, exchange, 4)[1] == 4


def task_of(mailbox, n):
    return next(one for one in mailbox.events() if one.get("uuid") == f"task-{n}")


def test_numbers_and_spaces_stay_as_they_were(start_sink, client, exchange, context):
    client.exchange(exchange)
    relay = start_sink()
    body = '{"type":"my-one",  "timestamp": 1795581040.1234567, "big": 123456789012345678901}'
    raw = []
    queue = client.channel.queue_declare("", exclusive=True).queue
    client.channel.queue_bind(queue, exchange, "my.#")
    client.channel.basic_consume(queue, callback=lambda m: raw.append(m.body), no_ack=True)
    Push(context, relay.push).frames(b"my.one", body.encode())
    until(lambda: client.drain() or raw, "it comes")
    assert raw == [body]


def test_an_exchange_that_is_there_is_used_whatever_it_is(start_sink, client, exchange, send):
    client.exchange(exchange, "fanout", durable=False)
    mailbox = client.listen(exchange, declare=False)
    relay = start_sink()
    send(relay, task(1))
    assert len(mailbox.await_events(1)) == 1
    assert f"the exchange '{exchange}' is of the type fanout, not topic" in relay.get("/readyz")[1]


def test_a_topic_exchange_is_one_whatever_its_arguments(start_sink, client, exchange):
    client.exchange(exchange, durable=False)
    assert "not topic" not in start_sink().get("/readyz")[1]


def test_what_waited_comes_in_full_lists(start_relay, client, exchange, send, folder, broker):
    """Task events of many workers, merged; those of the workers between them, in order."""
    relay = start_relay({"spool.directory": folder / "spool"})
    sent = [task(n, hostname=f"w{n % 7}@x") for n in range(1000)]
    send(relay, *sent[:500], heartbeat("w1@x"), *sent[500:])
    relay.await_accepted(1001)
    relay.stop()
    mailbox = client.listen(exchange)
    again = start_relay({"spool.directory": folder / "spool", "amqp_sink.exchange": exchange,
                         "amqp_sink.list_events_max": 50}, env={"XYLEM_AMQP_URL": broker.amqp_url})
    events = mailbox.await_events(1001)
    assert [one["uuid"] for one in events if "uuid" in one] == [one["uuid"] for one in sent]
    assert events[500]["type"] == "worker-heartbeat"
    assert max(len(body) for _, body, _ in mailbox.messages) == 50
    assert len(mailbox.messages) < 1001 / 5
    assert settled(again, exchange, 1001)[1] == 1001


def test_nothing_that_could_stop_a_worker_is_published(start_sink, client, exchange, send):
    mailbox = client.listen(exchange)
    relay = start_sink()
    bad = [{"type": "worker-online", "timestamp": 1.5},
           {**heartbeat(), "timestamp": "now"}, {**heartbeat(), "clock": None},
           {**heartbeat(), "heartbeats": []}, event("worker-elect", id="i")]
    send(relay, *bad, task(1))
    assert [one["type"] for one in mailbox.await_events(1)] == ["task-received"]
    assert settled(relay, exchange, 6)[3] == 5
    assert relay.metric(DROPPED, sink="amqp", reason="invalid") == 5
    assert relay.log_lines("could stop Celery's workers")


def test_only_what_is_wanted_is_published(start_sink, client, exchange, send):
    mailbox = client.listen(exchange)
    relay = start_sink(patterns="[task.failed, worker.#]")
    send(relay, task(1), task(2, "task-failed"), heartbeat())
    assert [one["type"] for one in mailbox.await_events(2)] == ["task-failed", "worker-heartbeat"]
    assert settled(relay, exchange, 3)[:3] == (3, 2, 1)


@pytest.mark.parametrize("kind", ["classic", "quorum", "stream"])
def test_events_go_singly_to_a_queue_that_a_user_names(start_bridge, client, exchange, send, kind):
    queue = f"all.{exchange}"
    client.channel.queue_declare(queue, durable=True, auto_delete=False,
                                 arguments={"x-queue-type": kind})
    relay = start_bridge({"amqp_sink.queue": queue, "amqp_sink.format": "single"})
    send(relay, [task(1), task(2)], heartbeat())
    assert settled(relay, queue, 3)[1] == 3
    client.channel.basic_qos(0, 10, False)
    got = []
    client.channel.basic_consume(queue, callback=got.append,
                                 arguments={"x-stream-offset": "first"} if kind == "stream" else {})
    until(lambda: client.drain() or len(got) == 3, "they are there")
    assert [json.loads(one.body)["type"] for one in got] == [
        "task-received", "task-received", "worker-heartbeat"]
    epoch = round(relay.metric("xylem_epoch_start_time_seconds") * 1e6)
    assert [one.properties["message_id"] for one in got] == [f"{epoch}:{n}" for n in (1, 2, 3)]
    assert {one.properties["delivery_mode"] for one in got} == {2}


def test_a_queue_that_is_not_there_is_asked_for(start_bridge, client, exchange, send):
    queue = f"missing.{exchange}"
    relay = start_bridge({"amqp_sink.queue": queue, "amqp_sink.format": "single"}, ready=False)
    send(relay, task(1))
    until(lambda: f"there is no queue '{queue}'" in relay.get("/readyz")[1],
          lambda: f"it says what is missing: {relay.get('/readyz')[1]}")
    assert relay.get("/healthz")[0] == 200
    client.channel.queue_declare(queue, durable=True, auto_delete=False)
    await_ready(relay)
    assert settled(relay, queue, 1)[1] == 1


def test_events_for_which_nobody_is_bound_are_counted(start_sink, client, exchange, send):
    """With `single` they come back; Celery's own messages never ask."""
    client.exchange(exchange)
    mailbox = client.listen(exchange, "task.failed")
    relay = start_sink(format="single")
    send(relay, task(1), task(2, "task-failed"))
    assert len(mailbox.await_events(1)) == 1
    assert settled(relay, exchange, 2)[1] == 1
    assert relay.metric(DROPPED, sink="amqp", reason="unroutable") == 1
    assert relay.log_lines(f"no queue is bound to '{exchange}' by 'task.received'")


@pytest.fixture
def small_queue(client, exchange):
    """It has room for two messages, and refuses more."""
    client.exchange(exchange)
    queue = client.channel.queue_declare(
        f"small.{exchange}", durable=True, auto_delete=False,
        arguments={"x-max-length": 2, "x-overflow": "reject-publish"}).queue
    client.channel.queue_bind(queue, exchange, "#")
    return queue


def take_five(client, queue):
    got = []

    def take(message):
        got.append(json.loads(message.body)["uuid"])
        message.channel.basic_ack(message.delivery_tag)
    client.channel.basic_consume(queue, callback=take)
    until(lambda: client.drain() or len(set(got)) == 5, lambda: f"all come: {got}")
    return got


def refused(relay, times=1):
    until(lambda: relay.metric("xylem_amqp_nacked_messages_total") >= 3 * times,
          "three are refused")


def test_what_a_full_queue_refuses_is_published_again(start_sink, client, exchange, send,
                                                      small_queue):
    relay = start_sink(format="single")
    send(relay, *[task(n) for n in range(5)])
    refused(relay)
    assert ledger(relay, exchange)[4] == 3, "and held"
    got = take_five(client, small_queue)
    assert sorted(got) == [f"task-{n}" for n in range(5)]
    assert settled(relay, exchange, 5)[1] == 5


def test_a_full_queue_costs_the_one_beside_it_little(start_sink, client, exchange, send,
                                                     small_queue):
    """A nack does not say which of them refused: both get what is published again."""
    healthy = client.listen(exchange)
    relay = start_sink(format="single", tries_max=3)
    send(relay, *[task(n) for n in range(10)])
    until(lambda: "refuses" in relay.get("/readyz")[1],
          lambda: f"it says that it is refused: {relay.get('/readyz')[1]}")
    assert relay.get("/healthz")[0] == 200
    assert relay.metric("xylem_amqp_refused_messages") > 0
    began = relay.metric("xylem_uptime_seconds")
    assert settled(relay, exchange, 10)[1] == 2
    assert relay.metric("xylem_uptime_seconds") - began > 1, "it waits longer every time"
    assert relay.metric(DROPPED, sink="amqp", reason="refused") == 8
    times = [[one["uuid"] for one in healthy.await_events(26)].count(f"task-{n}")
             for n in range(10)]
    assert sorted(times) == [1, 1] + [3] * 8
    await_ready(relay)
    assert relay.log_lines("refused a message (nack)")
    assert relay.log_lines("a message was refused 3 times and is let go of")


def test_what_is_new_goes_on_while_a_full_queue_refuses(start_sink, client, exchange, send):
    client.exchange(exchange)
    full = client.channel.queue_declare(f"full.{exchange}", arguments={
        "x-max-length": 1, "x-overflow": "reject-publish"}).queue
    client.channel.queue_bind(full, exchange, "task.failed")
    healthy = client.listen(exchange, "task.received")
    relay = start_sink(format="single", window_messages=100)
    send(relay, *[task(n, "task-failed") for n in range(50)])
    until(lambda: relay.metric("xylem_amqp_refused_messages") == 49, "they are refused")
    send(relay, *[task(n) for n in range(300)])
    healthy.await_events(300)
    assert relay.metric("xylem_amqp_refused_messages") == 49
    until(lambda: ledger(relay, exchange)[1] == 301, "they are confirmed")
    assert ledger(relay, exchange)[4] == 49, "the others are held, also over a stop"


def test_what_is_for_a_queue_that_is_deleted_waits_until_it_is_back(start_bridge, client, exchange,
                                                                   send):
    queue = f"gone.{exchange}"
    client.channel.queue_declare(queue, durable=True, auto_delete=False)
    relay = start_bridge({"amqp_sink.queue": queue, "amqp_sink.format": "single"})
    send(relay, task(1))
    assert settled(relay, queue, 1)[1] == 1
    client.channel.queue_delete(queue)
    send(relay, task(2))
    until(lambda: f"there is no queue '{queue}'" in relay.get("/readyz")[1], "it is missed")
    assert relay.log_lines("is gone: the broker says 312 NO_ROUTE")
    client.channel.queue_declare(queue, durable=True, auto_delete=False)
    assert settled(relay, queue, 2)[1] == 2


def test_monitors_that_are_bound_by_a_key_get_what_celery_sends_under_it(start_sink, client,
                                                                        exchange, send):
    """A client's task-sent and what a task says of itself are in no list, at Celery's."""
    mailboxes = [client.listen(exchange, key) for key in ("task.sent", "task.progress")]
    lists = client.listen(exchange, "task.multi")
    relay = start_sink()
    send(relay, [task(1, "task-sent"), task(1), task(1, "task-progress", done=0.5), task(1)])
    for mailbox in mailboxes:
        assert len(mailbox.await_events(1)) == 1
    assert [one["type"] for one in lists.await_events(2)] == ["task-received"] * 2
    assert settled(relay, exchange, 4)[1] == 4


def test_what_was_not_confirmed_outlives_a_kill(start_relay, client, exchange, send, small_queue,
                                                folder, broker):
    settings = {"spool.directory": folder / "spool", "amqp_sink.exchange": exchange,
                "amqp_sink.format": "single"}
    env = {"XYLEM_AMQP_URL": broker.amqp_url}
    relay = start_relay(settings, env=env)
    await_ready(relay)
    send(relay, *[task(n) for n in range(5)])
    refused(relay, times=2)  # a second apart, so that the cursor has been saved between
    relay.kill()
    start_relay(settings, env=env)
    assert set(take_five(client, small_queue)) == {f"task-{n}" for n in range(5)}


def test_a_kill_repeats_but_loses_nothing(start_relay, client, exchange, send, folder, broker):
    mailbox = client.listen(exchange)
    settings = {"spool.directory": folder / "spool", "amqp_sink.exchange": exchange}
    env = {"XYLEM_AMQP_URL": broker.amqp_url}
    relay = start_relay(settings, env=env)
    await_ready(relay)
    send(relay, *[task(n) for n in range(3000)])
    mailbox.await_events(1000)
    until(lambda: relay.accepted() == 3000, "all are accepted")
    until(lambda: relay.metric("xylem_spool_written_sequence") == 3000, "all are written")
    relay.kill()
    start_relay(settings, env=env)
    until(lambda: client.drain() or len({one["uuid"] for one in mailbox.events()}) == 3000,
          "all come")
    uuids = [one["uuid"] for one in mailbox.events()]
    assert len(uuids) < 6000, "only what was not confirmed comes twice"
