"""Copies of chosen events on the broker, where Celery's own dispatcher would have put them.

Gossip, Flower and the like listen on the broker; with ``XYLEM_MIRROR=worker`` they still get the
heartbeats. The copy is the very event that the relay gets: same clock, same timestamp.
"""

import sys
from collections import deque

from celery.events.dispatcher import EventDispatcher
from celery.events.event import group_from
from celery.exceptions import SoftTimeLimitExceeded
from kombu.clocks import LamportClock

#: Events that Celery keeps for a broker that is away; its own deque has no bound.
MIRROR_WAITING_MAX = 1_000


class Mirror:
    """Hands finished events to a delegate: Celery's unmodified dispatcher.

    What the broker does to a caller (waiting, raising) it does as it does with Celery's
    dispatcher, except that exceptions end here: they are logged, seldom, and counted.

    Arguments:
        app: the Celery app.
        log: an `OutageLog`.
        options: what Celery's dispatcher is to be built with.
    """

    def __init__(self, app, log, **options):
        #: Events that raised on their way to the broker.
        self.failures = 0
        self._app = app
        self._log = log
        # Lists leave when the dispatcher flushes, which keeps the limit and the order of both.
        self._delegate = EventDispatcher(
            app=app, enabled=False, buffer_limit=sys.maxsize, **options)
        self._delegate._outbound_buffer = deque(maxlen=MIRROR_WAITING_MAX)
        # The app's clock already moved for the event that is copied.
        self._delegate.clock = LamportClock()
        self._gathered = False

    def enable(self):
        """Let the delegate send, where Celery would: not over SQL, not without a connection."""
        connection = self._delegate.connection
        if connection and (connection.transport.driver_type
                           not in self._delegate.DISABLED_TRANSPORTS):
            self._delegate.enable()

    def send(self, event_type, event, **retry):
        """Copy what `Dispatcher.send` sends; lists are gathered as Celery gathers them."""
        if not self._delegate.connection:
            return self._send_from_pool(event_type, event, retry)
        if group_from(event_type) in self._delegate.buffer_group:
            self._gathered = True
        self._guard(self._delegate.send, event_type, Event=_finished(event), **retry)

    def publish(self, event_type, event, producer, **retry):
        """Copy what `Dispatcher.publish` publishes, with the caller's producer."""
        self._guard(self._delegate.publish, event_type, {}, producer, blind=True,
                    Event=_finished(event), **retry)

    def flush(self, errors=True, groups=True):
        """Flush the delegate, but not for nothing: Celery up to 5.6 would send an empty list."""
        groups = groups and self._gathered
        if groups:
            self._gathered = False
        self._guard(self._delegate.flush, errors=errors, groups=groups)

    def extend_buffer(self, other):
        """Take over what `other`, of a connection that was lost, still keeps."""
        self._delegate.extend_buffer(other._delegate)

    def close(self):
        """Let go of the broker."""
        self._delegate.close()

    def _send_from_pool(self, event_type, event, retry):
        """Borrow a producer, as Celery does for ``Task.send_event``."""
        def send():
            with self._app.amqp.producer_pool.acquire(block=True) as producer:
                self._delegate.publish(event_type, {}, producer, blind=True,
                                       Event=_finished(event), **retry)

        self._guard(send)

    def _guard(self, call, *args, **kwargs):
        try:
            call(*args, **kwargs)
        except SoftTimeLimitExceeded:
            raise  # of the task that waits for the broker here
        except Exception as error:
            self.failures += 1
            self._log.mirror_failed(error)


def _finished(event):
    """Return an event factory, as Celery's dispatcher takes one, whose event is made already."""
    def make(*args, **kwargs):
        return event

    return make
