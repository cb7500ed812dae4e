"""What Celery's workers are told, and that it is known when nobody hears it."""
import json

import pytest

from relay_process import clean_environment, xylem
from waiting import until


@pytest.fixture
def namespace(exchange):
    """A control_exchange of the test's own."""
    return exchange


@pytest.fixture
def control(broker, namespace):
    def tell(*words):
        return xylem("control", *words, "--exchange", namespace,
                     env=clean_environment(XYLEM_AMQP_URL=broker.amqp_url))
    return tell


@pytest.fixture
def heard(client, namespace):
    """As a worker's queue is bound (kombu.pidbox): fanout, transient."""
    client.exchange(f"{namespace}.pidbox", "fanout", durable=False)
    queue = client.channel.queue_declare("", exclusive=True).queue
    client.channel.queue_bind(queue, f"{namespace}.pidbox")
    messages = []
    client.channel.basic_consume(queue, callback=messages.append, no_ack=True)

    def wait(count=1):
        until(lambda: client.drain() or len(messages) >= count, f"{count} come")
        return messages
    return wait


def test_workers_are_told_as_celerys_own_control_tells_them(control, heard):
    done = control("heartbeat")
    assert done.returncode == 0 and "told heartbeat to all workers" in done.stderr
    message = heard()[0]
    assert json.loads(message.body) == {"method": "heartbeat", "arguments": {},
                                        "destination": None, "pattern": None, "matcher": None}
    assert message.properties["content_type"] == "application/json"
    assert message.properties["application_headers"] == {"clock": 1, "expires": 0}
    done = control("enable-events", "--destination", "celery@a", "--destination", "celery@b")
    assert done.returncode == 0
    told = json.loads(heard(2)[1].body)
    assert (told["method"], told["destination"]) == ("enable_events", ["celery@a", "celery@b"])


def test_it_is_said_when_no_worker_listens(control):
    done = control("heartbeat")
    assert done.returncode == 1 and "is a worker running?" in done.stderr


def test_what_it_cannot_do_is_said(control):
    done = control("shutdown")
    assert done.returncode == 2 and "heartbeat, enable-events" in done.stderr
    away = xylem("control", "heartbeat", "--connect", "amqp://127.0.0.1:1",
                 env=clean_environment())
    assert away.returncode == 1 and "cannot connect" in away.stderr


def test_a_bridge_tells_them_whenever_it_connects(start_bridge, client, exchange):
    """On Celery's own exchange, where the option has no other."""
    client.exchange("celery.pidbox", "fanout", durable=False)
    queue = client.channel.queue_declare("", exclusive=True).queue
    client.channel.queue_bind(queue, "celery.pidbox")
    methods = []
    client.channel.basic_consume(queue, no_ack=True,
                                 callback=lambda m: methods.append(json.loads(m.body)["method"]))
    start_bridge({"amqp_sink.exchange": exchange,
                  "amqp_sink.on_connect": "[heartbeat, enable_events]"})
    until(lambda: client.drain() or len(methods) == 2, lambda: f"both come: {methods}")
    assert methods == ["heartbeat", "enable_events"]
