"""Z7: a relay upstream that is no relay, another program, too narrow, or gone: the sidecar comes
back by itself as soon as it is right, with everything that could be sent."""
import json
import socket
import threading

import pytest
import zmq

from conclusion import conclude
from plain_clients import Push, unlike
from raw_peer import GREETING
from waiting import until

COMES_BACK_S = 15  # 5 s of silence, and what it waits after a refusal


class Answering:
    """A server that says the same to everybody, and hears what they say."""

    def __init__(self, answer):
        self.answer, self.calls = answer, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "tcp://127.0.0.1:%d" % self.socket.getsockname()[1]
        self._held = []
        threading.Thread(target=self._run, name="answering", daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
                self.calls += 1
                self._held.append(connection)
                connection.sendall(self.answer)
            except OSError:
                return

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for each in self._held:
            each.close()


WRONG = {
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "garbage": bytes(range(256)) * 40,
    "a frame larger than anything": GREETING + b"\x04\x26\x05READY\x0bSocket-Type\0\0\0\x06ROUTER"
                                    + b"\x08Identity\0\0\0\0" + b"\x02" + b"\x7f" + b"\xff" * 7,
}


@pytest.fixture
def central(start_lives, folder):
    return start_lives({"spool.directory": folder / "central"})


@pytest.fixture
def sidecar(central, start_relay, folder):
    return start_relay({"spool.directory": folder / "sidecar",
                        "upstream.connect": central.acked.endpoint})


def comes_back(sidecar, before):
    until(lambda: sidecar.metric("xylem_upstream_connections_total") > before
          and sidecar.metric("xylem_upstream_connected") == 1,
          lambda: f"it is connected again:\n{sidecar.log()}", COMES_BACK_S)


@pytest.mark.parametrize("wrong", WRONG)
def test_Z7_a_central_that_is_something_else_and_then_itself(
        central, sidecar, oracle, start_source, start_stream, wrong):
    start_stream(central.relay.stream, "all")
    source = start_source(sidecar.acked, "p")
    until(lambda: source.acked > 10, "acks flow")
    impostor = Answering(WRONG[wrong])
    before = sidecar.metric("xylem_upstream_connections_total")
    central.acked.retarget(impostor.endpoint)
    central.acked.reset_all()
    until(lambda: impostor.calls, "it has asked the impostor", COMES_BACK_S)
    oracle.premise("calls at the impostor", impostor.calls)
    assert sidecar.get("/healthz")[0] == 200
    central.acked.retarget(central.relay.acked)
    impostor.close()
    central.acked.reset_all()
    comes_back(sidecar, before)
    conclude(oracle, source)


@pytest.mark.parametrize("kind", [zmq.PULL, zmq.ROUTER])
def test_Z7_a_central_that_speaks_zeromq_and_is_no_relay(
        central, sidecar, oracle, start_source, start_stream, context, kind):
    start_stream(central.relay.stream, "all")
    source = start_source(sidecar.acked, "p")
    until(lambda: source.acked > 10, "acks flow")
    impostor = context.socket(kind)
    port = impostor.bind_to_random_port("tcp://127.0.0.1")
    before = sidecar.metric("xylem_upstream_connections_total")
    connections = central.acked.snapshot().connections
    central.acked.retarget(f"tcp://127.0.0.1:{port}")
    central.acked.reset_all()
    until(lambda: central.acked.snapshot().connections > connections, "it has asked the impostor")
    if kind == zmq.ROUTER:
        peer, _ = impostor.recv_multipart()
        impostor.send_multipart([peer, b"what is that?"])
    oracle.premise("connections to the impostor",
                   central.acked.snapshot().connections - connections)
    central.acked.retarget(central.relay.acked)
    impostor.close()
    comes_back(sidecar, before)
    conclude(oracle, source)


def test_Z7_what_is_too_large_for_the_central_is_counted_and_the_rest_arrives(
        start_lives, start_relay, folder, oracle, start_source, start_stream, context):
    central = start_lives({"spool.directory": folder / "central",
                           "push.message_bytes_max": "64KiB", "push.event_bytes_max": "32KiB"})
    sidecar = start_relay({"spool.directory": folder / "sidecar",
                           "push.event_bytes_max": "200KiB",
                           "upstream.connect": central.acked.endpoint})
    start_stream(central.relay.stream, "all")
    source = start_source(sidecar.acked, "p")
    until(lambda: source.acked > 10, "acks flow")
    push = Push(context, sidecar.push)
    large = json.dumps({"type": "too-large", "pad": unlike(1, 150_000)}).encode()
    for _ in range(3):
        push.frames(b"too.large", large)
    dropped = "xylem_tap_dropped_events_total"
    until(lambda: sidecar.metric(dropped, sink="upstream", reason="too_large") >= 3,
          lambda: f"it is counted:\n{sidecar.log()}")
    before = source.acked
    until(lambda: source.acked > before + 10, "the rest goes on")
    assert sidecar.log_lines("events above that are not sent")
    oracle.premise("too large", sidecar.metric(dropped, sink="upstream", reason="too_large"), 3)
    conclude(oracle, source)
    assert sidecar.metric(dropped, sink="upstream", reason="too_large") == 3
    assert sidecar.metric("xylem_upstream_connections_total") == 1


def test_Z7_what_is_too_large_for_the_central_in_one_frame_arrives_in_parts(
        start_lives, start_relay, folder, context):
    central = start_lives({"spool.directory": folder / "central",
                           "push.message_bytes_max": "64KiB", "push.event_bytes_max": "32KiB"})
    sidecar = start_relay({"spool.directory": folder / "sidecar",
                           "upstream.connect": central.acked.endpoint})
    push = Push(context, sidecar.push)
    for n in range(10):
        push.frames(b"task.multi", json.dumps(
            [{"type": "in-parts", "n": n, "pad": unlike(100 * n + i, 20_000)} for i in range(40)]
        ).encode())
    until(lambda: central.relay.accepted() == 400, lambda: f"all arrive:\n{sidecar.log()}")
    until(lambda: sidecar.metrics().ledger("upstream", central.acked.endpoint)[4] == 0,
          "everything is acknowledged")
    assert sidecar.metric("xylem_tap_dropped_events_total", sink="upstream") == 0
    assert sidecar.log_lines("larger batches go in parts")


def test_Z7_a_central_that_came_back_narrower_and_is_made_right(
        start_lives, start_relay, folder, oracle, start_source, start_stream):
    wide = {"spool.directory": folder / "central"}
    central = start_lives(wide)
    sidecar = start_relay({"spool.directory": folder / "sidecar",
                           "upstream.connect": central.acked.endpoint})
    stream = start_stream(central.stream.endpoint, "all")
    source = start_source(sidecar.acked, "p", batch_events=500, rate=5000)
    until(lambda: stream.events > 1000, "events arrive")
    central.acked.stall()  # so that batches are under way when it goes
    until(lambda: sidecar.metric("xylem_upstream_unacked_batches") > 2, "batches are under way")
    central.kill()
    central.start(push_message_bytes_max="64KiB", push_event_bytes_max="32KiB")
    central.acked.pass_through()
    until(lambda: "larger batches go in parts" in sidecar.log(),
          lambda: f"it notices:\n{sidecar.log()}", 20)
    central.restart()
    oracle.premise("narrower", len(sidecar.log_lines("larger batches go in parts")))
    source.finish()
    until(lambda: sidecar.metrics().ledger("upstream", central.acked.endpoint)[4] == 0,
          "everything is sent on", 30)
    until(lambda: oracle.outstanding() == 0, lambda: oracle.verdict().report())
    oracle.verdict().check()
    assert sidecar.metric("xylem_tap_dropped_events_total", sink="upstream") == 0
