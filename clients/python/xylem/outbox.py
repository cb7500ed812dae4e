"""Every event of one process and app on its way to the relay: bounded, counted, never waiting.

A message comes in through `Outbox.put` from any thread and goes to the socket at once, in order.
Messages that the socket refuses wait here, bounded by memory; the oldest go first when it is
full. Each later `put` takes some of them along, and a background thread, which exists only while
something waits, does the same for those who fall silent; it also writes the log lines.

One lock guards the socket and the counters. It is held for a few sends, microseconds each, none
of which waits. It is re-entrant, so that a signal handler that sends an event while its own
thread holds the lock does not hang: its message stays in the inbox for the call it interrupted.
"""

import atexit
import os
import sys
import threading
import time
import weakref
from collections import deque

from .endpoint import Endpoint
from .outage_log import OutageLog
from .push_socket import PushSocket

#: What Python's objects of one waiting message cost beside its text (the tuple, the bytes
#: object's header, allocator rounding), bytes.
MESSAGE_OVERHEAD_BYTES = 160
#: Refused for so long without a connection, the socket is started over, seconds.
REOPEN_SECONDS = 5.0
#: After a refusal the socket is left alone for this long, seconds: an attempt that is refused
#: costs more than one that succeeds.
RETRY_SECONDS = 0.001
#: Waiting messages that one `put` takes along, so that no single event pays for a long queue.
RETRY_MESSAGES = 32
#: The background thread's pause between attempts, seconds: the first and, doubling, the last.
DRAIN_PAUSE_SECONDS = (0.002, 0.25)
#: How long the end of a process may take for what still waits, seconds altogether: without a
#: relay, and with one. A first connection on a busy machine may take longer than a second.
CLOSE_SECONDS = 1.0
REACHED_CLOSE_SECONDS = 5.0
#: Where children of a fork that run no exit handlers of Python's look for what is to be done.
FINALIZING_MODULES = ('multiprocessing.util', 'billiard.util')
#: Behind all finalizers of multiprocessing's own, since any of them may send.
FINALIZE_PRIORITY = -100

#: Why an event was dropped: it would have broken a limit of the relay (the first three); it has
#: no JSON; it was the oldest when the buffer was full; an exception from a signal handler struck
#: while it was being sent (it may have left); the process ended before the relay was back.
DROP_REASONS = ('event_too_large', 'too_deep', 'bad_type', 'not_json', 'buffer_full',
                'interrupted', 'closed')


class Outbox:
    """The way out, shared by all dispatchers of an app in one process.

    Thread-safe. After a fork the child starts empty: what waits belongs to the parent, and so do
    its socket and ZeroMQ context, which the child neither uses nor closes.

    Arguments:
        url: the relay's push endpoint.
        buffer_bytes: bound on the memory of waiting messages, bytes.
        clock: a monotonic clock, seconds.
        background: whether a thread drains what waits (tests that move the clock say no).
        open_socket: makes a `PushSocket` from a url.
    """

    def __init__(self, url, buffer_bytes, *, clock=time.monotonic, background=True,
                 open_socket=PushSocket):
        self.buffer_bytes = buffer_bytes
        #: Dispatchers that gather lists: `after_fork()` is called in the child of a fork, and
        #: `flush_gathered()` when the process ends.
        self.gatherers = weakref.WeakSet()
        self._clock = clock
        self._endpoint = Endpoint(url, clock)
        self._background = background
        self._open_socket = open_socket
        self._inherited = []
        self._start()
        os.register_at_fork(after_in_child=_weakly(self._after_fork))
        atexit.register(_weakly(self.end))

    def _start(self):
        """Begin the life of one process: nothing sent, nothing waiting, no socket yet."""
        self._lock = threading.RLock()
        self._busy = False
        self._inbox = deque()
        self._waiting = deque()
        self._waiting_bytes = 0
        self._waiting_events = 0
        self._offered = 0
        self._sent = 0
        self._dropped = dict.fromkeys(DROP_REASONS, 0)
        self._socket = None
        self._drainer = None
        self._refused_since = None
        self._retry_at = None
        self._end_took = None  # seconds, once the process ends
        self._finalizers = {}
        self._wake = threading.Event()
        self.log = OutageLog(self._endpoint, self._clock)

    def put(self, key, body, events=1):
        """Take one message, `events` events; send it, or keep it for later, or drop and count.

        Raises nothing of its own.
        """
        self._inbox.append((key, body, events))
        self._settle()
        if self._waiting:
            if self._end_took is not None:
                self._close_at_end()
            elif self._drainer is None and self._background:
                self._start_drainer()

    def drop(self, reason, events=1):
        """Count events that cannot be sent at all."""
        self.put(None, reason, events)

    def flush(self):
        """Retry what waits, without waiting for it; return how many messages went."""
        sent = 0
        with self._lock:
            if self._waiting and not self._busy:
                self._busy = True
                try:
                    sent = self._retry()
                finally:
                    self._busy = False
            self._settle()
        return sent

    @property
    def stats(self):
        """The counters of this process, in events except where the name says bytes.

        ``offered = sent + waiting + sum(dropped)``, exactly whenever nothing is under way.
        ``sent`` means handed to libzmq over a connection that was up.
        """
        return {
            'offered': self._offered,
            'sent': self._sent,
            'waiting': self._waiting_events,
            'waiting_bytes': self._waiting_bytes,
            'dropped': dict(self._dropped),
        }

    def close(self, seconds=CLOSE_SECONDS, reached_seconds=None):
        """Give what waits up to `seconds` to leave, count the rest as dropped, close the socket.

        While the relay is there it has `reached_seconds`, if given. A later `put` opens a new
        socket.
        """
        began = self._clock()
        bounds = seconds, seconds if reached_seconds is None else reached_seconds
        with self._lock:
            if self._busy:  # a signal handler interrupted a send, which needs the socket
                return
        self._wake.clear()
        try:
            while self._waiting:
                if self.flush():
                    continue
                if self._clock() - began >= bounds[self._reached()]:
                    break
                self._wake.wait(DRAIN_PAUSE_SECONDS[0])
        finally:  # Ctrl-C at the end of a process strikes in the wait
            self._let_go(began + bounds[self._reached()])

    def end(self):
        """Close for the end of the process, which may call this more than once.

        Called by Python's exit handlers, by the finalizers of multiprocessing and billiard, and
        by Celery in a pool's child. What is put later, by other exit handlers or by threads
        that still run, has what is left of the time, and is counted if it does not leave.
        """
        self._begin_end()
        for gatherer in list(self.gatherers):
            gatherer.flush_gathered()
        self._close_at_end()

    def _begin_end(self):
        if self._end_took is None:
            self._end_took = 0.0

    def _close_at_end(self):
        began, took = self._clock(), self._end_took
        try:
            self.close(CLOSE_SECONDS - took, REACHED_CLOSE_SECONDS - took)
        finally:
            self._end_took = took + self._clock() - began

    def _reached(self):
        with self._lock:
            return self._socket is not None and self._socket.reached()

    def _let_go(self, deadline):
        """Count what waits as dropped; close the socket, until `deadline` at most."""
        with self._lock:
            lost = self._waiting_events
            while self._waiting:
                self._pop_waiting('closed')
            socket, self._socket = self._socket, None
            connected = socket is not None and socket.connected()
            if lost:
                self.log.forget_outage()
        self._wake.set()
        if socket is not None:
            socket.close(max(0.0, deadline - self._clock()))
        if lost:
            self.log.closed(lost, connected)

    def _settle(self):
        """Take in the inbox, unless this is a signal handler that interrupted just that."""
        with self._lock:
            while self._inbox and not self._busy:
                self._busy = True
                try:
                    self._take_in()
                finally:
                    self._busy = False

    def _take_in(self):
        """Send what came in, behind what waits. The lock is held."""
        if self._socket is None:
            self._open()
        if self._waiting:
            self._retry()
        inbox, waiting, send = self._inbox, self._waiting, self._socket.send
        while inbox:
            message = inbox.popleft()
            key, body, events = message
            self._offered += events
            if key is None:
                self._dropped[body] += events
                continue
            if waiting:
                self._keep(message)
                continue
            try:
                taken = send(key, body)
            except BaseException:
                self._dropped['interrupted'] += events
                raise
            if taken:
                self._sent += events
            else:
                self._keep(message)
                self._refused()

    def _open(self):
        """Open the socket, and have it closed at the end of a process without exit handlers.

        That is done here and not right after a fork, because multiprocessing forgets in its
        children what was registered until then.
        """
        self._socket = self._open_socket(self._endpoint.first_address())
        for name in FINALIZING_MODULES:
            finalizer, module = self._finalizers.get(name), sys.modules.get(name)
            if module is None or finalizer and finalizer.still_active():
                continue
            if module.is_exiting():  # which runs no more of them
                self._begin_end()
            self._finalizers[name] = module.Finalize(
                None, _weakly(self.end), exitpriority=FINALIZE_PRIORITY)

    def _keep(self, message):
        """Let a message wait; drop the oldest while the buffer is over its bound."""
        if _message_bytes(message) > self.buffer_bytes:
            self._dropped['buffer_full'] += message[2]
            return
        self._waiting.append(message)
        self._waiting_events += message[2]
        self._waiting_bytes += _message_bytes(message)
        while self._waiting_bytes > self.buffer_bytes:
            self._pop_waiting('buffer_full')

    def _pop_waiting(self, drop_reason=None):
        message = self._waiting.popleft()
        self._waiting_events -= message[2]
        self._waiting_bytes -= _message_bytes(message)
        if drop_reason:
            self._dropped[drop_reason] += message[2]

    def _retry(self):
        """Send some of what waits; return how many messages went. The lock is held."""
        if self._retry_at is not None and self._clock() < self._retry_at:
            return 0
        waiting, sent = self._waiting, 0
        while waiting and sent < RETRY_MESSAGES:
            key, body, events = waiting[0]
            try:
                taken = self._socket.send(key, body)
            except BaseException:
                self._pop_waiting('interrupted')
                raise
            if not taken:
                self._refused()
                return sent
            self._pop_waiting()
            self._sent += events
            sent += 1
        self._refused_since = self._retry_at = None
        return sent

    def _refused(self):
        """Note a refusal; start the socket over when it cannot recover by itself."""
        now = self._clock()
        self._retry_at = now + RETRY_SECONDS
        if self._refused_since is None:
            self._refused_since = now
        overdue = now - self._refused_since >= REOPEN_SECONDS
        if self._socket.broken or overdue and not self._socket.connected():
            self._socket.reopen(self._endpoint.next_address())
            self._refused_since = now

    def _start_drainer(self):
        with self._lock:
            if self._drainer is not None:
                return
            drainer = self._drainer = threading.Thread(
                target=self._drain, name='xylem-drain', daemon=True)
        try:
            drainer.start()
        except RuntimeError:
            # No more threads, or the interpreter is ending: the next put retries by itself.
            self._drainer = None

    def _drain(self):
        """Retry until nothing waits any more; runs in its own thread."""
        shortest, longest = DRAIN_PAUSE_SECONDS
        pause = shortest
        while True:
            self._endpoint.look_up()
            pause = shortest if self.flush() else min(2 * pause, longest)
            with self._lock:
                connected = self._socket is not None and self._socket.connected()
                done = not self._waiting
                if done:
                    self._drainer = None
            self.log.note(self.stats, connected)
            if done:
                return
            if self._wake.wait(pause):
                self._wake.clear()

    def _after_fork(self):
        """Begin anew in a child; keep the parent's socket from being collected, thus closed."""
        if self._socket is not None:
            self._inherited.append(self._socket)
        self._start()
        for gatherer in self.gatherers:
            gatherer.after_fork()


def _message_bytes(message):
    return len(message[0]) + len(message[1]) + MESSAGE_OVERHEAD_BYTES


def _weakly(method):
    """Return a callback that calls a method but does not keep its object alive."""
    reference = weakref.WeakMethod(method)

    def callback():
        bound = reference()
        if bound is not None:
            bound()

    return callback
