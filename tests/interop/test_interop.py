"""libzmq 4.3.4, as pyzmq has it, and raw ZMTP against a relay of either engine."""
import json
import os
import resource
import signal
import socket

import pytest
import zmq

from hostile_peers import tcp_to
from plain_clients import Push, Subscriber
from stoppable_peer import StoppablePeer
from stream_client import StreamClient
from waiting import until
from zmtp_peer import GREETING, ZmtpPeer, message, ping, ready


def free_port():
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def sub(context, endpoint, *prefixes):
    made = context.socket(zmq.SUB)
    made.setsockopt(zmq.LINGER, 0)
    made.connect(endpoint)
    for prefix in prefixes:
        made.setsockopt(zmq.SUBSCRIBE, prefix)
    return made


def comes(made, key, seconds=15):
    """What `made` receives until a message under `key` is among it."""
    got = []
    while not got or got[-1][0] != key:
        assert made.poll(int(seconds * 1000)), f"{key} does not come, but {got}"
        got.append(made.recv_multipart())
    return got


def until_comes(made, send, key):
    """Sends until the first arrives, and takes in all that are on the way."""
    def came():
        send()
        return made.poll(20)
    until(came, f"{key} comes")
    while made.poll(200):
        made.recv_multipart()


def test_who_connects_before_anybody_listens_is_served_from_the_beginning(context, start_engine):
    ports = {name: f"tcp://127.0.0.1:{free_port()}" for name in ("push", "publish", "stream")}
    subscriber = sub(context, ports["publish"], b"task.")
    stream = StreamClient(context, ports["stream"])
    stream.hello("task.#", name="early")
    push = Push(context, ports["push"])
    push.event("worker-online")
    relay = start_engine({f"{name}.listen": place for name, place in ports.items()})
    assert stream.receive()[0] == "Welcome"
    relay.await_messages(1)
    until_comes(subscriber, lambda: push.event("task-sent"), b"task.sent")


@pytest.mark.parametrize("end", ["reset_all", "turn_away", "cut_after", "half_open"])
def test_whoever_was_cut_off_comes_back(context, relay, start_proxy, end):
    to_push, to_publish = start_proxy(relay.push), start_proxy(relay.publish)
    push = context.socket(zmq.PUSH)
    for option in (zmq.HEARTBEAT_IVL, zmq.HEARTBEAT_TIMEOUT):
        push.setsockopt(option, 300)
    push.setsockopt(zmq.IMMEDIATE, 1)
    push.setsockopt(zmq.LINGER, 0)
    push.connect(to_push.endpoint)
    subscriber = sub(context, to_publish.endpoint, b"task.")

    def send():
        try:
            push.send_multipart([b"task.sent", b'{"type":"task-sent"}'], zmq.DONTWAIT)
        except zmq.Again:
            pass
    until_comes(subscriber, send, b"task.sent")
    accepted = relay.accepted()
    if end == "cut_after":
        to_push.cut_after(10, orderly=True)
        until(lambda: (send(), to_push.connections == 0)[1], "it is cut off")
    else:
        getattr(to_push, end)()
    to_push.pass_through()
    until(lambda: (send(), relay.accepted() > accepted)[1], "it is back", 20)


def test_a_relay_that_was_killed_and_started_anew_is_found_again(context, start_engine):
    ports = {name: f"tcp://127.0.0.1:{free_port()}" for name in ("push", "publish")}
    settings = {f"{name}.listen": place for name, place in ports.items()}
    relay = start_engine(settings)
    push, subscriber = Push(context, relay.push), sub(context, relay.publish, b"")
    until_comes(subscriber, lambda: push.event("task-sent"), b"task.sent")
    relay.kill()
    start_engine(settings)
    until_comes(subscriber, lambda: push.event("task-sent"), b"task.sent")


def test_a_subscriber_that_is_stopped_costs_only_itself(context, relay):
    push, honest = Push(context, relay.push), sub(context, relay.publish, b"task.")
    until_comes(honest, lambda: push.event("task-sent", n=0), b"task.sent")
    with StoppablePeer("sub", relay.publish) as stopped:
        until(lambda: (push.event("task-sent", n=0), stopped.seen)[1], "it is there")
        while honest.poll(200):
            honest.recv_multipart()
        stopped.stop()
        pad = "x" * 1000
        for number in range(1, 30_001):
            push.event("task-sent", n=number, pad=pad)
            if number % 100 == 0:
                heard = [json.loads(honest.recv_multipart()[1])["n"] for _ in range(100)]
                assert heard == list(range(number - 99, number + 1))
        stopped.go_on()
        last = 30_001
        until(lambda: (push.event("task-sent", n=last), last in stopped.seen)[1], "it is back")
    in_order = [n for n in stopped.seen if n not in (0, last)]
    assert in_order == sorted(set(in_order)), "what it gets late is in order, and nothing twice"


def test_a_pusher_that_is_stopped_costs_only_itself(context, relay):
    with StoppablePeer("push", relay.push) as stopped:
        until(lambda: relay.accepted() > 1000, "it sends")
        stopped.stop()
        honest, push = sub(context, relay.publish, b"other."), Push(context, relay.push)
        until_comes(honest, lambda: push.event("other-thing"), b"other.thing")
        accepted = relay.accepted()
        stopped.go_on()
        until(lambda: relay.accepted() > accepted + 1000, "it goes on")


def test_a_thousand_connections(context, relay):
    wanted = 500
    context.set(zmq.MAX_SOCKETS, 2000)
    subscribers = [sub(context, relay.publish, b"task.%d." % n) for n in range(wanted)]
    until(lambda: relay.metric("xylem_publish_subscriptions") == wanted, "all are known", 30)
    pushers = [Push(context, relay.push) for _ in range(wanted)]
    for number, pusher in enumerate(pushers):
        pusher.event(f"task-{number}-sent", n=number)
    for number, subscriber in enumerate(subscribers):
        assert subscriber.poll(15_000), number
        assert json.loads(subscriber.recv_multipart()[1])["n"] == number


def test_a_thousand_idle_connections_take_8_mib_at_most(native):
    relay = native()
    before = relay.resident_bytes()
    peers = [ZmtpPeer(relay.publish, b"SUB") for _ in range(500)]
    peers += [ZmtpPeer(relay.push, b"PUSH") for _ in range(500)]
    until(lambda: relay.metric("xylem_transport_connections") == 1000, "all are connected")
    assert relay.resident_bytes() - before <= 8 << 20
    for peer in peers:
        peer.socket.close()
    until(lambda: relay.metric("xylem_transport_connections") == 0, "all are gone")


def test_subscriptions_before_during_and_after(context, relay):
    push = Push(context, relay.push)
    first = sub(context, relay.publish, b"a.", b"a.", b"b.")
    until(lambda: relay.metric("xylem_publish_subscriptions") == 2, "both are known")
    push.event("a-x", n=1)
    assert json.loads(comes(first, b"a.x")[-1][1])["n"] == 1
    first.setsockopt(zmq.SUBSCRIBE, b"c.")
    until(lambda: relay.metric("xylem_publish_subscriptions") == 3, "the third is known")
    for key in ("a-x", "b-x", "c-x"):
        push.event(key)
    assert [got[0] for got in comes(first, b"c.x")] == [b"a.x", b"b.x", b"c.x"]
    first.setsockopt(zmq.UNSUBSCRIBE, b"a.")
    first.setsockopt(zmq.UNSUBSCRIBE, b"a.")
    until(lambda: relay.metric("xylem_publish_subscriptions") == 2, "one is gone")
    push.event("a-x")
    push.event("b-x")
    assert [got[0] for got in comes(first, b"b.x")] == [b"b.x"]
    first.close()
    until(lambda: relay.metric("xylem_publish_subscriptions") == 0, "all are gone")


def test_an_xsub_of_libzmq_subscribes_too(context, relay):
    push, other = Push(context, relay.push), context.socket(zmq.XSUB)
    other.setsockopt(zmq.LINGER, 0)
    other.connect(relay.publish)
    other.send(b"\1task.")
    other.send(b"neither subscribes nor cancels")
    until(lambda: relay.metric("xylem_publish_subscriptions") == 1, "it is known")
    push.event("task-sent")
    assert comes(other, b"task.sent")


@pytest.mark.parametrize("minor", [0, 1])
def test_both_forms_of_subscription_are_taken_of_anybody(context, relay, minor):
    form = {0: message(b"\1task."), 1: b"\x04\x0f\x09SUBSCRIBEtask."}[minor]
    push = Push(context, relay.push)
    with ZmtpPeer(relay.publish, b"SUB") as raw:
        raw.send(form)
        until(lambda: relay.metric("xylem_publish_subscriptions") == 1, "it is known")
        push.event("task-sent")
        assert raw.receive()[1] == b"task.sent"


@pytest.mark.parametrize("size", [0, 1, 240, 255, 256, 8191, 8192, 65_536, 262_144, 1 << 20])
def test_events_of_every_size(context, start_engine, size):
    relay = start_engine({"push.event_bytes_max": "2MiB", "push.message_bytes_max": "8MiB"})
    push, subscriber = Push(context, relay.push), Subscriber(context, relay, "task.")
    bodies = [push.event("task-sent", pad="x" * size, n=n) for n in range(3)]
    assert [body for _, body in subscriber.receive(3)] == bodies


@pytest.mark.parametrize("frames", [3, 17, 64])
def test_messages_of_too_many_frames_are_refused_and_their_neighbours_arrive(
        context, relay, frames):
    push, subscriber = Push(context, relay.push), Subscriber(context, relay, "task.")
    push.event("task-sent")
    push.frames(*[b"x" * n for n in range(frames)])
    push.event("task-failed")
    assert [key for key, _ in subscriber.receive(2)] == [b"task.sent", b"task.failed"]
    assert relay.refused("bad_frames") == 1


def test_a_stopped_relay_loses_nothing_that_is_pushed_meanwhile(context, relay):
    push, subscriber = Push(context, relay.push), Subscriber(context, relay, "task.")
    relay.signal(signal.SIGSTOP)
    for number in range(500):
        push.event("task-sent", n=number)
    relay.signal(signal.SIGCONT)
    assert [json.loads(body)["n"] for _, body in subscriber.receive(500)] == list(range(500))


def test_a_peer_that_sends_octet_by_octet_is_understood(context, relay):
    subscriber = Subscriber(context, relay, "task.")
    said = (GREETING + ready(b"PUSH"), message(b"task.sent", b'{"type":"task-sent"}'))
    with tcp_to(relay.push) as slow:
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in said[0]:
            slow.sendall(bytes([octet]))
        heard = b""
        while b"READY" not in heard:  # before which nothing else may be said
            heard += slow.recv(100)
        for octet in said[1]:
            slow.sendall(bytes([octet]))
        assert subscriber.receive(1)[0][0] == b"task.sent"


def test_what_is_glued_to_the_handshake_is_taken_and_its_sender_named(native):
    """libzmq hangs up on it, so no libzmq peer does it."""
    relay = native()
    with tcp_to(relay.push) as eager:
        eager.sendall(GREETING + ready(b"PUSH") + message(b"task.sent", b"no JSON"))
        relay.await_lines("push refused", "127.0.0.1")


def test_a_ping_inside_a_message_is_answered_and_the_message_whole(context, relay):
    subscriber = Subscriber(context, relay, "task.")
    with ZmtpPeer(relay.push, b"PUSH") as raw:
        raw.send(b"\x01\x09task.sent", ping(context=b"c"), b'\0\x14{"type":"task-sent"}')
        assert raw.receive() == (4, b"\x04PONGc")
    assert subscriber.receive(1)[0][0] == b"task.sent"


def test_who_has_heartbeats_is_not_cut_off_while_the_relay_does_not_read(context, native):
    """PINGs lie behind events that nobody has room for; a sign of life comes all the same."""
    relay = native({"publish.overflow": "block", "publish.send_bytes_max": "4KiB",
                    "pipeline.block_budget": "0s", "pipeline.ring_batches": 8})
    with ZmtpPeer(relay.publish, b"SUB", receive_buffer=4096) as stuck:
        stuck.send(message(b"\1"))
        until(lambda: relay.metric("xylem_publish_subscriptions") == 1, "it is known")
        push = Push(context, relay.push)
        events = [{"type": "task-sent", "pad": os.urandom(2000).hex()} for _ in range(20)]
        frames = [b"task.multi", json.dumps(events).encode()]
        with ZmtpPeer(relay.push, b"PUSH") as raw:
            raw.send(ping())
            assert raw.receive()[1] == b"\x04PONG"
            until(lambda: push.would_block(frames), "all is full", 30)
            raw.socket.settimeout(0.2)
            with pytest.raises(OSError):
                for _ in range(1000):
                    raw.send(message(*frames))
            raw.socket.settimeout(10)
            assert raw.receive()[1].startswith(b"\x04PONG")
    push.socket.close(0)


def dealer_named(context, identity, endpoint):
    """Connects, and says nothing yet."""
    client = StreamClient.__new__(StreamClient)
    client.socket = context.socket(zmq.DEALER)
    client.socket.setsockopt(zmq.LINGER, 0)
    client.socket.setsockopt(zmq.IDENTITY, identity)
    client.socket.connect(endpoint)
    return client


def test_a_dealer_under_the_identity_of_another_comes_in_once_that_is_gone(context, native):
    relay = native()
    first = dealer_named(context, b"the same", relay.stream)
    first.open("task.#", name="first")
    second = dealer_named(context, b"the same", relay.stream)
    until(lambda: relay.metric("xylem_transport_ended_total", reason="identity_taken") > 0,
          "the second is closed on")
    first.close()
    second.open("task.#", name="second")
    Push(context, relay.push).event("task-sent")
    assert [key for _, key, _ in second.events(1)] == [b"task.sent"]


def test_a_dealer_that_comes_back_need_not_wait_until_its_dead_link_is_found(
        context, native, start_proxy):
    relay = native()
    link = start_proxy(relay.stream)
    before = dealer_named(context, b"the same", link.endpoint)
    before.open("task.#", name="before")
    link.half_open()
    after = dealer_named(context, b"the same", relay.stream)
    until(lambda: relay.metric("xylem_transport_ended_total", reason="identity_left") > 0,
          "it has its identity again")
    after.open("task.#", name="after")
    Push(context, relay.push).event("task-sent")
    assert [key for _, key, _ in after.events(1)] == [b"task.sent"]


@pytest.mark.parametrize("kind, door", [
    (zmq.PAIR, "push"), (zmq.PULL, "push"), (zmq.PUSH, "publish"), (zmq.DEALER, "publish"),
    (zmq.SUB, "stream"), (zmq.REQ, "stream"), (zmq.ROUTER, "stream"), (zmq.REQ, "acked")])
def test_a_socket_of_another_kind_disturbs_nobody(context, relay, kind, door):
    subscriber = Subscriber(context, relay, "task.")
    other = context.socket(kind)
    other.setsockopt(zmq.LINGER, 0)
    other.connect(getattr(relay, door))
    if kind in (zmq.REQ, zmq.PUSH, zmq.DEALER, zmq.PAIR):
        other.setsockopt(zmq.SNDTIMEO, 100)
        try:
            other.send(b"nothing that anybody understands")
        except zmq.Again:
            pass
    Push(context, relay.push).event("task-sent")
    assert subscriber.receive(1)[0][0] == b"task.sent"


def test_without_descriptors_connections_wait_and_those_there_are_go_on(context, native):
    relay = native()
    push, subscriber = Push(context, relay.push), Subscriber(context, relay, "task.")
    push.event("task-sent")
    subscriber.receive(1)
    open_now = len(os.listdir(f"/proc/{relay.process.pid}/fd"))
    resource.prlimit(relay.process.pid, resource.RLIMIT_NOFILE, (open_now + 20, open_now + 4096))
    crowd = [tcp_to(relay.push) for _ in range(60)]
    until(lambda: relay.metric("xylem_transport_accept_pauses_total") > 0, "it leaves some waiting")
    push.event("task-sent")
    assert subscriber.receive(1)[0][0] == b"task.sent"
    for stranger in crowd:
        stranger.close()
    late = Push(context, relay.push)
    late.event("task-failed")
    assert subscriber.receive(1)[0][0] == b"task.failed"
