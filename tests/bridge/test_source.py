"""What a relay takes from an exchange, what it refuses, and when it says so to the broker."""
import gzip
import json
import pickle
import threading

import msgpack
import pytest

from events import event, heartbeat, key_of, task
from waiting import until


def printed(dump, count):
    """The first so many events that a dump has printed."""
    dump.await_lines('"type"', count)
    return [line["event"] for line in dump.lines()]


REFUSED = "xylem_source_refused_total"
ACCEPTED = "xylem_source_accepted_events_total"


def accepted(relay):
    return relay.metric(ACCEPTED, source="amqp")


def refused(relay, reason):
    return relay.metric(REFUSED, source="amqp", reason=reason)


@pytest.fixture
def bridge(start_bridge, exchange):
    return start_bridge({"amqp_source.exchange": exchange})


def test_events_arrive_as_they_were_sent(bridge, client, exchange, start_dump):
    dump = start_dump(bridge, "all")
    sent = [heartbeat(), task(1), task(2), event("my-own-thing", deep={"ä": [1, 2 ** 70]})]
    client.publish(exchange, "worker.heartbeat", sent[0], headers={"hostname": "w1@test"})
    client.publish(exchange, "task.multi", sent[1:3])
    client.publish(exchange, "my.own.thing", sent[3])
    client.publish(exchange, "task.multi", [])
    assert printed(dump, 4) == sent
    until(lambda: client.depth(f"xylem.{exchange}") == 0, "the queue is empty")
    assert bridge.metric("xylem_source_messages_total", source="amqp") == 4


def test_its_queue_waits_for_it_and_no_other_is_touched(start_bridge, client, exchange, broker):
    """An exchange that is there stays as it is, whatever its arguments."""
    client.exchange(exchange, durable=False, auto_delete=False)
    first = start_bridge({"amqp_source.exchange": exchange, "amqp_source.patterns": "[task.#]"})
    first.stop()
    client.publish(exchange, "task.sent", task(1, "task-sent"))
    client.publish(exchange, "worker.online", event("worker-online"))
    until(lambda: client.depth(f"xylem.{exchange}") == 1, "it waits in the queue")
    queues = broker.ctl("list_queues", "name", "durable", "auto_delete", "exclusive", "arguments")
    line = next(line for line in queues.splitlines() if exchange in line)
    assert line.split("\t")[1:4] == ["true", "false", "false"]
    assert '"x-max-length-bytes",268435456' in line and "drop-head" in line
    second = start_bridge({"amqp_source.exchange": exchange})
    until(lambda: accepted(second) == 1, "it is taken")


def test_patterns_that_were_narrowed_hold_for_what_the_queue_still_gets(start_bridge, client,
                                                                        exchange):
    """What was bound once stays bound."""
    start_bridge({"amqp_source.exchange": exchange}).stop()
    bridge = start_bridge({"amqp_source.exchange": exchange, "amqp_source.patterns": "[task.#]"})
    for n in range(20):
        client.publish(exchange, "worker.heartbeat", heartbeat())
        client.publish(exchange, "task.multi", [task(n)])
    until(lambda: accepted(bridge) == 20, "what is wanted is taken")
    until(lambda: bridge.metric("xylem_amqp_unacked_messages") == 0, "all is acknowledged")
    assert bridge.metric("xylem_amqp_filtered_messages_total") == 20
    assert client.depth(f"xylem.{exchange}") == 0
    assert bridge.log_lines("passes over what comes under 'worker.heartbeat'")


def test_a_queue_that_is_there_is_used_as_it_is(start_bridge, client, exchange):
    client.exchange(exchange)
    client.channel.queue_declare(f"mine.{exchange}", durable=True, auto_delete=False,
                                 arguments={"x-queue-type": "quorum"})
    bridge = start_bridge({"amqp_source.exchange": exchange,
                           "amqp_source.queue": f"mine.{exchange}"})
    client.publish(exchange, "task.sent", task(1, "task-sent"))
    until(lambda: accepted(bridge) == 1, "it is taken")


@pytest.mark.parametrize("content_type, body, more", [
    ("application/x-python-serialize", pickle.dumps(event("task-sent")), {}),
    ("application/x-yaml", b"type: task-sent\n", {}),
    ("application/x-msgpack", msgpack.packb(event("task-sent")), {}),
    ("application/json", b"compressed", {"headers": {"compression": "application/x-gzip"}}),
    ("text/plain", b"{}", {})])
def test_what_is_not_decoded_is_refused(bridge, client, exchange, content_type, body, more):
    client.publish(exchange, "task.sent", body, content_type=content_type, **more)
    client.publish(exchange, "task.sent", task(1, "task-sent"))
    until(lambda: accepted(bridge) == 1, "what follows is taken")
    assert refused(bridge, "content_type") == 1
    until(lambda: client.depth(f"xylem.{exchange}") == 0, "nothing is left in the queue")
    assert bridge.log_lines("amqp source refused", "content_type")


@pytest.fixture
def dead_letters(start_bridge, client, exchange):
    """The bridge, and the queue in which what it refuses comes to lie."""
    client.exchange(exchange)
    client.exchange(f"{exchange}.dead")
    dead = client.channel.queue_declare(f"dead.{exchange}", durable=True, auto_delete=False).queue
    client.channel.queue_bind(dead, f"{exchange}.dead", "#")
    client.channel.queue_declare(f"mine.{exchange}", durable=True, auto_delete=False,
                                 arguments={"x-dead-letter-exchange": f"{exchange}.dead"})
    bridge = start_bridge({"amqp_source.exchange": exchange,
                           "amqp_source.queue": f"mine.{exchange}"})
    return bridge, dead


def test_what_yields_no_event_goes_to_a_dead_letter_exchange(dead_letters, client, exchange):
    """If the queue has one: as it was, and counted by its reason."""
    bridge, dead = dead_letters
    sound = json.dumps(task(1)).encode()
    bad = [("content_type", sound, {"content_type": "text/plain"}),
           ("content_type", gzip.compress(sound), {"content_encoding": "gzip"}),
           ("content_type", sound, {"content_encoding": "latin-1"}),
           ("content_type", sound, {"content_type": "application/json; charset=iso-8859-1"}),
           ("malformed_json", b"{", {}),
           ("malformed_json", b"", {}),
           ("malformed_json", b"\xef\xbb\xbf" + sound, {}),
           ("malformed_json", sound + b"x", {}),
           ("invalid_utf8", json.dumps(task(1, note="\xe4"), ensure_ascii=False).encode("latin-1"),
            {}),
           ("not_an_event", b"[1]", {}),
           ("missing_type", b"{}", {}),
           ("missing_type", b'[{"no": "type"}]', {}),
           ("message_too_large", b"[" + b" " * (2 << 20) + b"]", {}),
           ("loop", sound, {"app_id": "xylem"})]
    for _, body, properties in bad:
        client.publish(exchange, "task.sent", body, **properties)
    until(lambda: client.depth(dead) == len(bad), lambda: f"all come: {client.depth(dead)}")
    for _, body, _ in bad:
        letter = client.channel.basic_get(dead, no_ack=True)
        assert (letter.body.encode() if isinstance(letter.body, str) else letter.body) == body
        assert letter.properties["application_headers"]["x-death"][0]["reason"] == "rejected"
    for reason in {reason for reason, _, _ in bad}:
        assert refused(bridge, reason) == [one for one, _, _ in bad].count(reason), reason
    assert accepted(bridge) == 0
    assert bridge.log_lines("content_type: its content_type is 'text/plain', not application/json")


def test_what_yields_an_event_or_says_nothing_does_not(dead_letters, client, exchange):
    bridge, dead = dead_letters
    client.publish(exchange, "task.multi", [task(1), {"no": "type"}])
    client.publish(exchange, "task.multi", [])
    for n, content_type in enumerate(("application/json; charset=utf-8", "Application/JSON",
                                      'application/json;charset="UTF-8"')):
        client.publish(exchange, "task.sent", task(n), content_type=content_type,
                       content_encoding="UTF-8")
    until(lambda: accepted(bridge) == 4, lambda: f"they are taken: {accepted(bridge)}")
    until(lambda: client.depth(f"mine.{exchange}") == 0, "the queue is empty")
    until(lambda: bridge.metric("xylem_amqp_unacked_messages") == 0, "all is acknowledged")
    assert client.depth(dead) == 0
    assert refused(bridge, "missing_type") == 1


def test_msgpack_is_taken_if_so_configured(start_bridge, client, exchange, start_dump):
    bridge = start_bridge({"amqp_source.exchange": exchange, "amqp_source.msgpack": "true"})
    dump = start_dump(bridge, "all")
    sent = [task(1), task(2, result="ä", runtime=0.25)]
    client.publish(exchange, "task.multi", msgpack.packb(sent),
                   content_type="application/x-msgpack", content_encoding="binary")
    client.publish(exchange, "task.multi", b"\x91\x91", content_type="application/x-msgpack")
    assert printed(dump, 2) == sent
    until(lambda: refused(bridge, "malformed_json") == 1, "half a value is refused")


def test_bad_events_are_refused_and_the_good_ones_of_their_list_taken(bridge, client, exchange):
    client.publish(exchange, "task.multi", [task(1), {"no": "type"}, task(2)])
    client.publish(exchange, "task.sent", b"{")
    client.publish(exchange, "task.sent", b'"text"')
    client.publish(exchange, "task.sent", b"[" + b" " * (2 << 20) + b"]")
    client.publish(exchange, "task.sent", task(3, "task-sent"))
    until(lambda: accepted(bridge) == 3, "the good ones are taken")
    assert [refused(bridge, reason) for reason in (
        "missing_type", "malformed_json", "not_an_event", "message_too_large")] == [1] * 4
    until(lambda: client.depth(f"xylem.{exchange}") == 0, "nothing is left in the queue")


def test_what_a_relay_has_published_is_not_taken_again(bridge, client, exchange):
    client.publish(exchange, "task.sent", task(1), app_id="xylem")
    client.publish(exchange, "task.sent", task(2), app_id="another")
    until(lambda: accepted(bridge) == 1, "the other is taken")
    assert refused(bridge, "loop") == 1


def close_connection(broker, name):
    """As an operator would, by the name it gave itself."""
    for line in broker.ctl("list_connections", "pid", "client_properties").splitlines():
        if name in line:
            broker.ctl("close_connection", line.split("\t")[0], "an operator says so")


@pytest.mark.parametrize("level", ["received", "written", "synced"])
def test_a_connection_that_ends_repeats_nothing(start_bridge, start_client, exchange, broker,
                                                level):
    bridge = start_bridge({"amqp_source.exchange": exchange, "amqp_source.level": level,
                           "amqp_source.prefetch": 50})
    publisher = start_client()
    sent, over = [], threading.Event()

    def publish():
        while not over.wait(0.002) or len(sent) < 8000:
            for _ in range(4):
                publisher.publish(exchange, "task.multi", [task(len(sent)), task(len(sent) + 1)])
                sent.extend((1, 1))
    thread = threading.Thread(target=publish)
    thread.start()
    try:
        for _ in range(60):  # whether something was unacknowledged just then is chance
            before = bridge.metric("xylem_amqp_connections_total", bridge="source")
            close_connection(broker, "xylem source")
            until(lambda: bridge.metric("xylem_amqp_connections_total", bridge="source") > before,
                  "it connects again")
            if level != "synced" or bridge.metric("xylem_amqp_repeated_messages_total") > 0:
                break
    finally:
        over.set()
        thread.join()
    until(lambda: accepted(bridge) >= len(sent),
          lambda: f"all {len(sent)} come: {accepted(bridge)}", 60)
    client = start_client()
    until(lambda: client.depth(f"xylem.{exchange}") == 0, "the queue is empty")
    until(lambda: bridge.metric("xylem_amqp_unacked_messages") == 0, "all is acknowledged")
    assert accepted(bridge) == len(sent)
    if level == "synced":
        assert bridge.metric("xylem_amqp_repeated_messages_total") > 0, "the premise"


def test_what_was_acknowledged_does_not_come_again_after_a_kill(start_bridge, client, exchange):
    settings = {"amqp_source.exchange": exchange, "amqp_source.level": "written",
                "amqp_source.prefetch": 20}
    bridge = start_bridge(settings)
    for n in range(100):
        client.publish(exchange, "task.sent", task(n, "task-sent"))
    until(lambda: accepted(bridge) == 100, "they are taken")
    until(lambda: bridge.metric("xylem_amqp_unacked_messages") == 0, "and acknowledged")
    bridge.kill()
    again = start_bridge(settings)
    client.publish(exchange, "task.sent", task(100, "task-sent"))
    until(lambda: accepted(again) == 1, "only the new one comes")
