"""The stream endpoint, spoken to by a client written from docs/protocol.md §5."""
import json
import random

import pytest

import wire_frames
from stream_client import StreamClient
from waiting import until
from wire_frames import control


def refused(relay, reason):
    return relay.metric("xylem_stream_refused_total", reason=reason)


def test_a_subscriber_gets_batches_with_sequences_from_its_welcome_on(push, stream, relay):
    push.event("before")
    relay.await_accepted(1)
    client = stream()
    welcome = client.open("task.*", name="one")
    assert (welcome.protocol, welcome.nextSequence) == (1, 2)
    assert welcome.session != 0 and welcome.epoch != 0
    push.list([{"type": "task-sent"}, {"type": "worker-online"}, {"type": "task-failed"}])
    assert [(sequence, key) for sequence, key, _ in client.events(2)] == [(2, b"task.sent"),
                                                                         (4, b"task.failed")]


def test_without_credit_nothing_comes_until_some_is_granted(push, stream, relay):
    client = stream()
    client.open(credit=0, name="poor")
    push.event("task-sent", n=1)
    relay.await_accepted(1)
    client.grant(0, answer=True)
    assert client.receive()[0] == "Alive"
    assert relay.metrics().ledger("stream", "poor") == (1, 0, 0, 0, 1)
    client.grant(1)
    assert len(client.events(1)) == 1


def test_credit_is_overdrawn_by_one_frame_at_most(push, stream, relay):
    client = stream()
    client.open(credit=1, name="poor")
    for number in range(20):
        push.event("task-sent", n=number)
        relay.await_accepted(number + 1)
    client.grant(0, answer=True)
    kinds = [client.receive()[0] for _ in range(2)]
    assert sorted(kinds) == ["Alive", "Batch"]
    delivered = relay.metrics().ledger("stream", "poor")[1]
    assert 1 <= delivered < 20
    client.leave()


def test_a_credit_with_answer_is_answered_by_alive(push, stream):
    client = stream()
    welcome = client.open(name="one")
    push.event("task-sent")
    client.events(1)
    client.grant(0, answer=True)
    kind, alive = client.receive()
    assert (kind, alive.epoch, alive.nextSequence) == ("Alive", welcome.epoch, 2)


def test_shapes_come_to_those_who_read_them_and_say_the_same(push, stream):
    plain, shaped = stream(), stream()
    plain.open("task.*", name="plain")
    shaped.open("task.*", name="shaped", shapes=True)
    sent = []
    for number in range(40):
        text = "é\\\"" * (number % 3)
        events = [{"type": kind, "n": number, "text": text, "list": [number, None]}
                  for kind in ("task-sent", "worker-online", "task-failed")]
        push.list(events)
        sent += [json.dumps(event).encode() for event in events if event["type"][0] == "t"]
    frames = []
    for client in (plain, shaped):
        got = []
        while len(got) < len(sent):
            assert client.socket.poll(15_000), f"{len(got)} of {len(sent)} events came"
            frames.append((client, client.socket.recv()))
            got += wire_frames.events_in(frames[-1][1])[1]
        assert [body for _, _, body in got] == sent
    assert not any(wire_frames.is_shaped(frame) for client, frame in frames if client is plain)
    assert any(wire_frames.is_shaped(frame) for client, frame in frames if client is shaped)


def test_credit_for_an_unknown_session_is_answered_by_bye(stream):
    client = stream()
    client.socket.send(control("Credit", session=77, grantedBytes=1000))
    assert client.bye()[0] == "unknown_session"
    client.open()
    client.session += 2
    client.grant(10)
    assert client.bye()[0] == "unknown_session"


@pytest.mark.parametrize("more, sentence", [(-1, "taken back"),
                                            (65 << 20, "ahead of what was sent")])
def test_credit_that_breaks_its_rules_ends_the_session(stream, relay, more, sentence):
    client = stream()
    client.open(name="greedy")
    client.grant(more)
    reason, text = client.bye()
    assert reason == "refused" and sentence in text
    assert refused(relay, "credit") == 1
    client.grant(0)
    assert client.bye()[0] == "unknown_session"


@pytest.mark.parametrize("options, sentence", [
    ({"patterns": [f"p{n}" for n in range(300)]}, "300 topic patterns are more than"),
    ({"patterns": ["task.a*"]}, "'task.a*' has '*' or '#' inside a word"),
    ({"patterns": [""]}, "is empty"),
    ({"patterns": ["#.a.#.b.#"]}, "has more than 2 '#'"),
    ({"patterns": [".".join("a" * 33)]}, "has more than 32 words"),
    ({"patterns": ["x" * 246]}, "is longer than 245 bytes"),
    ({"patterns": ["a\x1b[2J"]}, "contains a control character"),
    ({"patterns": ["#"], "tap_bytes": 1 << 40}, "tap_bytes_max of 1099511627776 is above"),
    ({"patterns": ["#"], "tap_events": 1 << 40}, "tap_events_max of 1099511627776 is above"),
    ({"patterns": ["#"], "credit": 1 << 40}, "credit_bytes of 1099511627776 is above"),
    ({"patterns": ["#"], "protocol": 2}, "stream protocol 2 is not spoken here; 1 is"),
    ({"patterns": ["#"], "name": "n" * 129}, "a name longer than 128 bytes"),
])
def test_a_hello_beyond_a_limit_is_refused_with_a_sentence(stream, relay, options, sentence):
    client = stream()
    client.hello(*options.pop("patterns"), **options)
    reason, text = client.bye()
    assert reason == "refused" and sentence in text
    assert text.isprintable()
    assert refused(relay, "hello") == 1
    assert len(relay.await_lines("stream refused subscriber", sentence)) == 1
    client.open("#")  # the next Hello is judged for itself


def test_one_subscriber_more_than_allowed_is_refused_with_a_sentence(start_relay, context):
    relay = start_relay({"stream.subscribers_max": 2})
    clients = [StreamClient(context, relay.stream) for _ in range(3)]
    clients[0].open()
    clients[1].open()
    clients[2].hello()
    assert clients[2].bye() == ("refused", "2 subscribers are as many as this relay takes")
    until(lambda: relay.metric("xylem_stream_subscribers") == 2, "both places are shown as taken")
    clients[0].leave()
    until(lambda: relay.metric("xylem_stream_subscribers") == 1, "the first one's place is free")
    clients[2].open()


@pytest.mark.parametrize("frame", [b"", b"hello", b"\x08\0\0\0XYC1", b"\xff" * 100,
                                   b"\x10\0\0\0XYC1" + b"\xee" * 60, b"x" * 100_000],
                         ids=lambda frame: f"{len(frame)}-bytes")
def test_a_malformed_control_frame_is_refused_with_a_bye_and_counted(stream, relay, frame):
    client, other = stream(), stream()
    other.open(name="other")
    client.socket.send(frame)
    assert client.bye()[0] == "refused"
    assert refused(relay, "malformed") == 1
    assert len(relay.await_lines("stream refused a frame of", "127.0.0.1")) == 1
    other.grant(0, answer=True)
    assert other.receive()[0] == "Alive"


def test_a_source_at_the_stream_endpoint_is_told_where_it_belongs(stream, relay):
    client = stream()
    client.socket.send(control("SourceHello", protocol=1, source=7, name="lost", firstUnacked=1))
    assert client.bye() == ("refused", "a SourceHello, and this is a stream endpoint: say it at an "
                                       "acked one")
    assert refused(relay, "unexpected") == 1


def test_after_the_bye_for_a_malformed_frame_the_session_is_over(push, stream, relay):
    client = stream()
    client.open(name="broken")
    client.socket.send(b"nonsense")
    assert client.bye()[0] == "refused"
    until(lambda: ("stream", "broken") not in relay.taps(), "Bye was the last word", 2)


def test_a_frame_that_only_the_relay_sends_is_refused_and_counted(stream, relay):
    client = stream()
    client.open()
    client.socket.send(control("Alive", epoch=1, nextSequence=1))
    assert client.bye()[0] == "refused"
    assert refused(relay, "unexpected") == 1


def test_a_message_of_several_frames_is_refused_and_counted(stream, relay):
    client = stream()
    client.socket.send_multipart([control("Hello", patterns=["#"])] * 5)
    assert client.bye()[0] == "refused"
    assert refused(relay, "malformed") == 1


def test_an_oversize_control_frame_cuts_its_sender_and_nobody_else(stream, relay, push):
    client, other = stream(), stream()
    other.open(name="other")
    client.socket.send(b"x" * (200 << 10))
    push.event("task-sent")
    other.events(1)


@pytest.mark.parametrize("seed", [31, 32])
def test_damaged_hellos_never_harm_the_relay(stream, relay, push, seed):
    print(f"seed {seed}")
    chance = random.Random(seed)
    whole = control("Hello", protocol=1, name="damaged", patterns=["task.*", "worker.#"],
                    creditBytes=1 << 20)
    client = stream()
    for _ in range(300):
        damaged = bytearray(whole[:chance.choice([len(whole), chance.randrange(len(whole))])])
        for _ in range(chance.choice([0, 1, 4])):
            if damaged:
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        client.socket.send(bytes(damaged))
    # A body that the damage made one that no program knows yet is nothing said, and not answered.
    answers = []
    while client.socket.poll(500):
        answers.append(client.receive()[0])
    assert set(answers) == {"Welcome", "Bye"}, "chaos must have happened"
    # Who does not read gets no more than its queue holds.
    assert 200 <= len(answers) <= 300
    other = stream()
    other.open(name="whole")
    push.event("task-sent")
    assert other.events(1)


def test_a_new_hello_on_the_same_connection_replaces_the_session(stream, relay, push):
    client = stream()
    first = client.open("task.*", name="one").session
    second = client.open("worker.*", name="two").session
    assert first != second
    push.event("task-sent")
    push.event("worker-online")
    assert [key for _, key, _ in client.events(1)] == [b"worker.online"]
    assert relay.metric("xylem_stream_subscribers") == 1


def test_a_subscriber_that_says_nothing_is_let_go_after_the_idle_timeout(start_relay, context):
    relay = start_relay({"stream.idle_timeout": "600ms", "stream.heartbeat": "200ms"})
    quiet = StreamClient(context, relay.stream)
    quiet.open(name="quiet")
    assert quiet.bye()[0] == "silent"
    until(lambda: ("stream", "quiet") not in relay.taps(), "its tap is retired", 2)
    until(lambda: relay.metric("xylem_stream_subscribers") == 0, "it is not counted any more", 2)


def test_names_from_the_network_are_harmless_in_metrics_and_logs(stream, relay):
    client = stream()
    client.open(name='evil"} 1\nxylem_fake 1\\\x1b[2J')
    text = relay.metrics().text
    assert "\nxylem_fake" not in text and "\x1b" not in text + relay.log()
    assert 'tap="evil\\"} 1\\\\x0axylem_fake 1\\\\\\\\x1b[2J"' in text
