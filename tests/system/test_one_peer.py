"""What one peer without a name may spend, row by row of docs/limits.md: the others go on, memory
stays bounded, and a counter says what happened."""
import collections
import functools
import itertools
import threading
import time

import pytest
import zmq

import hostile_peers
from hostile_peers import batch_of_many_keys, many_hashes, zmtp_sub
from plain_clients import Push, unlike
from stream_client import StreamClient
from waiting import until
from wire_frames import batch, control, events_in, read_control

MIB = 1 << 20


@pytest.fixture
def in_background():
    """in_background(relay, peer) is a peer of hostile_peers, until the test is over."""
    over, threads = threading.Event(), []

    def start(relay, peer, **options):
        act = functools.partial(peer, relay, over, collections.Counter(), **options)
        threads.append(threading.Thread(target=act, daemon=True))
        threads[-1].start()

    yield start
    over.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


class OneBatchAtATime:
    """An acked source that waits for each batch's ack; `silence` is the longest it waited."""

    def __init__(self, context, endpoint, source):
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)
        self.source, self.number, self.silence = source, 0, 0.0
        self.socket.send(control("SourceHello", protocol=1, name="honest", source=source,
                                 firstUnacked=1, level=0, wallUs=0))
        assert self.receive()[0] == "SourceWelcome"

    def receive(self):
        assert self.socket.poll(15_000), "the relay says nothing"
        return read_control(self.socket.recv())

    def send_one(self):
        self.number += 1
        start = time.monotonic()
        event = (b"task.sent", b'{"type":"task-sent","n":%d}' % self.number)
        self.socket.send(batch([event], stamp=(self.source, self.number, 0)))
        while True:
            kind, body = self.receive()
            if kind == "Ack" and body.acked >= self.number:
                break
        self.silence = max(self.silence, time.monotonic() - start)


def test_two_pushers_at_full_speed_leave_an_acked_source_its_share(relay, in_background):
    context = zmq.Context()
    source = OneBatchAtATime(context, relay.acked, 95)
    in_background(relay, hostile_peers.push_on)
    until(lambda: relay.accepted() > 20_000, "the pushers are at it")
    end = time.monotonic() + 5
    while time.monotonic() < end:
        source.send_one()
    print(f"{source.number} acks in 5 s, the longest silence {source.silence:.3f} s")
    assert source.number > 10 and source.silence < 1.5
    context.destroy(linger=0)


def test_block_subscribers_that_come_and_go_hold_the_relay_up_for_its_budget_at_most(
        start_relay, context, in_background):
    relay = start_relay({"pipeline.block_budget": "2s", "pipeline.ring_batches": 8})
    in_background(relay, hostile_peers.block_and_come_back, every_s=0.5)
    push = Push(context, relay.push)
    used_up = "xylem_block_used_up_total"
    count = itertools.count()

    def pushed_until_used_up():
        push.event("task-sent", n=next(count))
        return relay.metric(used_up) == 1
    until(pushed_until_used_up, "the budget is used up", 60)
    assert relay.metric("xylem_block_held_up_seconds_total") >= 2
    assert relay.log_lines("have held everything up for 2 s", "pipeline.block_budget")
    status, said = relay.get("/readyz")
    assert status == 200 and "pipeline.block_budget" in said
    before = relay.metric("xylem_pipeline_events_total")
    for _ in range(2000):
        push.event("task-sent", n=next(count))
    until(lambda: relay.metric("xylem_pipeline_events_total") >= before + 2000, "all flows", 5)


def test_a_block_subscriber_that_holds_up_nobody_is_not_demoted(start_relay, context):
    relay = start_relay({"stream.block_deadline": "1s"})
    push = Push(context, relay.push)
    count = push.lists(100)
    relay.await_accepted(count)
    behind = StreamClient(context, relay.stream)
    welcome = behind.open(name="behind", overflow="block", credit=1000, tap_events=10,
                          sinceUs=1)
    assert welcome.nextSequence == 1
    begun = relay.metric("xylem_uptime_seconds")

    def three_seconds_later():
        push.event("task-sent", n=0)
        return relay.metric("xylem_uptime_seconds") > begun + 3
    until(three_seconds_later, "three times its deadline has passed")
    assert relay.metric("xylem_stream_demoted_total") == 0
    assert relay.metric("xylem_block_held_up_seconds_total") < 0.5


def test_publish_waits_for_a_subscriber_that_reads_nothing_for_the_budget_at_most(
        start_relay, context):
    relay = start_relay({"publish.overflow": "block", "publish.send_hwm": 10,
                         "publish.send_bytes_max": "4KiB",
                         "pipeline.block_budget": "1s", "pipeline.ring_batches": 8})
    stuck = context.socket(zmq.SUB)
    stuck.setsockopt(zmq.RCVHWM, 1)
    stuck.setsockopt(zmq.RCVBUF, 4096)
    stuck.connect(relay.publish)
    stuck.setsockopt(zmq.SUBSCRIBE, b"")
    until(lambda: relay.metric("xylem_publish_subscriptions") == 1, "it is known")
    push = Push(context, relay.push)
    count = push.lists(500)
    until(lambda: relay.metric("xylem_pipeline_events_total") == count, "all flows again", 20)
    assert relay.metric("xylem_block_used_up_total") == 1
    assert relay.metric("xylem_tap_dropped_events_total", reason="subscriber_full") > 0


def test_256_patterns_with_two_hashes_do_not_hold_up_the_others(relay, push, stream):
    hostile, other = stream(), stream()
    hostile.open(*many_hashes(), name="hostile")
    other.open("last", name="other")
    frame = batch_of_many_keys()
    for _ in range(20):
        push.frames(frame)
    start = time.monotonic()
    push.event("last")
    assert other.events(1)[0][1] == b"last"
    print(f"20 batches took {time.monotonic() - start:.2f} s")
    assert time.monotonic() - start < 10, "it was 1.6 s per batch"


def test_patterns_above_what_one_address_may_have_are_refused_with_a_sentence(
        start_relay, context):
    relay = start_relay({"stream.pattern_words_max": 16384})
    first, second = StreamClient(context, relay.stream), StreamClient(context, relay.stream)
    first.open(*many_hashes(), name="first")
    until(lambda: relay.metric("xylem_stream_pattern_words") == 256 * 30, "they are counted")
    second.hello(*many_hashes(), name="second")
    reason, text = second.bye()
    assert reason == "refused" and "half of stream.pattern_words_max" in text
    assert relay.metric("xylem_stream_refused_total", reason="hello") == 1
    second.open("task.#", name="second")


def test_one_address_cannot_have_every_place_of_the_stream(start_relay, context):
    relay = start_relay({"stream.subscribers_per_address_max": 2})
    clients = [StreamClient(context, relay.stream) for _ in range(3)]
    clients[0].open()
    clients[1].open()
    clients[2].hello()
    reason, text = clients[2].bye()
    assert reason == "refused" and "stream.subscribers_per_address_max" in text


def test_one_connection_cannot_have_every_place_of_acked(start_relay, context):
    relay = start_relay({"acked.sources_max": 16})
    stranger = context.socket(zmq.DEALER)
    stranger.setsockopt(zmq.LINGER, 0)
    stranger.connect(relay.acked)
    for source in range(1, 41):
        stranger.send(control("SourceHello", protocol=1, name="x", source=source, firstUnacked=1,
                              level=0, wallUs=0))
        events = [(b"a", b'{"type":"a"}')] if source % 2 else []
        stranger.send(batch(events, stamp=(source, 1, 0)))
    until(lambda: relay.accepted() == 20, "all of them were welcome")
    assert relay.metric("xylem_acked_known_sources") == 8, "half of the places"
    OneBatchAtATime(context, relay.acked, 99).send_one()


def test_a_strangers_cancel_silences_nobody(relay, push, subscribe):
    honest = subscribe("task.", "worker.")
    with zmtp_sub(relay.publish) as stranger:
        for prefix in (b"task.", b"worker.", b"", b"nobody.has.this"):
            stranger.sendall(b"\0" + bytes([len(prefix) + 1]) + b"\0" + prefix)
        until(lambda: relay.metric("xylem_publish_cancels_total") == 4, "all of it is read")
        push.event("task-sent", n=1)
        push.event("worker-online", n=2)
        assert [key for key, _ in honest.receive(2)] == [b"task.sent", b"worker.online"]


def test_a_prefix_is_forgotten_once_the_last_who_had_it_is_gone(relay, push, subscribe, context):
    first, second = subscribe("task."), subscribe("task.")
    first.socket.setsockopt(zmq.UNSUBSCRIBE, b"task.")
    until(lambda: relay.metric("xylem_publish_cancels_total") == 0, "ZeroMQ knows of another")
    push.event("task-sent", n=1)
    assert second.receive(1)[0][0] == b"task.sent"
    second.socket.close()
    first.socket.close()
    until(lambda: relay.metric("xylem_publish_subscriptions") == 0, "nobody wants anything")
    push.event("task-sent", n=2)
    relay.await_accepted(2)
    until(lambda: relay.metrics().ledger("publish", "publish") == (2, 1, 1, 0, 0), "it is filtered")


def test_idle_subscribers_together_hold_no_more_than_all_may(start_relay, context):
    relay = start_relay({"stream.taps_bytes_max": "32MiB", "stream.retention_bytes": "1MiB"})
    idle = [StreamClient(context, relay.stream) for _ in range(12)]
    for number, client in enumerate(idle):
        client.socket.setsockopt(zmq.RCVHWM, 1)
        policy = ["drop_oldest", "drop_newest"][number % 2]
        client.open(f"task.k{number}", "task.all", overflow=policy, name=f"idle{number}")
    push = Push(context, relay.push)
    for number in range(300):
        push.list([{"type": f"task-k{i}", "pad": unlike(number + i, 2000)} for i in range(12)]
                  + [{"type": "task-all", "pad": unlike(number + i, 2000)} for i in range(100)])
    relay.await_accepted(300 * 112)
    held = relay.metric("xylem_stream_held_bytes")
    print(f"{held >> 20} MiB held, {relay.resident_bytes() >> 20} MiB resident")
    assert held < 34 * MIB
    assert relay.metric("xylem_stream_squeezes_total") > 0
    assert relay.resident_bytes() < 150 * MIB
    relay.stop(expected=3)  # it says what it leaves behind


def test_idle_subscribers_take_nothing_from_one_that_grants_by_halves(relay, push, context):
    honest = StreamClient(context, relay.stream)
    honest.open(name="honest")
    idle = [StreamClient(context, relay.stream) for _ in range(140)]
    for client in idle:
        client.hello("nothing.here", name="idle", credit=0)
    until(lambda: relay.metric("xylem_stream_subscribers") == 141, "all are there")
    count, consumed, got = push.lists(200, padding=600), 0, 0
    while got < count:
        assert honest.socket.poll(5_000), f"nothing comes after {got} of {count}"
        frame = honest.socket.recv()
        got += len(events_in(frame)[1])
        consumed += len(frame)
        if honest.granted - consumed <= 2 * MIB:
            honest.grant(consumed + 4 * MIB - honest.granted)
    assert consumed > 2 * MIB, "or it need not have granted"


def test_many_that_go_back_through_memory_leave_the_others_their_turns(relay, push, stream):
    honest = stream()
    epoch = honest.open("last").epoch
    keys = [".".join([f"k{i}"] + ["a"] * 31).encode() for i in range(3600)]
    frame = batch([(key, b'{"type":"%s"}' % key) for key in keys])
    for _ in range(16):
        push.frames(frame)
    relay.await_accepted(16 * 3600)
    behind = [stream() for _ in range(200)]
    for number, client in enumerate(behind):
        client.open(".".join(["*"] * 31 + [f"n{number}"]), name="behind", credit=0,
                    resumeEpoch=epoch, resumeSequence=1)
    for client in behind:
        client.grant(MIB)
    longest = 0.0
    for number in range(20):
        start = time.monotonic()
        push.event("last", n=number)
        assert honest.events(1)[0][1] == b"last"
        longest = max(longest, time.monotonic() - start)
    print(f"the longest of 20 took {longest:.3f} s")
    assert longest < 3, "all of them had their turn in one"


@pytest.mark.parametrize("theirs, its", [("drop_oldest", "block"), ("drop_oldest", "drop_newest"),
                                         ("drop_newest", "drop_oldest")])
def test_whoever_reads_gets_everything_while_idle_subscribers_hold_all_the_memory(
        start_relay, context, theirs, its):
    relay = start_relay({"stream.taps_bytes_max": "1MiB"})
    idle = [StreamClient(context, relay.stream) for _ in range(30)]
    for number, client in enumerate(idle):
        client.open(f"task.k{number}", name="idle", overflow=theirs, credit=0)
    honest = StreamClient(context, relay.stream)
    honest.open("task.honest", name="honest", overflow=its, credit=1, shapes=True)
    push = Push(context, relay.push)
    for number in range(30):
        push.list([{"type": f"task-k{number}", "pad": unlike(100 * number + i, 1000)}
                   for i in range(60)])
    relay.await_accepted(30 * 60)
    until(lambda: relay.metric("xylem_stream_squeezes_total") > 0, "the memory is full")
    honest_list = [{"type": "task-honest", "pad": unlike(number, 1000)} for number in range(20)]
    for _ in range(6):  # without credit: now it holds most
        push.list(honest_list)
    relay.await_accepted(30 * 60 + 120)
    honest.grant(4 * MIB)
    until(lambda: relay.metrics().ledger("stream", "honest")[4] == 0, "it has read all")
    before = relay.metrics().ledger("stream", "honest")
    for _ in range(40):
        push.list(honest_list)
    until(lambda: relay.metrics().ledger("stream", "honest")[1] == before[1] + 800, "it gets all")
    assert relay.metrics().ledger("stream", "honest")[3] == before[3]
    assert relay.metric("xylem_stream_held_bytes") < 1.2 * MIB
    for client in [*idle, honest]:
        client.leave()


def test_a_flood_of_hellos_leaves_the_others_their_turns(relay, push, stream, in_background):
    honest = stream()
    honest.open("last")
    in_background(relay, hostile_peers.flood_of_hellos)
    until(lambda: relay.metric("xylem_stream_subscribers") == 2, "the flood has begun")
    for number in range(50):
        push.event("last", n=number)
        assert honest.events(1)[0][1] == b"last"


def test_a_sender_of_messages_far_above_the_limit_is_cut_off(relay, context):
    hostile_peers.send_giants(relay, threading.Event(), collections.Counter(), most=20)
    Push(context, relay.push).event("still-there")
    relay.await_accepted(1)
    assert relay.refused("message_too_large") == 0, "none of them was let in"
    assert relay.resident_bytes() < 100 * MIB
