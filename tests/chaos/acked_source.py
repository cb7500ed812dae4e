"""A source of an acked endpoint, written from docs/protocol.md §7 alone: a DEALER and generated
frames. It sends the oracle's events and promises those that the relay has acknowledged.

    source = AckedSource(context, proxy.endpoint, oracle, "p1").start()
    ...                                          # faults
    source.finish()                              # no more events; all of them are acknowledged
"""
import collections
import queue
import random
import threading
import time
from typing import NamedTuple

import zmq

import wire_frames
from waiting import until

LEVEL = {"received": 0, "written": 1, "synced": 2}
SILENCE_S = 5.0    # without a word from the relay: a new connection
PATIENCE_S = 2.0   # without an ack while something is under way: again
REFUSED_S = 0.5    # before a relay that said no is asked again
JOIN_S = 20


class UnderWay(NamedTuple):
    number: int
    frame: bytes
    ids: list


class AckedSource:
    """One thread owns the socket; the others read figures and ask for the end. `rate` is events a
    second, `batch_events` what one frame has, `window_bytes` the most it keeps unacknowledged. With
    `says_when` each event has `made_at`, when it was made by the monotonic clock, so that its way
    can be timed; the oracle is then not `exact`."""

    def __init__(self, context, endpoint, oracle, name, *, level="written", rate=500,
                 batch_events=5, window_bytes=256 << 10, source=None, count=None,
                 tells_time=False, says_when=False):
        self.name = name
        self.acked = 0            # batches
        self.events = 0           # drawn
        self.resent = 0           # frames
        self.connections = 0      # that a Welcome came on
        self.refusals = []        # texts of Byes
        self.source = source or random.SystemRandom().getrandbits(63) | 1
        self.failure = None
        self._context, self._endpoint, self._oracle = context, endpoint, oracle
        self._level, self._rate, self._batch_events = level, rate, batch_events
        self._window_bytes, self._count = window_bytes, count
        self._tells_time, self._says_when = tells_time, says_when
        self._under_way = collections.deque()
        self._bytes = 0
        self._sent = 0            # the newest batch that went out on this connection
        self._newest_sent = 0     # on any
        self._number = 0          # the newest that was made
        self._welcome = False
        self._session = 0
        self._socket = None
        self._asked = queue.SimpleQueue()
        self._draws = True
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"source {name}", daemon=True)

    def start(self):
        self._thread.start()
        return self

    @property
    def unacked(self):
        return len(self._under_way)

    def is_done(self):
        """All that it was to send is acknowledged."""
        return self.events == self._count and not self._under_way

    def pause(self):
        """Makes no more events; goes on with those that it has."""
        self._draws = False
        return self

    def resume(self):
        self._draws = True
        return self

    def await_acked(self, seconds=30):
        """Until everything that was made is acknowledged. To be asked when it is paused."""
        until(lambda: self._check() and not self._under_way,
              lambda: f"{self.name} is acknowledged: {self}", seconds)
        return self

    def fresh(self):
        """One event that shows that things pass again; it is sent soon."""
        self._asked.put(self._oracle.draw(self.name, fresh=True))

    def finish(self, seconds=30, fresh=True):
        """The end of a run whose faults are over."""
        self.pause()
        if fresh:
            self.fresh()
            until(lambda: self._check() and self._asked.empty(), "the fresh event leaves", seconds)
        self.await_acked(seconds)
        self.stop()

    def stop(self):
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(JOIN_S)
            assert not self._thread.is_alive(), f"source {self.name} does not end"
        self._check()

    def __str__(self):
        return (f"source {self.name}: {self._number} batches, {self.acked} acked, "
                f"{self.connections} connections, {self.resent} resent, said no: {self.refusals}")

    def _check(self):
        if self.failure is not None:
            raise RuntimeError(f"source {self.name} has died") from self.failure
        return True

    def _run(self):
        try:
            self._connect()
            while not self._over.is_set():
                self._turn()
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure  # for whoever asks next
        finally:
            self._socket.close(linger=0)

    def _connect(self):
        if self._socket is not None:
            self._socket.close(linger=0)
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IMMEDIATE, 1)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 200)
        self._socket.connect(self._endpoint)
        self._heard = time.monotonic()
        self._hello_due = True
        self._welcome = False

    def _turn(self):
        now = time.monotonic()
        if self._hello_due:
            self._hello_due = not self._say_hello()
        self._make(now)
        self._send(now)
        if self._socket.poll(5):
            for _ in range(64):
                if not self._socket.poll(0):
                    break
                self._on_frame(self._socket.recv())
        if now - self._heard > SILENCE_S:
            self._connect()

    def _say_hello(self):
        self._welcome = False
        wall_us = time.time_ns() // 1000 if self._tells_time else 0
        return self._put(wire_frames.control(
            "SourceHello", protocol=1, name=self.name, source=self.source,
            firstUnacked=self.acked + 1, level=LEVEL[self._level], wallUs=wall_us))

    def _put(self, frame):
        try:
            self._socket.send(frame, zmq.DONTWAIT)
            return True
        except zmq.Again:
            return False

    def _make(self, now):
        """Events that are due by its rate; what cannot be sent is not drawn up without end."""
        if not hasattr(self, "_due"):
            self._due = now
        while not self._asked.empty():
            self._append([self._asked.get()])
        while self._draws and self._due <= now and self._bytes < self._window_bytes:
            if self._count is not None and self.events >= self._count:
                break
            self._append(self._oracle.draw_many(self.name, self._batch_events))
            self._due += self._batch_events / self._rate
        self._due = max(self._due, now - 0.5)

    def _append(self, ids):
        self._number += 1
        taken_us = time.time_ns() // 1000 if self._tells_time else 0
        frame = wire_frames.batch([self._message(id) for id in ids],
                                  stamp=(self.source, self._number, taken_us))
        self.events += len(ids)
        self._bytes += len(frame)
        self._under_way.append(UnderWay(self._number, frame, ids))

    def _message(self, id):
        key, body = self._oracle.message(id)
        if self._says_when:
            body = body[:-1] + b', "made_at": %.6f}' % time.monotonic()
        return key, body

    def _send(self, now):
        if not self._welcome:
            return
        if self._under_way and self._sent > self.acked and now - self._progress > PATIENCE_S:
            self._sent, self._progress = self.acked, now
        for batch in list(self._under_way)[self._sent - self.acked:]:
            if self._sent == self.acked:
                self._progress = now
            if not self._put(batch.frame):
                return
            self._sent = batch.number
            self.resent += batch.number <= self._newest_sent
            self._newest_sent = max(self._newest_sent, batch.number)

    def _on_frame(self, frame):
        kind, body = wire_frames.read_control(frame)
        self._heard = time.monotonic()
        if kind == "SourceWelcome":
            self._on_acked(body.acked)
            self._sent, self._welcome, self._session = self.acked, True, body.session
            self._progress = self._heard
            self.connections += 1
        elif kind == "Ack" and self._welcome and body.session == self._session:
            self._on_acked(body.acked)
            if body.missing > self.acked:
                self._sent = min(self._sent, body.missing - 1)
        elif kind == "Bye":
            self._on_bye(body)

    def _on_acked(self, acked):
        assert acked <= self._number, f"batch {acked} is acked, and {self._number} is the newest"
        while self.acked < acked:
            batch = self._under_way.popleft()
            self.acked = batch.number
            self._bytes -= len(batch.frame)
            self._progress = self._heard
            for id in batch.ids:
                self._oracle.promise(id)
        self._sent = max(self._sent, self.acked)

    def _on_bye(self, bye):
        reason = wire_frames.BYE[bye.reason]
        if reason == "unknown_session":
            self._hello_due = self._hello_due or self._welcome
            return
        if reason == "refused":
            self.refusals.append((bye.text or b"").decode())
        self._over.wait(REFUSED_S if reason == "refused" else 0.05)
        self._connect()
