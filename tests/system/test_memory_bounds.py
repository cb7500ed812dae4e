"""What a peer that does not read, or does not end its message, may cost the relay in memory."""
import socket

import pytest
import zmq

from hostile_peers import ZMTP_GREETING, tcp_to
from plain_clients import Push, unlike
from relay_process import ENGINE
from stream_client import StreamClient
from waiting import until

MIB = 1 << 20
BOUND = 250 * MIB  # a full tap, its credit under way, and room


# Small messages: `push.receive_hwm` counts messages, and a sender's may wait in ZeroMQ.
LIST = b"[" + b",".join(b'{"type":"task-sent","pad":"%s"}' % unlike(number, 2000).encode()
                        for number in range(24)) + b"]"


def push_mib(push, relay, mib, events=0):
    """Pushes as much, never far ahead of the relay; returns how many events it has accepted."""
    for number in range(mib * MIB // len(LIST)):
        push.frames(b"task.multi", LIST)
        events += 24
        if number % 200 == 199:
            relay.await_accepted(events)
    relay.await_accepted(events)
    return events


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest"])
def test_a_stopped_subscriber_costs_no_more_than_its_tap_and_its_credit(
        relay, context, start_dump, policy):
    stopped = start_dump(relay, "stopped", "--overflow", policy)
    stopped.pause()
    push_mib(Push(context, relay.push), relay, 400)
    assert relay.metric("xylem_tap_dropped_events_total", tap="stopped") > 0
    assert relay.resident_bytes() < BOUND
    stopped.resume()
    until(lambda: relay.metrics().ledger("stream", "stopped")[4] == 0, "it has caught up", 30)


def test_a_subscriber_that_grants_without_reading_cannot_fill_the_memory(relay, context):
    client = StreamClient.__new__(StreamClient)
    client.socket = context.socket(zmq.DEALER)
    client.socket.setsockopt(zmq.RCVHWM, 1)
    client.socket.connect(relay.stream)
    client.open(name="hoarder", credit=64 * MIB)
    push, events = Push(context, relay.push), 0
    for _ in range(9):
        events = push_mib(push, relay, 50, events)
        client.grant(45 * MIB)
    assert relay.resident_bytes() < BOUND


@pytest.mark.xfail(ENGINE != "native", strict=True,
                   reason="libzmq 4.3.4 gathers a message of any number of frames; only "
                          "authentication or a memory limit of the system bounds it")
def test_a_message_that_never_ends_cannot_fill_the_memory(relay):
    with tcp_to(relay.push) as connection:
        connection.sendall(ZMTP_GREETING)
        greeted = b""
        while len(greeted) < 64:
            greeted += connection.recv(64)
        ready = b"\x05READY\x0bSocket-Type\0\0\0\x04PUSH\x08Identity\0\0\0\0"
        connection.sendall(b"\x04" + bytes([len(ready)]) + ready)
        frame = b"\x03" + (100_000).to_bytes(8, "big") + b"x" * 100_000
        try:
            for _ in range(3000):
                connection.sendall(frame)
        except (BrokenPipeError, ConnectionResetError, socket.timeout):
            pass
        assert relay.resident_bytes() < BOUND


def test_an_idle_sidecar_is_small(start_relay, folder):
    sidecar = start_relay({"spool.directory": folder / "spool", "acked.listen": "off",
                           "publish.listen": "off", "stream.listen": "off",
                           "upstream.connect": f"ipc://{folder}/nobody"})
    assert sidecar.get("/readyz")[0] == 200
    assert sidecar.resident_bytes() < 12_000_000
