"""Z6: who a peer says that it is gives it nothing of anybody else's."""
import pytest

import wire_frames
from conclusion import conclude
from plain_clients import Push
from raw_peer import RawPeer
from relay_process import ENGINE, xylem
from waiting import until

IDENTITIES = [b"", b"a", b"\0" + b"\1\2\3\4", b"\0" * 5, b"\0", b"x" * 255, b"x" * 256,
              b"\0" + b"y" * 254, b"\xff" * 5]
QUIET_S = 0.5


def source_hello(source, name="raw"):
    return wire_frames.control("SourceHello", protocol=1, name=name, source=source,
                               firstUnacked=1, level=0)


def kinds(peer, least, seconds=5):
    """The controls that come, at least so many."""
    got = []
    while len(got) < least:
        frame = peer.receive(seconds)
        if not frame:
            return got
        got.append(wire_frames.read_control(frame))
    return got


@pytest.mark.parametrize("door, hello, answer", [
    ("acked", lambda: source_hello(77), "SourceWelcome"),
    ("stream", lambda: wire_frames.control("Hello", protocol=1, creditBytes=65536), "Welcome")])
@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity[:5].hex() or "none")
def test_Z6_any_identity_is_a_peer_like_others_or_none(relay, door, hello, answer, identity):
    peers = []
    for _ in range(3):  # the second and third have it too, if it is one
        peers.append(RawPeer(getattr(relay, door), identity))
        peers[-1].send(hello())
    # Native sockets close on what no peer's own identity may be.
    is_one = len(identity) <= 255 and not identity.startswith(b"\0")
    if is_one or ENGINE != "native":
        assert kinds(peers[0], 1)[0][0] == answer
    for peer in peers:
        peer.close()
    late = RawPeer(getattr(relay, door))
    late.send(hello())
    assert kinds(late, 1)[0][0] == answer
    late.close()


def test_Z6_a_second_connection_with_a_sources_identity_takes_nothing_over(
        relay, oracle, start_source, start_stream):
    start_stream(relay.stream, "all")
    first = RawPeer(relay.acked, b"same")
    first.send(source_hello(5))
    assert kinds(first, 1)[0][0] == "SourceWelcome"
    second = RawPeer(relay.acked, b"same")
    second.send(source_hello(6))
    assert second.receive(QUIET_S) in (None, b""), "it was answered as if it were somebody"
    # The first is still itself: what it sends is taken for its source, and it hears of it.
    key, body = oracle.message(id := oracle.draw("first"))
    first.send(wire_frames.batch([(key, body)], stamp=(5, 1, 0)))
    until(lambda: any(kind == "Ack" and said.acked == 1 for kind, said in kinds(first, 1)),
          "its batch is acknowledged")
    oracle.promise(id)
    oracle.premise("a peer with a used identity", 1)
    conclude(oracle, start_source(relay.acked, "bystander", level="received"))


def test_Z6_a_second_subscriber_with_an_identity_gets_nothing_of_the_firsts(relay, context):
    first = RawPeer(relay.stream, b"same")
    first.send(wire_frames.control("Hello", protocol=1, name="first", creditBytes=65536))
    assert kinds(first, 1)[0][0] == "Welcome"
    second = RawPeer(relay.stream, b"same")
    second.send(wire_frames.control("Hello", protocol=1, name="second", creditBytes=65536))
    second.send(wire_frames.control("Bye"))
    Push(context, relay.push).event("task-sent", n=1)
    assert wire_frames.events_in(first.receive())[1][0][1] == b"task.sent"
    assert second.receive(QUIET_S) in (None, b"")
    assert ("stream", "second") not in relay.taps()


def test_Z6_who_speaks_for_a_source_from_elsewhere_ends_what_was_there(relay):
    """Knowing a source's number is what counts (protocol §7): the newest connection speaks for it,
    and the one before is told to say Hello."""
    first, second = RawPeer(relay.acked), RawPeer(relay.acked)
    for peer in (first, second):
        peer.send(source_hello(9))
        assert kinds(peer, 1)[0][0] == "SourceWelcome"
    body = b'{"type":"task-sent"}'
    first.send(wire_frames.batch([(b"task.sent", body)], stamp=(9, 1, 0)))
    kind, said = kinds(first, 1)[0]
    assert (kind, wire_frames.BYE[said.reason]) == ("Bye", "unknown_session")
    second.send(wire_frames.batch([(b"task.sent", body)], stamp=(9, 1, 0)))
    until(lambda: any(kind == "Ack" and said.acked == 1 for kind, said in kinds(second, 1)),
          "its batch is acknowledged")
    assert relay.accepted() == 1


def test_Z10_a_second_relay_on_an_ipc_path_refuses_and_the_first_goes_on(
        relay, context, subscribe):
    done = xylem("serve", "--set", f"push.listen={relay.push_ipc}", "--set", "publish.listen=off",
                 "--set", "stream.listen=off", "--set", "acked.listen=off",
                 "--set", "http.listen=off")
    assert done.returncode == 1 and f"{relay.push_ipc} is in use" in done.stderr, done.stderr
    subscriber = subscribe("still")
    Push(context, relay.push_ipc).event("still-there")
    assert subscriber.receive(1)[0][0] == b"still.there"


def test_Z10_a_second_relay_on_a_spool_refuses_and_says_who_holds_it(
        start_lives, folder, oracle, start_source, start_stream):
    first = start_lives({"spool.directory": folder / "spool"})
    start_stream(first.stream.endpoint, "all")
    source = start_source(first.acked.endpoint, "p")
    doors = [f"--set={name}.listen=off" for name in ("acked", "publish", "stream", "http")]
    doors.append("--set=push.listen=tcp://127.0.0.1:0")
    done = xylem("serve", *doors, "--set", f"spool.directory={folder / 'spool'}")
    holder = first.relay.process.pid
    assert done.returncode == 1 and f"is held by process {holder}" in done.stderr, done.stderr
    until(lambda: source.acked > 20, "the first goes on")
    # Who is dead holds nothing, whatever stands in the file.
    first.restart()
    oracle.premise("a relay that was refused", done.returncode)
    conclude(oracle, source)
