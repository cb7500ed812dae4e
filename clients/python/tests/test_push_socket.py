"""The PUSH socket: refuses instead of waiting, sends whole messages, can start over."""

import pytest
import zmq
from sink import Sink
from stranger import Stranger
from until import until

from xylem.push_socket import SEND_HWM, PushSocket


@pytest.fixture
def open_push(closing):
    """Return a function that opens a PUSH socket, closed without linger."""
    return lambda url: closing(PushSocket(url), 0)


def send(push, *bodies):
    for body in bodies:
        until(lambda: push.send(b'key', body), what='a send')


def test_without_a_relay_every_send_is_refused_at_once(open_push, push):
    socket = open_push(push)
    assert not any(socket.send(b'key', b'{}') for _ in range(1000))
    assert not socket.connected()


def test_a_message_arrives_in_two_frames(open_push, open_sink, push):
    sink, socket = open_sink(push), open_push(push)
    send(socket, b'{"n": 1}')
    assert sink.messages(1) == [(b'key', b'{"n": 1}')]
    assert socket.connected()


def test_it_reconnects_by_itself_when_the_relay_comes_back(open_push, push):
    socket = open_push(push)
    for body in (b'1', b'2'):
        sink = Sink(push)
        until(socket.connected)
        send(socket, body)
        assert sink.messages(1) == [(b'key', body)]
        sink.close()
        until(lambda: not socket.connected())


def test_a_relay_that_does_not_read_is_connected_and_refuses_after_the_high_water_mark(
        open_push, open_sink, push):
    sink, socket = open_sink(push, receive_hwm=1), open_push(push)
    body = b'"' + b'x' * 60_000 + b'"'
    send(socket, body)
    taken = 1
    while socket.send(b'key', body):
        taken += 1
    assert SEND_HWM <= taken < SEND_HWM + 200
    assert socket.connected()
    assert len(sink.messages(taken, seconds=5)) == taken


def test_a_send_that_an_exception_interrupts_between_its_frames_harms_no_other_message(
        open_push, open_sink, push):
    """As Celery's SoftTimeLimitExceeded does in a pool's child."""
    sink, socket = open_sink(push), open_push(push)
    send(socket, b'before')
    real_send = socket._send

    def interrupted(frame, flags):
        if frame == b'struck':
            raise TimeoutError
        return real_send(frame, flags)

    socket._send = interrupted
    with pytest.raises(TimeoutError):
        socket.send(b'key', b'struck')
    assert socket.broken and not socket.send(b'key', b'refused')
    socket.reopen(push)
    send(socket, b'after')
    assert sink.messages(2) == [(b'key', b'before'), (b'key', b'after')]
    assert sink.nothing_more()


def test_troubles_of_zeromq_are_refusals(open_push, push):
    socket = open_push(push)
    socket._socket.close()
    assert not socket.send(b'key', b'{}') and socket.broken
    socket.reopen(push)
    assert not socket.broken


def test_after_a_stranger_on_the_relays_port_only_reopening_helps(open_push, closing):
    stranger = Stranger()
    url = f'tcp://127.0.0.1:{stranger.port}'
    socket = open_push(url)
    assert stranger.left.wait(10)
    stranger.close()
    sink = closing(Sink(url))
    if zmq.zmq_version_info() < (4, 3, 5):
        with pytest.raises(AssertionError):
            until(lambda: socket.send(b'key', b'dead'), seconds=1)
    socket.reopen(url)
    send(socket, b'alive')
    assert sink.messages(1) == [(b'key', b'alive')]
