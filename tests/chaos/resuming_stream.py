"""A stream subscriber that comes back to where it was (docs/protocol.md §5) and tells the oracle
what it got and what it was told it did not get."""
import json
import threading
import time

import zmq

import wire_frames
from stream_client import StreamClient
from waiting import until

CREDIT_BYTES = 1 << 20
GRANT_BYTES = 64 << 10
HEARTBEAT_S = 0.5
SILENCE_S = 5.0
HELLO_S = 2.0      # without an answer to a Hello: a new connection
REFUSED_S = 0.2
JOIN_S = 20
THE_BEGINNING = 1  # since_us of whoever wants all that is kept


class ResumingStream:
    """One thread owns the socket. `pace_s` is how long it takes for each event, for one that is to
    be slow; with `from_start` it asks for everything that is kept, not for what comes. `lags` is
    told (made_at, seconds on the way) of each event."""

    def __init__(self, context, endpoint, oracle, consumer, *, patterns=(), from_start=False,
                 position=None, pace_s=0.0, credit=CREDIT_BYTES, lags=None, **hello):
        self.consumer = consumer
        self.events = 0
        self.gaps = []            # (reason, first, last, count, epoch)
        self.byes = []            # (reason, text)
        self.welcomes = 0
        self.failure = None
        self.position = position  # (epoch, sequence) of what comes next, or None: what is new
        self._from_start = from_start
        self._context, self._endpoint, self._oracle = context, endpoint, oracle
        self._patterns, self._pace_s, self._credit, self._hello = patterns, pace_s, credit, hello
        self._lags = lags
        self._client = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"stream {consumer}", daemon=True)

    def start(self, seconds=15):
        """Returns when it is welcome."""
        self._thread.start()
        until(lambda: self._check() and self.welcomes, f"{self.consumer} is welcome", seconds)
        return self

    def stop(self):
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(JOIN_S)
            assert not self._thread.is_alive(), f"stream {self.consumer} does not end"
        self._check()

    def hurry(self):
        """From now on it takes events as fast as they come."""
        self._pace_s = 0.0

    def __str__(self):
        return (f"stream {self.consumer}: {self.events} events, {self.welcomes} welcomes, "
                f"at {self.position}, gaps {self.gaps[-5:]}, byes {self.byes[-5:]}")

    def _check(self):
        if self.failure is not None:
            raise RuntimeError(f"stream {self.consumer} has died") from self.failure
        return True

    def _run(self):
        try:
            self._connect()
            while not self._over.is_set():
                self._turn()
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure  # for whoever asks next
        finally:
            self._client.close()

    def _connect(self):
        if self._client is not None:
            self._client.close()
        self._client = StreamClient(self._context, self._endpoint)
        self._welcome = False
        self._consumed = self._granted_at = 0
        self._heard = self._said = time.monotonic()
        past = {}
        if self.position is not None:
            past = {"resumeEpoch": self.position[0], "resumeSequence": self.position[1]}
        elif self._from_start:
            past = {"sinceUs": THE_BEGINNING}
        self._client.hello(*self._patterns, name=self.consumer, credit=self._credit,
                           **self._hello, **past)

    def _turn(self):
        now = time.monotonic()
        if self._welcome and (self._consumed - self._granted_at >= GRANT_BYTES
                              or now - self._said > HEARTBEAT_S):
            self._client.grant(self._consumed - self._granted_at, answer=True)
            self._granted_at, self._said = self._consumed, now
        if now - self._heard > (SILENCE_S if self._welcome else HELLO_S):
            self._connect()
        if self._client.socket.poll(20):
            frame = self._client.socket.recv(zmq.DONTWAIT)
            self._heard = time.monotonic()
            self._on_frame(frame)

    def _on_frame(self, frame):
        if frame[4:8] == b"XYB1":
            self._on_batch(frame)
            return
        kind, body = wire_frames.read_control(frame)
        if kind == "Welcome":
            self._client.session, self._welcome = body.session, True
            if self.position is None:
                self.position = body.epoch, body.nextSequence
            self.welcomes += 1
        elif kind == "Gap":
            reason = wire_frames.GAP[body.reason]
            self.gaps.append((reason, body.firstSequence, body.lastSequence, body.count,
                              body.epoch))
            self._oracle.gap(self.consumer, body.firstSequence, body.lastSequence, body.count,
                             reason, body.epoch)
            if body.lastSequence:  # otherwise nobody knows how far it goes
                self.position = body.epoch, body.lastSequence + 1
        elif kind == "Bye":
            self.byes.append((wire_frames.BYE[body.reason], (body.text or b"").decode()))
            self._over.wait(REFUSED_S)
            self._connect()

    def _on_batch(self, frame):
        epoch, events = wire_frames.events_in(frame)
        for sequence, _, body in events:
            event = json.loads(body)
            self._oracle.deliver(self.consumer, event, sequence, epoch)
            if self._lags is not None:
                self._lags.add(event["made_at"], self._heard - event["made_at"])
            self.events += 1
            self.position = epoch, sequence + 1
            if self._pace_s:
                self._over.wait(self._pace_s)
                self._beat()
        self._consumed += len(frame)

    def _beat(self):
        """One that is slow is not silent."""
        now = time.monotonic()
        if self._welcome and now - self._said > HEARTBEAT_S:
            self._client.grant(0, answer=False)
            self._said = now
