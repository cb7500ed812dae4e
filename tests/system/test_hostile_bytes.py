"""Bytes that are not ZeroMQ, or not HTTP, straight to the ports: the relay goes on."""
import random
import socket

import pytest

from hostile_peers import ZMTP_GREETING, tcp_to
from plain_clients import Push
from waiting import seconds_of

def shout(endpoint, *parts):
    """Sends the parts as far as the other side lets us; returns what it answered."""
    heard = b""
    with tcp_to(endpoint) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65536):
                heard += more
        except OSError:
            pass  # cut off, which is a fine answer
    return heard


def still_works(relay, push, subscriber):
    push.event("still-there")
    assert subscriber.receive(1)[0][0] == b"still.there"
    assert relay.get("/healthz")[0] == relay.get("/readyz")[0] == 200


@pytest.mark.parametrize("port", ["push", "publish", "stream"])
@pytest.mark.parametrize("seed", [11, 12])
def test_random_bytes_do_not_disturb_anybody(relay, push, subscribe, port, seed):
    print(f"seed {seed}")
    chance = random.Random(seed)
    subscriber = subscribe("still")
    endpoint = getattr(relay, port)
    for _ in range(30):
        shout(endpoint, chance.randbytes(chance.choice([1, 10, 64, 5000])))
        shout(endpoint, ZMTP_GREETING, chance.randbytes(chance.choice([1, 100, 20_000])))
        shout(endpoint, ZMTP_GREETING[:chance.randrange(64)])
    still_works(relay, push, subscriber)
    assert relay.accepted() == 1


@pytest.mark.parametrize("port", ["push", "publish", "stream"])
def test_plain_http_to_a_zeromq_port_is_cut_off(relay, push, subscribe, port):
    subscriber = subscribe("still")
    heard = shout(getattr(relay, port), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
    assert b"HTTP/1." not in heard
    still_works(relay, push, subscriber)


def test_a_zmtp_frame_that_claims_to_be_endless_takes_no_memory(relay, push, subscribe):
    subscriber = subscribe("still")
    ready = b"\x04\x26\x05READY\x0bSocket-Type\0\0\0\x04PUSH\x08Identity\0\0\0\0"
    for port in (relay.push, relay.publish, relay.stream):
        shout(port, ZMTP_GREETING, ready, b"\x02" + (1 << 62).to_bytes(8, "big"), b"x" * 100_000)
    still_works(relay, push, subscriber)
    assert relay.resident_bytes() < 100 << 20


def test_connections_that_never_say_anything_do_not_stop_the_others(relay, context, subscribe):
    silent = [tcp_to(relay.push) for _ in range(50)] + [tcp_to(relay.stream) for _ in range(50)]
    subscriber = subscribe("still")
    still_works(relay, Push(context, relay.push), subscriber)
    for connection in silent:
        connection.close()


def test_a_huge_http_request_is_refused_and_the_pages_stay(relay, push, subscribe):
    subscriber = subscribe("still")
    for request in (b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
                    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
                    b"POST /metrics HTTP/1.1\r\nHost: localhost\r\n"
                    b"Content-Length: 1000000000\r\n\r\n"
                    + b"a" * 1_000_000,
                    b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(20_000))
                    + b"\r\n"):
        heard = shout(relay.http, request)
        assert not heard.startswith(b"HTTP/1.1 200"), heard[:200]
    assert relay.resident_bytes() < 100 << 20
    still_works(relay, push, subscriber)


def test_garbage_to_the_http_port_is_answered_or_cut_and_the_pages_stay(relay, push, subscribe):
    print("seed 21")
    chance = random.Random(21)
    subscriber = subscribe("still")
    for _ in range(20):
        shout(relay.http, chance.randbytes(2000))
        shout(relay.http, b"GET / HTTP/1.1\r\n" + chance.randbytes(500) + b"\r\n\r\n")
    still_works(relay, push, subscriber)


def test_idle_http_connections_do_not_keep_probes_from_their_answer(relay):
    idle = [tcp_to(relay.http) for _ in range(4)]
    took, (status, _) = seconds_of(lambda: relay.get("/healthz"))
    for connection in idle:
        connection.close()
    assert status == 200
    assert took < 2, "a probe usually waits no longer"
