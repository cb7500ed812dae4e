"""Liveness does not depend on what strangers can fill: whatever they do with the HTTP port, probes
and scrapers are answered, and memory stays bounded."""
import contextlib
import resource
import socket
import statistics

import pytest

from waiting import seconds_of, until

MIB = 1 << 20
STRANGERS = 2000
ANSWERED_WITHIN_S = 1
REQUEST = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module", autouse=True)
def many_descriptors():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, before[1]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def connect(relay):
    """connect(n) makes n connections to the HTTP port that have said nothing."""
    host, port = relay.http.removeprefix("http://").rsplit(":", 1)
    with contextlib.ExitStack() as made:
        def some(count):
            return [made.enter_context(socket.create_connection((host, int(port)), timeout=10))
                    for _ in range(count)]
        yield some


def say(connections, words):
    """As much as the relay takes of each without being waited for."""
    for connection in connections:
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            connection.sendall(words)


def all_pages_answer(relay):
    for page in ("/healthz", "/readyz", "/metrics"):
        took = []
        for _ in range(9):
            seconds, (status, _) = seconds_of(lambda page=page: relay.get(page))
            assert status == 200
            took.append(seconds)
        print(f"{page}: median {statistics.median(took):.4f} s, worst {max(took):.4f} s")
        assert statistics.median(took) < ANSWERED_WITHIN_S, (page, took)


def let_go(relay, reason):
    return relay.metric("xylem_http_let_go_total", reason=reason)


def test_silent_ones_slow_ones_and_deaf_ones_at_once(relay, connect):
    before = relay.resident_bytes()
    silent, slow, deaf = connect(STRANGERS), connect(300), connect(300)
    for _ in range(5):
        say(slow, b"G")  # and never a whole request
        say(deaf, REQUEST % b"/metrics" * 100)
        all_pages_answer(relay)
    assert let_go(relay, "crowded") >= STRANGERS - 512
    assert relay.metric("xylem_http_connections") <= 512
    assert relay.metric("xylem_http_answer_bytes") < 33 * MIB
    assert relay.resident_bytes() - before < 64 * MIB


def test_requests_that_never_end(relay, connect):
    slow = connect(STRANGERS)
    say(slow, b"GET /metrics HTTP/1.1\r\nHost: local")
    all_pages_answer(relay)
    say(slow, b"h")
    all_pages_answer(relay)
    until(lambda: let_go(relay, "slow_request") > 0, "the slow are let go of", 20)


def test_answers_that_nobody_reads(relay, connect):
    deaf = connect(500)
    say(deaf, REQUEST % b"/metrics" * 1000)
    all_pages_answer(relay)
    until(lambda: let_go(relay, "slow_answer") > 0, "the deaf are let go of", 30)


def test_headers_and_bodies_without_end(relay, connect):
    for words, status in [(b"GET / HTTP/1.1\r\nX: " + b"x" * 10_000, b"431"),
                          (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"405")]:
        endless = connect(100)
        for connection in endless:
            connection.sendall(words)
        all_pages_answer(relay)
        for connection in endless:
            assert connection.recv(12) == b"HTTP/1.1 " + status


def test_many_who_ask_without_pause(relay, connect):
    """Each with a thousand requests under way, all of which are read and answered."""
    eager = connect(50)
    for _ in range(5):
        say(eager, REQUEST % b"/healthz" * 1000)
        all_pages_answer(relay)
        for connection in eager:
            with contextlib.suppress(OSError):
                while connection.recv(MIB):
                    pass


def test_a_scraper_keeps_its_connection_beside_slow_senders(relay, connect):
    (kept,) = connect(1)
    for _ in range(3):
        for _ in range(600):
            say(connect(1), b"GET / HTTP/1.1\r\n")
        kept.sendall(REQUEST % b"/healthz")
        assert kept.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
