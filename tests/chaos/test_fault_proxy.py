"""Every fault of the proxy happens when it is told to, is counted, and is over when it is over."""
import errno
import random
import socket
import socketserver
import threading
import time

import pytest
import zmq

from fault_proxy import FaultProxy
from waiting import seconds_of, until

TIMEOUT_S = 10


class Answering(socketserver.BaseRequestHandler):
    """Sends back what comes; remembers how each connection ended."""

    def handle(self):
        got = b""
        try:
            while chunk := self.request.recv(65536):
                got += chunk
                self.request.sendall(chunk)
            end = "closed"
        except ConnectionError:
            end = "reset"
        self.server.ended.append((got, end))


@pytest.fixture
def server():
    socketserver.ThreadingTCPServer.daemon_threads = True
    made = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering)
    made.ended = []
    thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join(TIMEOUT_S)
    made.server_close()


@pytest.fixture
def proxy(server, start_proxy):
    return start_proxy(server.server_address[1], seed=5)


@pytest.fixture
def connect(proxy):
    made = []

    def connect():
        made.append(socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT_S))
        return made[-1]

    yield connect
    for each in made:
        each.close()


def receive(connection, count):
    got = b""
    while len(got) < count:
        chunk = connection.recv(count - len(got))
        assert chunk, f"closed after {got!r}"
        got += chunk
    return got


def echoed(connection, text=b"echo"):
    connection.sendall(text)
    return receive(connection, len(text)) == text


def is_reset(connection):
    connection.settimeout(TIMEOUT_S)
    with pytest.raises(ConnectionResetError):
        connection.recv(1)
    return True


def is_reset_at_once(connect):
    """Perhaps so soon that connect() sees it already."""
    try:
        return is_reset(connect())
    except ConnectionResetError:
        return True


def is_silent(connection, seconds=0.1):
    connection.settimeout(seconds)
    with pytest.raises(TimeoutError):
        connection.recv(1)
    connection.settimeout(TIMEOUT_S)
    return True


def test_bytes_pass_both_ways_and_so_do_ends(proxy, connect, server):
    client = connect()
    text = bytes(range(256)) * 4000
    sender = threading.Thread(target=client.sendall, args=(text,))
    sender.start()
    assert receive(client, len(text)) == text
    sender.join(TIMEOUT_S)
    client.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b""
    until(lambda: server.ended == [(text, "closed")], "the server sees the end")
    until(lambda: proxy.connections == 0, "the proxy lets go")
    counts = proxy.snapshot()
    assert (counts.connections, counts.bytes_to_target, counts.bytes_to_client) == (
        1, len(text), len(text))
    assert counts.resets == 0


def test_an_end_that_is_reset_resets_the_other(proxy, connect, server):
    client = connect()
    assert echoed(client)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    until(lambda: server.ended == [(b"echo", "reset")], "the server is reset")
    assert proxy.snapshot().resets == 0  # that was not the proxy


def test_a_refusing_port_is_closed_keeps_its_number_and_opens_again(proxy, connect):
    before = connect()
    assert echoed(before)
    port = proxy.port
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        connect()
    assert echoed(before)
    with pytest.raises(OSError) as taken, socket.socket() as other:
        other.bind(("127.0.0.1", port))
    assert taken.value.errno == errno.EADDRINUSE
    proxy.pass_through()
    assert proxy.port == port and echoed(connect()) and echoed(before)
    assert proxy.snapshot().refusals == 1


def test_turning_away_resets_whoever_comes(proxy, connect):
    before = connect()
    assert echoed(before)
    proxy.turn_away()
    assert is_reset_at_once(connect)
    assert echoed(before) and proxy.snapshot().turned_away == 1
    proxy.pass_through()
    assert echoed(connect())


def test_all_connections_are_reset_at_both_ends(proxy, connect, server):
    clients = [connect() for _ in range(5)]
    assert all(echoed(client) for client in clients)
    assert proxy.reset_all() == 5
    assert all(is_reset(client) for client in clients)
    until(lambda: server.ended == [(b"echo", "reset")] * 5, "the server is reset")
    assert proxy.snapshot().resets == 5 and proxy.connections == 0


def test_half_open_swallows_everything_and_tells_nobody(proxy, connect, server):
    client, leaver, idle = connect(), connect(), connect()
    assert echoed(client) and echoed(leaver) and echoed(idle)
    proxy.half_open()
    client.sendall(b"x" * 100_000)
    leaver.close()
    late = connect()
    late.sendall(b"late")
    until(lambda: proxy.snapshot().bytes_swallowed == 100_004, "the bytes are swallowed")
    until(lambda: proxy.snapshot().half_opened == 3, "the end of one is swallowed")
    assert is_silent(client) and is_silent(late) and server.ended == []
    proxy.pass_through()
    assert is_reset(client) and is_reset(late)  # with a hole in the middle it cannot go on
    until(lambda: len(server.ended) == 2, "the server is reset")
    assert {end for _, end in server.ended} == {"reset"}
    assert echoed(idle) and echoed(connect())
    assert proxy.snapshot().resets == 3


def test_a_stall_loses_nothing(proxy, connect):
    client = connect()
    assert echoed(client)
    proxy.stall()
    client.sendall(b"waits")
    late = connect()
    late.sendall(b"queue")
    assert is_silent(client) and is_silent(late)
    proxy.pass_through()
    assert receive(client, 5) == b"waits" and receive(late, 5) == b"queue"
    assert proxy.snapshot().bytes_swallowed == proxy.snapshot().resets == 0


def test_a_delay_is_as_long_as_it_says_and_keeps_the_order(proxy, connect):
    client = connect()
    proxy.delay(100, jitter_ms=50)
    start = time.monotonic()
    for number in range(20):
        client.sendall(bytes([number]))
    assert receive(client, 20) == bytes(range(20))
    assert 0.2 <= time.monotonic() - start  # there and back
    proxy.delay(60_000)
    client.sendall(b"soon")
    until(lambda: proxy.snapshot().bytes_delayed == 44, "it is on its way")
    proxy.pass_through()
    assert receive(client, 4) == b"soon"  # what waited waits no longer


def test_a_drip_is_as_slow_as_it_says(proxy, connect):
    client = connect()
    proxy.drip(10_000)
    seconds, _ = seconds_of(lambda: echoed(client, b"d" * 3000))
    assert seconds >= 0.25
    assert proxy.snapshot().bytes_dripped == 6000


@pytest.mark.parametrize("orderly", [False, True])
def test_a_cut_comes_after_its_number_of_bytes(proxy, connect, server, orderly):
    before = connect()
    assert echoed(before)
    proxy.cut_after(10, orderly=orderly)
    for number, begin in enumerate((lambda: before, connect), 1):
        client = begin()
        client.sendall(b"0123456789abc")
        until(lambda: proxy.snapshot().cuts == number, "it is cut")
        assert client.recv(1) == b"" if orderly else is_reset(client)
    until(lambda: len(server.ended) == 2, "the server sees the end")
    assert [got for got, _ in server.ended] == [b"echo0123456789", b"0123456789"]
    assert proxy.snapshot().resets == (0 if orderly else 2)
    proxy.pass_through()
    assert echoed(connect())


def test_cuts_by_chance_come_again_with_the_seed(server, start_proxy):
    def lengths():
        proxy = start_proxy(server.server_address[1], seed=11)
        proxy.cut_after(1, spread=1000, way="to_client")
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT_S) as client:
                client.sendall(b"x" * 2000)
                got = 0
                try:
                    while chunk := client.recv(4096):
                        got += len(chunk)
                except ConnectionResetError:
                    yield got
    first = list(lengths())
    assert first == list(lengths()) and len(set(first)) > 1 and max(first) <= 1001


def test_a_storm_resets_again_and_again_and_ends(proxy, connect):
    storm = proxy.storm(every_s=0.02, for_s=0.3, seed=1)
    while not storm.is_over:
        try:
            client = connect()
            while not storm.is_over and echoed(client):
                pass
        except (ConnectionError, AssertionError):
            pass
        if storm.rounds >= 3:
            break
    assert storm.wait().rounds >= 3
    assert storm.resets == proxy.snapshot().resets >= storm.rounds
    assert echoed(connect())
    long_one = proxy.storm(every_s=0.01, for_s=1000)
    long_one.stop()
    assert long_one.is_over


def test_whatever_it_is_told_in_whatever_order_it_works_in_the_end(proxy, connect):
    chance = random.Random(17)
    acts = (proxy.pass_through, proxy.refuse, proxy.turn_away, proxy.reset_all, proxy.half_open,
            proxy.stall, lambda: proxy.delay(5, 5), lambda: proxy.drip(50_000),
            lambda: proxy.cut_after(1000, spread=3000))
    clients = []
    for _ in range(300):
        chance.choice(acts)()
        try:
            clients.append(connect())
            for client in chance.sample(clients, min(4, len(clients))):
                client.setblocking(False)
                client.send(b"y" * chance.randrange(1, 5000))
                client.recv(chance.randrange(1, 5000))
        except OSError:
            pass  # that is what it is for
        if chance.random() < 0.1 and clients:
            clients.pop().close()
    proxy.pass_through()
    assert echoed(connect())
    for client in clients:
        client.close()
    until(lambda: proxy.connections == 1, "it lets go of all but one")


def test_a_missing_target_resets_the_client_and_another_can_take_its_place(
        start_proxy, server):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        proxy = start_proxy(closed.getsockname()[1])
        assert is_reset_at_once(
            lambda: socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT_S))
    until(lambda: proxy.snapshot().target_missing == 1, "it is counted")
    proxy.retarget(f"tcp://127.0.0.1:{server.server_address[1]}")
    with socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT_S) as client:
        assert echoed(client)


def test_zeromq_survives_it_over_tcp_and_ipc(context, folder):
    for target, listen in (("tcp://127.0.0.1:*", 0), (f"ipc://{folder}/t", f"ipc://{folder}/p")):
        pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        pull.bind(target)
        push.setsockopt(zmq.RECONNECT_IVL, 10)
        with FaultProxy(pull.get_string(zmq.LAST_ENDPOINT), listen) as proxy:
            push.connect(proxy.endpoint)
            push.send(b"first")
            assert pull.poll(TIMEOUT_S * 1000) and pull.recv() == b"first"
            proxy.cut_after(100)
            push.send(b"x" * 500)  # goes with the connection
            until(lambda: proxy.snapshot().cuts, "the message is cut")
            proxy.refuse()
            proxy.reset_all()
            proxy.pass_through()

            def passes():
                push.send(b"second")
                return pull.poll(50) and pull.recv() == b"second"
            until(passes, "messages pass again")
            assert proxy.snapshot().connections >= 2


def test_stopping_twice_and_using_what_has_failed(server):
    proxy = FaultProxy(server.server_address[1]).start()
    proxy._accept = None  # stands for a mistake of the proxy's own
    with socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT_S):
        until(lambda: not proxy._thread.is_alive(), "its thread dies")
        with pytest.raises(RuntimeError, match="thread has died"):
            proxy.stall()
        with pytest.raises(RuntimeError, match="thread has died"):
            proxy.stop()
    with FaultProxy(server.server_address[1]) as fine:
        fine.stop()
