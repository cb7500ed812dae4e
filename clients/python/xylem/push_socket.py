"""The ZeroMQ end of the plug-in: one PUSH socket to the relay, never waiting."""

from itertools import count

import zmq
from zmq.utils.monitor import recv_monitor_message

#: Messages that libzmq may hold for a connected relay. They are what a broken connection loses
#: (with IMMEDIATE, libzmq drops its queue with the connection), so few; too few, and every burst
#: is refused before libzmq's thread gets to run.
SEND_HWM = 256
RECONNECT_MS = 100
RECONNECT_MAX_MS = 3_000
CONNECT_TIMEOUT_MS = 5_000
HANDSHAKE_MS = 5_000
#: A PULL socket sends nothing but ZMTP commands of some tens of bytes.
RECEIVE_BYTES_MAX = 4_096

_FIRST = int(zmq.DONTWAIT | zmq.SNDMORE)
_LAST = int(zmq.DONTWAIT)
_monitor_number = count()


def _refuse(data, flags):
    raise zmq.Again()


class PushSocket:
    """A PUSH socket that refuses instead of waiting, and the context it lives in.

    Not thread-safe: its owner calls it under a lock. Nothing here waits except `close`, for as
    long as it is told. Troubles of ZeroMQ are refusals,
    never exceptions. It belongs to the process that made it; after a fork the child keeps the
    object, unused, and makes its own.
    """

    def __init__(self, url):
        #: Whether the socket can only be reopened.
        self.broken = True
        self._context = self._socket = self._monitor = None
        self.reopen(url)

    def send(self, key, body):
        """Hand one message to libzmq; return False if it cannot take it now.

        True means "in libzmq's queue of a connection that was up", no more. An exception that
        comes from outside (a signal handler's, say Celery's SoftTimeLimitExceeded) passes
        through after the socket was marked broken: it may have struck between two frames.
        """
        try:
            self._send(key, _FIRST)
            self._send(body, _LAST)
        except zmq.Again:
            return False
        except zmq.ZMQError:
            self._break()
            return False
        except BaseException:
            self._break()
            raise
        return True

    def connected(self):
        """Return whether the relay's end is there: a ZMTP handshake was made and still holds.

        A refusal without a connection means that the relay is away, one with a connection that
        it does not read fast enough.
        """
        self._read_notices()
        return self._connected

    def reached(self):
        """Return whether somebody took the connection, be the handshake made or not."""
        self._read_notices()
        return self._reached

    def _read_notices(self):
        while self._monitor and self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)['event']
            self._connected = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            self._reached = self._connected or event == zmq.EVENT_CONNECTED

    def reopen(self, url):
        """Start over with a fresh socket; it is `broken` if there can be none now.

        `url` may be another address of the relay, or None while none is known.

        A connecting socket of libzmq 4.3.4 stays dead after a protocol error (a stranger on
        the relay's port, say; ``session_base.cpp`` engine_error); only a new one connects again.
        """
        # A second for a queue that an interrupted `send` left behind; nothing waits for it here.
        self._shut(linger_ms=1000)
        self._connected = self._reached = False
        self._break()
        if url is None:
            return
        try:
            self._open(url)
        except zmq.ZMQError:
            self._break()

    def close(self, linger_seconds):
        """Close for good; wait up to `linger_seconds` for what libzmq still holds."""
        self._shut(int(linger_seconds * 1000))
        if self._context is not None:
            self._context.term()

    def _open(self, url):
        if self._context is None:  # here, where a lack of descriptors is a refusal
            self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUSH)
        self._monitor = self._watch(self._socket)
        for option, value in self._options(url):
            self._socket.setsockopt(option, value)
        self._socket.connect(url)
        # The plain C send: pyzmq's Socket.send wraps it in checks for drafts and text that cost
        # a quarter of the call.
        self._send = super(zmq.Socket, self._socket).send
        self.broken = False

    def _break(self):
        self.broken = True
        self._send = _refuse

    def _options(self, url):
        """No ZMQ heartbeats: with 4.3.4 they abort the process when the peer does not read.

        No TCP_MAXRT either: Linux counts a peer that keeps its window shut as gone, so a relay
        that pushes back would cost the events in flight.
        """
        return (
            (zmq.SNDHWM, SEND_HWM),
            (zmq.LINGER, 0),
            (zmq.IMMEDIATE, 1),
            (zmq.MAXMSGSIZE, RECEIVE_BYTES_MAX),
            (zmq.RECONNECT_IVL, RECONNECT_MS),
            (zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS),
            (zmq.CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS),
            (zmq.HANDSHAKE_IVL, HANDSHAKE_MS),
            (zmq.TCP_KEEPALIVE, 1),
            (zmq.TCP_KEEPALIVE_IDLE, 30),
            (zmq.TCP_KEEPALIVE_INTVL, 10),
            (zmq.TCP_KEEPALIVE_CNT, 3),
            (zmq.IPV6, int('[' in url)),
        )

    def _watch(self, socket):
        """Return a PAIR socket that hears when `socket` gains and loses its connection.

        libzmq sends these notices with a blocking call from its I/O thread, so the reader is
        there first and has no bound: three small messages each time the relay comes and goes.
        """
        address = f'inproc://xylem-monitor-{next(_monitor_number)}'
        socket.monitor(address, zmq.EVENT_CONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED
                       | zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
                       | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH)
        monitor = self._context.socket(zmq.PAIR)
        monitor.setsockopt(zmq.RCVHWM, 0)
        monitor.setsockopt(zmq.LINGER, 0)
        monitor.connect(address)
        return monitor

    def _shut(self, linger_ms):
        if self._socket is not None and not self._socket.closed:
            self._socket.disable_monitor()
            self._socket.close(linger_ms)
        if self._monitor is not None:
            self._monitor.close()
        self._socket = self._monitor = None
