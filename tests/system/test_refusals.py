"""Bad input on push: refused, counted, named in the log, and nothing else is lost for it."""
import json
import random

import pytest

from plain_clients import Push
from waiting import until
from wire_frames import batch, batch_of

EVENT_BYTES_MAX = 64 << 10
LONG = b"x" * (EVENT_BYTES_MAX + 1)
NESTED = b'{"type":"a","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}"

# reason, frames of the message, how many times it is counted
REFUSED_MESSAGES = [
    ("bad_frames", [b"a", b'{"type":"a"}', b"third"]),
    ("bad_frames", [b"a"] + [b'{"type":"a"}'] * 200),
    ("message_too_large", [b"a", b'{"type":"a","x":"' + b"x" * (2 << 20) + b'"}']),
    ("event_too_large", [b"a", b'{"type":"a","x":"' + LONG + b'"}']),
    ("too_many_events", [b"task.multi", b"[" + b",".join([b'{"type":"a"}'] * 2049) + b"]"]),
    ("malformed_json", [b"a", b'{"type":"a"']),
    ("malformed_json", [b"a", b'{"type":"a","x":NaN}']),
    ("malformed_json", [b"a", b'{"type":"a"} {"type":"a"}']),
    ("malformed_json", [b"a", b'{"type":"a","x":"\n"}']),
    ("malformed_json", [b"a", b'{"type":"a","x":01}']),
    ("malformed_json", [b"a", b""]),
    ("too_deep", [b"a", NESTED]),
    ("too_deep", [b"a", b"[" * 10_000 + b"]" * 10_000]),
    ("invalid_utf8", [b"a", b'{"type":"a","x":"\xff\xfe"}']),
    ("invalid_utf8", [b"a", b'{"type":"a","x":"\xed\xa0\x80"}']),
    ("not_an_event", [b"a", b"42"]),
    ("not_an_event", [b"a", b'"text"']),
    ("not_an_event", [b"task.multi", b"[1]"]),
    ("missing_type", [b"a", b'{"uuid":"x"}']),
    ("missing_type", [b"a", b'{"type":5}']),
    ("missing_type", [b"", b'{"type":""}']),
    ("missing_type", [b"a", b"{}"]),
    ("duplicate_type", [b"a", b'{"type":"a","type":"b"}']),
    ("bad_key", [b"", b'{"type":"a\\u0007"}']),
    ("bad_key", [b"", b'{"type":"' + b"k" * 246 + b'"}']),
    ("key_mismatch", [b"b", b'{"type":"a"}']),
    ("key_mismatch", [b"task-sent", b'{"type":"task-sent"}']),
    ("wrong_identifier", [b"hello"]),
    ("wrong_identifier", [b""]),
    ("malformed_batch", [b"\xff\xff\xff\x7fXYB1" + b"\0" * 64]),
    ("malformed_batch", [b"\x08\0\0\0XYB1"]),
]


def named(case):
    return f"{case[0]}-{len(case[1])}-frames-{sum(map(len, case[1]))}-bytes"


@pytest.mark.parametrize("reason, frames", REFUSED_MESSAGES, ids=map(named, REFUSED_MESSAGES))
def test_it_is_refused_counted_and_logged_and_its_neighbours_arrive(
        relay, push, subscribe, reason, frames):
    subscriber = subscribe()
    push.event("good-before")
    push.frames(*frames)
    push.event("good-after")
    assert [key for key, _ in subscriber.receive(2)] == [b"good.before", b"good.after"]
    assert relay.refused(reason) == 1
    assert relay.metric("xylem_source_refused_total") == 1
    lines = relay.log_lines("warning", "push refused")
    assert len(lines) == 1 and lines[0].endswith(reason) and "127.0.0.1" in lines[0]


@pytest.mark.parametrize("frames, expected", [
    ([b'{"type":"a"}'], "expected two frames, [routing key][JSON], or one that is a batch: "),
    ([b"task-sent", b'{"type":"task-sent"}'],
     "expected 'task.sent', the key that the event's type makes, or none: "),
], ids=["json-in-one-frame", "type-for-key"])
def test_the_log_says_what_was_expected(relay, push, frames, expected):
    push.frames(*frames)
    until(lambda: relay.log_lines("push refused", expected), lambda: relay.log())


@pytest.mark.parametrize("reason, bad", [
    ("missing_type", b"{}"),
    ("duplicate_type", b'{"type":"a","type":"a"}'),
    ("not_an_event", b"[{}]"),
    ("not_an_event", b'"x"'),
    ("not_an_event", b"-1.5e3"),
    ("bad_key", b'{"type":"a\\u007f"}'),
    ("event_too_large", b'{"type":"a","x":"' + LONG + b'"}'),
], ids=lambda value: value if isinstance(value, str) else f"{len(value)}-bytes")
def test_the_good_events_of_the_same_list_still_arrive(relay, push, subscribe, reason, bad):
    subscriber = subscribe()
    one, two, three = b'{"type":"one"}', b'{"type":"two","n":2}', b'{"type":"three"}'
    push.frames(b"task.multi", b"[" + b",".join([one, bad, two, bad, three]) + b"]")
    assert [body for _, body in subscriber.receive(3)] == [one, two, three]
    assert relay.refused(reason) == 2
    assert relay.accepted() == 3


@pytest.mark.parametrize("reason, key, body", [
    ("missing_type", b"a", b"{}"),
    ("malformed_json", b"a", b'{"type":"a"'),
    ("not_an_event", b"a", b'[{"type":"a"}]'),
    ("key_mismatch", b"b", b'{"type":"a"}'),
    ("invalid_utf8", b"a", b'{"type":"a","x":"\x80"}'),
    ("too_deep", b"a", NESTED),
], ids=lambda value: value if isinstance(value, str) else f"{len(value)}-bytes")
def test_the_good_events_of_the_same_batch_still_arrive(relay, push, subscribe, reason, key, body):
    subscriber = subscribe()
    push.frames(batch([(b"good.one", b'{"type":"good-one"}'), (key, body),
                       (b"good.two", b'{"type":"good-two"}')]))
    assert [key for key, _ in subscriber.receive(2)] == [b"good.one", b"good.two"]
    assert relay.refused(reason) == 1
    assert relay.accepted() == 2


def test_what_was_refused_in_a_list_does_not_travel_with_the_rest(push, stream, relay):
    client = stream()
    client.open()
    push.frames(b"task.multi", b'[{"type":"a"},{"secret":"do not carry"},{"type":"b"}]')
    assert client.socket.poll(15_000)
    assert b"secret" not in client.socket.recv()


def test_a_log_line_cannot_be_forged_by_a_key(relay, push, subscribe):
    subscriber = subscribe()
    push.frames(b"\x1b[2J\nxylem: all is well\r\x9b\xff" + b"k" * 500, b"{}")
    push.event("good")
    subscriber.receive(1)
    lines = relay.log_lines("push refused")
    assert len(lines) == 1 and len(lines[0]) < 400
    assert "\\x1b[2J\\x0axylem" in lines[0]


def test_twenty_thousand_bad_messages_make_few_log_lines(context, relay, subscribe):
    subscriber = subscribe()
    senders = [Push(context, relay.push) for _ in range(4)]
    for number in range(5000):
        for sender in senders:
            sender.frames(b"a", b'{"type":"a","x":}')
    good = senders[0].event("good")
    assert subscriber.receive(1) == [(b"good", good)]
    relay.await_messages(20_001)
    assert relay.refused("malformed_json") == 20_000
    assert 1 <= len(relay.log_lines("push refused")) <= 6


def test_the_same_fault_again_later_says_how_many_it_stands_for(relay, push, subscribe):
    subscribe()
    for _ in range(10):
        push.frames(b"a", b"{}")
    relay.await_messages(10)

    def another_line():
        push.frames(b"a", b"{}")
        return len(relay.log_lines("missing_type")) >= 2
    until(another_line, "the interval of the log is over", 10)
    assert "more like it" in relay.log_lines("missing_type")[1]


def test_a_message_over_the_hard_limit_cuts_its_sender_and_nobody_else(
        context, relay, subscribe):
    subscriber = subscribe()
    bully, worker = Push(context, relay.push), Push(context, relay.push)
    worker.event("before")
    bully.frames(b"x" * (17 << 20))
    for number in range(200):
        worker.event("task-sent", n=number)
    assert len(subscriber.receive(201)) == 201
    assert relay.accepted() == 201
    assert relay.resident_bytes() < 100 << 20
    # The sender was cut off, not banned: its next connection is as good as any.
    until(lambda: not bully.would_block([b"again", b'{"type":"again"}'])
          and subscriber.socket.poll(200), "the sender is heard again")
    assert subscriber.receive(1)[0][0] == b"again"


def test_truncated_batches_are_refused_at_every_length(relay, push, subscribe):
    subscriber = subscribe()
    frame = batch_of("task-sent", "task-failed", "worker-online", padding=20)
    end = len(frame.rstrip(b"\0"))  # the bodies come last, then padding that nobody misses
    for length in range(end):
        push.frames(frame[:length])
    push.event("good")
    assert subscriber.receive(1)[0][0] == b"good"
    refused = relay.refused("wrong_identifier") + relay.refused("malformed_batch")
    assert refused == end == relay.metric("xylem_source_refused_total")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_batches_with_flipped_bits_never_harm_the_relay(relay, push, subscribe, stream, seed):
    print(f"seed {seed}")
    chance = random.Random(seed)
    subscriber, client = subscribe("good"), stream()
    client.open("good")
    frame = batch_of("task-sent", "task-failed", "worker-online", padding=20)
    for _ in range(400):
        damaged = bytearray(frame)
        for _ in range(chance.choice([1, 1, 2, 8])):
            at = chance.randrange(8 * len(damaged))
            damaged[at // 8] ^= 1 << at % 8
        push.frames(bytes(damaged))
    push.event("good", n=1)
    assert subscriber.receive(1)[0][0] == b"good"
    assert json.loads(client.events(1)[0][2])["n"] == 1
    relay.await_messages(401)
    assert relay.metric("xylem_source_refused_total") > 100, "chaos must have happened"
    assert relay.accepted() > 100


def test_positions_that_do_not_count_up_by_one_cannot_disturb_the_order(relay, push, stream):
    client = stream()
    client.open()
    good = b'{"type":"a"}'
    push.frames(batch([(b"a", good), (b"a", good)], positions=[0, 1_000_000]))
    push.event("b")
    push.event("c")
    got = []
    while not got or got[-1][1] != b"c":
        got += client.events(1)
    sequences = [sequence for sequence, _, _ in got]
    assert sequences == list(range(1, len(got) + 1))
