"""push to publish with plain PUSH and SUB sockets (docs/protocol.md §3 and §6)."""
import json

import pytest

from plain_clients import Push
from wire_frames import batch_of


def test_an_event_arrives_as_its_key_and_its_json_byte_for_byte(push, subscribe):
    subscriber = subscribe()
    body = (b'{ "type" : "task-sent", "unknown":[1,{"a":null}], '
            b'"big":1180591620717411303424,\t"x":1.50 }')
    push.frames(b"task.sent", body)
    assert subscriber.receive(1) == [(b"task.sent", body)]


def test_a_list_is_split_and_each_event_goes_under_the_key_of_its_own_type(push, subscribe):
    subscriber = subscribe()
    one = b'{"type": "task-received", "big": 1180591620717411303424, "new": {"field": [1]}}'
    two = b'{"uuid":"a1","type":"task-started"}'
    three = b'{"type":"custom-my-event","text":"\xc3\xa9 \\ud83d\\ude00"}'
    push.frames(b"task.multi", b"[" + one + b" ,\n" + two + b"," + three + b"]")
    assert subscriber.receive(3) == [(b"task.received", one), (b"task.started", two),
                                     (b"custom.my.event", three)]


def test_an_empty_list_is_nothing_and_nothing_is_refused(relay, push, subscribe):
    subscriber = subscribe()
    push.frames(b"task.multi", b"[]")
    push.frames(b"task.multi", b" [ ] ")
    body = push.event("task-sent", n=1)
    assert subscriber.receive(1) == [(b"task.sent", body)]
    assert relay.metric("xylem_source_refused_total") == 0
    assert relay.metric("xylem_source_messages_total") == 3
    assert relay.accepted() == 1


def test_an_empty_key_frame_leaves_the_key_to_the_type(push, subscribe):
    subscriber = subscribe()
    push.frames(b"", b'{"type":"worker-heartbeat"}')
    push.frames(b"", b'[{"type":"task-failed"}]')
    assert [key for key, _ in subscriber.receive(2)] == [b"worker.heartbeat", b"task.failed"]


def test_the_order_of_each_sender_is_kept(context, relay, subscribe):
    subscriber = subscribe()
    senders = [Push(context, relay.push), Push(context, relay.push), Push(context, relay.push_ipc)]
    for number in range(2000):
        for name, sender in enumerate(senders):
            if number % 3 == name:
                sender.list([{"type": "task-received", "from": name, "n": number}])
            else:
                sender.event("task-started", **{"from": name, "n": number})
    seen = {0: [], 1: [], 2: []}
    for _, body in subscriber.receive(6000):
        event = json.loads(body)
        seen[event["from"]].append(event["n"])
    assert all(numbers == list(range(2000)) for numbers in seen.values())


def test_a_prefix_gets_the_keys_that_begin_with_it_and_no_others(push, subscribe):
    tasks, failures, all_of_it = subscribe("task."), subscribe("task.f", "worker."), subscribe()
    for name in ("task-sent", "task-failed", "worker-online", "taskless"):
        push.event(name)
    push.event("task-fence")
    assert [key for key, _ in tasks.receive(3)] == [b"task.sent", b"task.failed", b"task.fence"]
    assert [key for key, _ in failures.receive(3)] == [b"task.failed", b"worker.online",
                                                       b"task.fence"]
    assert [key for key, _ in all_of_it.receive(5)] == [b"task.sent", b"task.failed",
                                                        b"worker.online", b"taskless",
                                                        b"task.fence"]


def test_after_unsubscribing_only_the_other_prefix_goes_on(push, subscribe):
    subscriber = subscribe("task.", "worker.")
    push.event("task-sent", n=1)
    assert subscriber.receive(1)[0][0] == b"task.sent"
    subscriber.unsubscribe("task.")
    push.event("task-sent", n=2)
    push.event("worker-online")
    assert subscriber.receive(1)[0][0] == b"worker.online"


def test_what_nobody_subscribed_to_is_counted_as_filtered(relay, push, subscribe):
    subscriber = subscribe("worker.")
    for number in range(50):
        push.event("task-sent", n=number)
    push.event("worker-online")
    subscriber.receive(1)
    assert relay.metrics().ledger("publish", "publish") == (51, 1, 50, 0, 0)


def test_tcp_and_ipc_push_at_the_same_time(context, relay, subscribe):
    subscriber = subscribe()
    by_tcp, by_ipc = Push(context, relay.push), Push(context, relay.push_ipc)
    for number in range(500):
        by_tcp.event("task-sent", way="tcp", n=number)
        by_ipc.event("task-sent", way="ipc", n=number)
    ways = [json.loads(body)["way"] for _, body in subscriber.receive(1000)]
    assert ways.count("tcp") == ways.count("ipc") == 500


@pytest.mark.parametrize("length", [1, 200, 245])
def test_keys_up_to_245_bytes_can_be_subscribed_whole(push, subscribe, length):
    name = "k" * length
    subscriber = subscribe(name)
    push.event(name)
    assert subscriber.receive(1)[0][0] == name.encode()


def test_a_batch_of_another_writer_is_split_for_plain_subscribers(push, subscribe, relay):
    subscriber = subscribe()
    push.frames(batch_of("task-sent", "task-failed", "task-sent"))
    got = subscriber.receive(3)
    assert [key for key, _ in got] == [b"task.sent", b"task.failed", b"task.sent"]
    assert [json.loads(body)["n"] for _, body in got] == [0, 1, 2]
    assert relay.metric("xylem_pipeline_batches_total") == 1
