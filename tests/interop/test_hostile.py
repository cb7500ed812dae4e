"""Hostile peers at native sockets: each is bounded in memory and in what it costs others
(docs/limits.md)."""
import pytest

from hostile_peers import tcp_to
from plain_clients import Push, Subscriber, unlike
from waiting import until
from zmtp_peer import GREETING, MORE, ZmtpPeer, announced, command, frame, message, ping

MIB = 1 << 20


@pytest.fixture
def relay(native):
    return native()


@pytest.fixture
def still_works(context, relay):
    subscriber, push = Subscriber(context, relay, "still"), Push(context, relay.push)

    def check():
        push.event("still-there")
        assert subscriber.receive(1)[0][0] == b"still.there"
    check()
    return check


@pytest.fixture
def grows_by(relay, still_works):
    """How many bytes the relay has grown by since it was up."""
    before = relay.resident_bytes()
    return lambda: relay.resident_bytes() - before


def ended(relay, reason):
    return relay.metric("xylem_transport_ended_total", reason=reason)


def send_until_cut_off(peer, octets, times):
    """True if the relay hung up before all was sent."""
    try:
        for _ in range(times):
            peer.send(octets)
    except OSError:
        return True
    return peer.is_cut_off()


@pytest.mark.parametrize("said", [b"", GREETING[:1], GREETING[:40], GREETING])
def test_greetings_that_take_for_ever_keep_nobody_out(context, relay, still_works, said):
    slow = []
    for _ in range(400):
        slow.append(tcp_to(relay.push))
        slow[-1].sendall(said)
    until(lambda: ended(relay, "handshake_crowded") >= 400 - 256, "the oldest make room")
    late = Push(context, relay.push)
    late.event("task-sent")
    relay.await_messages(2)
    still_works()
    for one in slow:
        one.close()


def test_a_greeting_has_five_seconds(relay, still_works):
    with tcp_to(relay.push) as slow:
        slow.sendall(GREETING[:10])
        until(lambda: ended(relay, "handshake_slow") == 1, "it is let go of", 8)
    still_works()


@pytest.mark.parametrize("body, why", [(b"", "too_many_frames"), (b"x" * 100_000,
                                                                  "message_too_large")])
def test_a_message_without_end_is_cut_off(relay, still_works, grows_by, body, why):
    with ZmtpPeer(relay.push, b"PUSH") as peer:
        assert send_until_cut_off(peer, frame(body, MORE), 3000)
    assert ended(relay, why) == 1
    assert grows_by() < 24 * MIB
    still_works()


def test_a_frame_above_the_limit_is_cut_off_at_its_header(relay, still_works, grows_by):
    for door in ("push", "acked", "publish", "stream"):
        kind = {"push": b"PUSH", "publish": b"SUB"}.get(door, b"DEALER")
        with ZmtpPeer(getattr(relay, door), kind) as peer:
            peer.send(announced(1 << 40))
            assert peer.is_cut_off()
    assert ended(relay, "frame_too_large") == 4
    assert grows_by() < 4 * MIB
    still_works()


def test_sizes_that_are_announced_cost_nothing_until_the_octets_come(
        relay, still_works, grows_by):
    peers = [ZmtpPeer(relay.push, b"PUSH") for _ in range(200)]
    for peer in peers:
        peer.send(announced(MIB), b"x" * 100)
    still_works()
    assert grows_by() < 16 * MIB
    for peer in peers:
        peer.socket.close()


def test_messages_that_do_not_come_whole_have_a_bound_together(native, context):
    relay = native({"push.event_bytes_max": "16MiB", "push.message_bytes_max": "64MiB"})
    before = relay.resident_bytes()
    peers = [ZmtpPeer(relay.push, b"PUSH") for _ in range(8)]
    part = b"x" * MIB
    for peer in peers:
        peer.send(announced(100 * MIB))
    for _ in range(60):
        for peer in peers:
            try:
                peer.send(part)
            except OSError:
                pass  # it was the one with most
    until(lambda: ended(relay, "input_full") > 0, "who has most is cut off")
    assert relay.metric("xylem_transport_input_bytes") <= 256 * MIB
    assert relay.resident_bytes() - before < 420 * MIB
    subscriber, push = Subscriber(context, relay, "task."), Push(context, relay.push)
    body = push.event("task-sent", pad="y" * MIB)
    assert subscriber.receive(1) == [(b"task.sent", body)]
    for peer in peers:
        peer.socket.close()


def test_a_flood_of_pings_that_reads_no_answer_costs_no_memory(relay, still_works, grows_by):
    peer = ZmtpPeer(relay.push, b"PUSH", receive_buffer=4096)
    pings = ping(context=b"x" * 16) * 1000
    for _ in range(500):
        peer.send(pings)
    still_works()
    assert grows_by() < 2 * MIB
    peer.socket.close()


def test_a_short_ping_is_answered_with_nobodys_memory(relay, still_works):
    with ZmtpPeer(relay.push, b"PUSH") as peer:
        peer.send(command(b"PING", b"\0"))
        assert peer.is_cut_off()
    assert ended(relay, "malformed_command") == 1
    still_works()


def test_who_announces_how_long_it_may_be_silent_is_let_go_of_after_that(relay, still_works):
    with ZmtpPeer(relay.push, b"PUSH") as peer:
        peer.send(ping(ttl_tenths=10))
        assert peer.receive()[1].startswith(b"\x04PONG")
        until(lambda: ended(relay, "silent") == 1, "it is let go of", 10)
    still_works()


def test_a_hundred_thousand_prefixes_are_refused_but_for_a_thousand(
        relay, still_works, grows_by):
    with ZmtpPeer(relay.publish, b"SUB") as hoarder:
        for number in range(0, 100_000, 500):
            hoarder.send(*[message(b"\1" + unlike(n, 60).encode())
                           for n in range(number, number + 500)])
        until(lambda: relay.metric("xylem_transport_prefixes_refused_total") >= 98_976,
              "all are read", 30)
        assert relay.metric("xylem_publish_subscriptions") <= 1024 + 2
        assert grows_by() < 4 * MIB
        still_works()


def test_readers_of_an_octet_now_and_then_hold_no_more_than_they_may(native, context):
    relay = native({"publish.send_bytes_max": "1MiB"})
    push, honest = Push(context, relay.push), Subscriber(context, relay, "mark")
    slow = [ZmtpPeer(relay.publish, b"SUB", receive_buffer=4096) for _ in range(10)]
    for peer in slow:
        peer.send(message(b"\1task."))
    until(lambda: relay.metric("xylem_publish_subscriptions") == 3, "they are known")
    before = relay.resident_bytes()
    sent = 0
    for number in range(100):
        sent += push.lists(10, first=number * 240)
        for peer in slow:
            peer.take_one()
    relay.await_accepted(sent)
    push.event("mark")
    assert honest.receive(1)[0][0] == b"mark"
    assert relay.metric("xylem_transport_output_bytes") <= 10 * (MIB + 64 * 1024)
    assert relay.resident_bytes() - before < 40 * MIB
    assert relay.metric("xylem_tap_dropped_events_total", reason="subscriber_full") > 0
    for peer in slow:
        peer.socket.close()


def test_a_cancel_of_what_it_never_had_silences_nobody(relay, still_works):
    with ZmtpPeer(relay.publish, b"SUB") as stranger:
        stranger.send(command(b"CANCEL", b"still"), message(b"\0still"))
        until(lambda: relay.metric("xylem_publish_cancels_total") == 2, "both are read")
        still_works()
