"""Peers without a name that spend what docs/limits.md lets them. Each is a function of the relay's
endpoints, an event that ends it and a Counter of what it did. Tests run one of them, a soak all of
them at once, in a process that is not its own:

    hostile_peers.py '{"push": "tcp://...", "stream": ...}' push_on block_and_come_back ...

with the generated schema on PYTHONPATH. It says `ready` once it is connected, and what it did, as
JSON, when its stdin has ended."""
import collections
import contextlib
import json
import os
import random
import socket
import sys
import threading
import time
import types

import zmq

from plain_clients import Push, unlike
from stream_client import StreamClient
from waiting import until
from wire_frames import batch, batch_of, control

MIB = 1 << 20
ZMTP_GREETING = (b"\xff" + b"\0" * 8 + b"\x7f" + b"\x03\0" + b"NULL".ljust(20, b"\0")
                 + b"\0" * 32)
READY_S = 60
NICENESS = 19  # as programs they are other machines' work; only what they make the relay do counts


def tcp_to(endpoint, receive_buffer=None):
    host, port = endpoint.split("://")[1].rsplit(":", 1)
    made = socket.socket()
    made.settimeout(10)
    if receive_buffer is not None:  # before it connects, or the window is not bounded by it
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    made.connect((host, int(port)))
    return made


def zmtp_sub(endpoint):
    """A SUB that says what it likes."""
    connection = tcp_to(endpoint)
    connection.sendall(ZMTP_GREETING)
    greeted = b""
    while len(greeted) < 64:
        greeted += connection.recv(64 - len(greeted))
    ready = b"\x05READY\x0bSocket-Type\0\0\0\x03SUB"
    connection.sendall(b"\x04" + bytes([len(ready)]) + ready)
    return connection


@contextlib.contextmanager
def own_context():
    made = zmq.Context()
    try:
        yield made
    finally:
        made.destroy(linger=0)


def dealer(context, endpoint):
    made = context.socket(zmq.DEALER)
    made.setsockopt(zmq.LINGER, 0)
    made.connect(endpoint)
    return made


def drain(zmq_socket):
    while zmq_socket.poll(0):
        zmq_socket.recv()


def push_on(relay, over, did):
    """Two senders, each as fast as the relay takes it."""
    events = [{"type": "noise-received", "n": i, "pad": unlike(i, 300)} for i in range(500)]
    frames = [b"task.multi", json.dumps(events).encode()]
    with own_context() as context:
        senders = [Push(context, relay.push) for _ in range(2)]
        while not over.is_set():
            if all([sender.would_block(frames) for sender in senders]):
                senders[0].socket.poll(20, zmq.POLLOUT)
            else:
                did["lists"] += 1


def block_and_come_back(relay, over, did, every_s=1.5):
    """A subscriber that wants everything, reads nothing, and is another each time."""
    with own_context() as context:
        while not over.is_set():
            client = StreamClient(context, relay.stream)
            client.open(name="blocker", overflow="block", credit=0, tap_events=1)
            did["blockers"] += 1
            over.wait(every_s)
            client.leave()
            client.close()


def ask_for_the_past(relay, over, did, every_s=0.01):
    """Hellos of some 150 bytes, each of which makes the relay search its log."""
    with own_context() as context:
        client = StreamClient(context, relay.stream)
        while not over.wait(every_s):
            client.hello("noise.#", name="historian", credit=65536,
                         sinceUs=1 + did["Hellos since"] % 1000)
            did["Hellos since"] += 1
            drain(client.socket)


def flood_of_hellos(relay, over, did, every_s=0.0):
    """Each as dear as a Hello can be."""
    patterns = [f"tenant{i}.task.#" for i in range(256)]
    with own_context() as context:
        client = StreamClient(context, relay.stream)
        while not over.wait(every_s):
            client.hello(*patterns, name="flood", credit=0)
            did["Hellos"] += 1
            drain(client.socket)


def many_hashes(words=30):
    return [".".join(["#", f"w{i}", *["*"] * (words - 3), "#"]) for i in range(256)]


def batch_of_many_keys(count=4096):
    keys = [".".join(["x"] * 25 + [f"k{i}"]) for i in range(count)]
    return batch([(key.encode(), b'{"type":"%s"}' % key.replace(".", "-").encode())
                  for key in keys])


def match_many_keys(relay, over, did, every_s=0.5):
    """The dearest patterns, against the dearest batches."""
    frame = batch_of_many_keys()
    with own_context() as context:
        client = StreamClient(context, relay.stream)
        client.open(*many_hashes(), name="hashes")
        push = Push(context, relay.push)
        while not over.wait(every_s):
            did["batches of many keys"] += not push.would_block([frame])
            client.grant(0)


def cancel_what_others_have(relay, over, did, every_s=0.05, prefixes=(b"task.", b"worker.", b"")):
    """Cancels of what this connection never had."""
    with zmtp_sub(relay.publish) as stranger:
        while not over.wait(every_s):
            for prefix in prefixes:
                stranger.sendall(b"\0" + bytes([len(prefix) + 1]) + b"\0" + prefix)
                did["cancels"] += 1


def hoard_prefixes(relay, over, did, count=60_000, size=60):
    """More prefixes at publish than anybody wants."""
    with zmtp_sub(relay.publish) as hoarder:
        for number in range(count):
            prefix = b"\1" + unlike(number, size).encode()
            hoarder.sendall(b"\0" + bytes([len(prefix)]) + prefix)
            did["prefixes"] += 1
            if over.is_set():
                return
        hoarder.settimeout(0.2)
        while not over.is_set():
            with contextlib.suppress(socket.timeout):
                hoarder.recv(65536)


def take_no_credit(relay, over, did, count=12):
    """Subscribers that all wait for the same and never say that they consumed any."""
    with own_context() as context:
        for number in range(count):
            client = StreamClient(context, relay.stream)
            client.socket.setsockopt(zmq.RCVHWM, 1)
            client.open(overflow=["drop_oldest", "drop_newest"][number % 2],
                        name=f"idle{number}")
            did["idle subscribers"] += 1
        over.wait()


def send_giants(relay, over, did, size=16 * MIB, most=None):
    """Messages far above what is taken."""
    body = b"x" * size
    with own_context() as context:
        stranger = Push(context, relay.push, hwm=2)
        while not over.wait(0.05) and did["giants"] != most:
            did["giants"] += not stranger.would_block([b"noise.sent", body])


def refused_from_many_addresses(relay, over, did, addresses=300, each=None, every_s=0.2):
    """As one machine on a network of its own has addresses, each with its own faults."""
    faults = [b"{}", b"[1]", b'"', b"\xff"]
    with own_context() as context:
        senders = []
        for number in range(addresses):
            sender = context.socket(zmq.PUSH)
            sender.setsockopt(zmq.LINGER, 5000)
            source = f"127.0.{1 + number // 200}.{1 + number % 200}:0"
            sender.connect(relay.push.replace("tcp://", f"tcp://{source};"))
            senders.append(sender)
        number = 0
        while number != each and not over.wait(every_s):
            for sender in senders:
                with contextlib.suppress(zmq.Again):
                    sender.send_multipart([b"key%d" % number, faults[number % 4]], zmq.DONTWAIT)
                    did["refused messages"] += 1
            number += 1
        if number == each:
            for sender in senders:
                sender.close()
            context.term()


def hello_under_many_names(relay, over, did, each=None, every_s=0.01):
    """Each a line for the log, were they not counted, at both endpoints that greet."""
    with own_context() as context:
        streamer, source = dealer(context, relay.stream), dealer(context, relay.acked)
        number = 0
        while number != each and not over.wait(every_s):
            streamer.send(control("Hello", protocol=1, name=f"s{number}", patterns=["noise.#"],
                                  creditBytes=65536))
            source.send(control("SourceHello", protocol=1, source=number + 1, name=f"w{number}"))
            did["Hellos under other names"] += 2
            drain(streamer)
            drain(source)
            number += 1


def say_nothing_to_http(relay, over, did, count=200):
    """Connections without a word, made anew when the relay has had enough of them."""
    silent = [tcp_to(relay.http) for _ in range(count)]
    did["silent connections"] += count
    try:
        while not over.wait(0.5):
            for at, connection in enumerate(silent):
                connection.setblocking(False)
                try:
                    gone = connection.recv(1024) == b""
                except BlockingIOError:
                    gone = False
                except OSError:
                    gone = True
                if gone:
                    connection.close()
                    silent[at] = tcp_to(relay.http)
                    did["silent connections"] += 1
    finally:
        for connection in silent:
            connection.close()


def with_flipped_bits(chance, frame):
    damaged = bytearray(frame)
    for _ in range(chance.choice([1, 1, 2, 8])):
        at = chance.randrange(8 * len(damaged))
        damaged[at // 8] ^= 1 << at % 8
    return bytes(damaged)


def send_bad_frames(relay, over, did, every_s=0.01, seed=1):
    """Random bytes and forged batches and controls, as ZeroMQ and as no ZeroMQ, to every port."""
    chance = random.Random(seed)
    sound = [batch_of("noise-sent", "noise-failed", padding=20),
             batch_of("noise-sent", padding=20)[:40],
             control("Hello", protocol=1, name="forger", patterns=["noise.#"], creditBytes=4096),
             control("Credit", session=1, grantedBytes=1 << 62), control("Bye"),
             control("SourceHello", protocol=1, source=77, name="forger", firstUnacked=1)]
    with own_context() as context:
        push = Push(context, relay.push)
        greeters = [dealer(context, relay.stream), dealer(context, relay.acked)]
        while not over.wait(every_s):
            for greeter in greeters:
                frame = with_flipped_bits(chance, chance.choice(sound))
                with contextlib.suppress(zmq.Again):
                    greeter.send(frame, zmq.DONTWAIT)
                drain(greeter)
            push.would_block([chance.choice(
                [with_flipped_bits(chance, sound[0]), chance.randbytes(chance.randrange(400))])])
            with contextlib.suppress(OSError), tcp_to(
                    getattr(relay, chance.choice(["push", "acked", "publish", "stream",
                                                  "http"]))) as connection:
                connection.sendall(chance.choice([b"", ZMTP_GREETING])
                                   + chance.randbytes(chance.choice([1, 64, 5000])))
            did["bad frames"] += 4


ALL = (push_on, block_and_come_back, ask_for_the_past, flood_of_hellos, match_many_keys,
       cancel_what_others_have, hoard_prefixes, take_no_credit, send_giants,
       refused_from_many_addresses, hello_under_many_names, say_nothing_to_http, send_bad_frames)


def main():
    os.nice(NICENESS)
    relay = types.SimpleNamespace(**json.loads(sys.argv[1]))
    over, did, threads = threading.Event(), [], []
    for peer in [each for each in ALL if each.__name__ in sys.argv[2:]]:
        did.append(collections.Counter())
        more = {"every_s": 0.02} if peer is flood_of_hellos else {}
        threads.append(threading.Thread(target=peer, args=(relay, over, did[-1]), kwargs=more))
        threads[-1].start()
    until(lambda: all(did) or not all(thread.is_alive() for thread in threads),
          "every peer has done something", READY_S)
    print("ready", flush=True)
    sys.stdin.read()
    alive = all(thread.is_alive() for thread in threads)
    over.set()
    for thread in threads:
        thread.join()
    print(json.dumps(sum(did, collections.Counter())))
    return 0 if alive else 1


if __name__ == "__main__":
    sys.exit(main())
