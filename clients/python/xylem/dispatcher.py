"""Celery's event dispatcher, with the relay's push endpoint in place of the broker.

An event has the fields and values that ``celery.events.dispatcher`` of the installed Celery
would have given it. What differs is everything after: no producer, no channel, no exchange,
nothing that waits, no list that is lost or empty.
"""

import threading
from collections import deque
from time import time as now

from celery.events.dispatcher import EventDispatcher
from celery.events.event import Event
from celery.exceptions import ImproperlyConfigured, SoftTimeLimitExceeded
from celery.utils.time import utcoffset
from kombu.exceptions import EncodeError

from .encoding import (
    EVENT_BYTES_MAX, EVENT_DEPTH_MAX, KEY_BYTES_MAX, KEY_WORDS_MAX, encode_between, encode_event,
    event_form, event_head, is_loose_json, is_too_deep, list_routing_key, pop_list)
from .mirror import Mirror

__all__ = ('Dispatcher',)

celery_event = Event
#: Fields of every event that the dispatcher sets itself.
OWN_FIELDS = frozenset(('hostname', 'utcoffset', 'pid', 'clock', 'timestamp', 'type'))


class _NoBroker:
    """Stands in for the connection from which Celery's constructor reads the exchange type.

    Without it the constructor would build a broker connection of its own.
    """

    class transport:
        driver_type = 'xylem'


class Dispatcher(EventDispatcher):
    """Dispatches event messages to a Xylem relay.

    Takes the arguments of Celery's dispatcher. ``connection`` and ``channel`` are kept for
    those who look at them (the worker closes ``connection``) and used for nothing but the
    mirror. ``retry`` and ``retry_policy`` concern the mirror only.

    Threads may call `send`, `publish` and `flush` at once, and so may signal handlers. A
    dispatcher is cheap: what waits and the socket are the outbox's, which the app owns.
    """

    #: Celery's has the transports whose broker cannot carry events; here none carries them.
    DISABLED_TRANSPORTS = frozenset()

    def __init__(self, connection=None, hostname=None, enabled=True, channel=None,
                 buffer_while_offline=True, app=None, serializer=None, groups=None,
                 delivery_mode=1, buffer_group=None, buffer_limit=24, on_send_buffered=None,
                 **kwargs):
        super().__init__(_NoBroker, hostname, False, None, buffer_while_offline, app,
                         serializer, groups, delivery_mode, buffer_group, buffer_limit,
                         on_send_buffered, **kwargs)
        self.connection = connection or (channel and channel.connection.client)
        self.channel = channel
        settings, self.outbox = _relay_of(self.app)
        self._put = self.outbox.put
        self._closed = False
        self._head = (None, None, None, '')
        self._buffer_group = self.buffer_group
        self._mirrored = settings.mirror
        self._mirror = self._mirrored and Mirror(
            self.app, self.outbox.log, connection=connection, hostname=self.hostname,
            channel=channel, buffer_while_offline=buffer_while_offline, serializer=serializer,
            delivery_mode=delivery_mode, buffer_group=buffer_group, **kwargs)
        self.after_fork()
        if self.buffer_group:
            self.outbox.gatherers.add(self)
        if enabled:
            self.enable()

    @property
    def stats(self):
        """The counters of this process and app, see `Outbox.stats`; plus ``mirror_failures``."""
        return dict(self.outbox.stats, mirror_failures=self._mirror.failures if self._mirror else 0)

    def enable(self):
        """Let `send` send."""
        self._closed = False
        self.buffer_group = self._buffer_group
        if self._mirror:
            self._mirror.enable()
        self.enabled = True
        for callback in self.on_enabled:
            callback()

    def publish(self, type, fields, producer, blind=False, Event=Event, **kwargs):
        """Send an event whatever the groups and whether enabled or not.

        Clients call this for task-sent. `producer` and the retry options in `kwargs` are the
        mirror's.
        """
        self._emit(event_form(type), type, fields, blind, Event, producer, kwargs)

    def send(self, type, blind=False, utcoffset=utcoffset, retry=False, retry_policy=None,
             Event=Event, **fields):
        """Send an event if enabled and of a group that is wanted.

        Returns at once whatever the relay does. As with Celery, `blind` leaves the clock alone
        (except in buffered groups) and `utcoffset` counts in buffered groups only.

        Raises:
            kombu.exceptions.EncodeError: where Celery raises it: kombu cannot write the fields,
                and the dispatcher was made with ``buffer_while_offline=False`` (as for
                ``Task.send_event``). Otherwise such an event is counted and logged.
        """
        if not self.enabled:
            return
        groups, form = self.groups, event_form(type)
        group = form.group
        if groups and group not in groups:
            return
        if self._closed and group == 'worker':
            # The heartbeat timer of a worker that has a newer dispatcher by now.
            return
        retry = {'retry': retry, 'retry_policy': retry_policy} if self._mirrored else None
        if group not in self.buffer_group:
            self._emit(form, type, fields, blind, Event, None, retry)
            return
        offset, clock = utcoffset(), self.clock.forward()
        if group in self._mirrored:
            event = self._event(type, fields, Event, offset, clock)
            self._mirror.send(type, event, **retry)
            body = self._encode(type, event)
        else:
            body = self._write(form, type, fields, Event, offset, clock)
        if body is not None:
            self._gather(group, body)

    def flush(self, errors=True, groups=True):
        """Send the lists gathered so far (`groups`), retry what the relay refused (`errors`)."""
        if errors:
            self.outbox.flush()
        if groups:
            self.flush_gathered()
        if self._mirror:
            self._mirror.flush(errors, groups)

    def flush_gathered(self):
        """Hand the lists gathered so far to the outbox; the mirror's stay."""
        for group in list(self._gathered):
            self._flush_group(group)

    def extend_buffer(self, other):
        """Take over what another dispatcher could not send.

        One of ours leaves nothing behind but what its mirror keeps: events that wait for the
        relay are the outbox's, so `_outbound_buffer` is always empty.
        """
        if self._mirror and getattr(other, '_mirror', None):
            self._mirror.extend_buffer(other._mirror)

    def close(self):
        """Send what was gathered and let go of the broker.

        Tasks that a worker reserved before it lost its broker keep the dispatcher they know,
        so a closed dispatcher still sends their events, each by itself: nobody would flush a
        list. Only worker events end, since the newer dispatcher's worker sends its own.
        """
        self._closed = True
        self.buffer_group = frozenset()
        self.flush(errors=False)
        if self._mirror:
            self._mirror.close()

    def __del__(self):
        if any(vars(self).get('_gathered', {}).values()):
            self.flush_gathered()  # which nobody else could do any more

    def after_fork(self):
        """Begin anew in a forked child: what was gathered before belongs to the parent."""
        self._gathered = {}
        self._gathered_lock = threading.Lock()

    def _emit(self, form, type, fields, blind, Event, producer, retry):
        """Make one event and send it by itself."""
        offset, clock = utcoffset(), None if blind else self.clock.forward()
        if form.group not in self._mirrored:
            body = self._write(form, type, fields, Event, offset, clock)
            if body is not None:
                self._put(form.key, body)
            return
        event = self._event(type, fields, Event, offset, clock)
        body = self._encode(type, event)
        if body is not None:
            self._put(form.key, body)
        if producer is None:
            self._mirror.send(type, event, **retry)
        else:
            self._mirror.publish(type, event, producer, **retry)

    def _write(self, form, type, fields, Event, offset, clock):
        """Return the JSON of an event that nobody else needs, or None as `_encode` does.

        Most events need no dict of their own: their text is put together.
        """
        if Event is not celery_event or not OWN_FIELDS.isdisjoint(fields):
            return self._encode(type, self._event(type, fields, Event, offset, clock))
        hostname, pid, head = self.hostname, self.pid, self._head
        # By identity, because equal values may have different texts (0 and 0.0).
        if head[0] is not hostname or head[1] is not offset or head[2] is not pid:
            head = self._head = (hostname, offset, pid, event_head(hostname, offset, pid))
        try:
            body = encode_between(head[3], clock, fields, now(), form.tail)
        except SoftTimeLimitExceeded:
            raise  # struck here by chance, and meant for the task
        except Exception as error:
            return self._refuse(type, fields, error)
        return self._within_limits(type, body)

    def _event(self, type, fields, Event, offset, clock):
        """Return the event, with Celery's fields in Celery's order.

        Celery's own `Event` function passes the fields on as keywords twice, which costs a
        microsecond, so its work is done here; a caller's factory is called as Celery calls it.
        """
        if Event is not celery_event:
            return Event(type, hostname=self.hostname, utcoffset=offset, pid=self.pid,
                         clock=clock, **fields)
        event = {'hostname': self.hostname, 'utcoffset': offset, 'pid': self.pid,
                 'clock': clock, **fields}
        if len(event) != len(fields) + 4:
            raise TypeError(f'event {type}: hostname, utcoffset, pid and clock are set by the '
                            f'dispatcher')
        if 'timestamp' not in event:
            event['timestamp'] = now()
        event['type'] = type
        return event

    def _encode(self, event_type, event):
        """Return the event's JSON; None if the relay cannot have it, counted and logged."""
        try:
            body = encode_event(event)
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:
            return self._refuse(event_type, event, error)
        return self._within_limits(event_type, body)

    def _refuse(self, event_type, fields, error):
        """Count and log an event without JSON; raise what Celery would raise."""
        self._drop('not_json', event_type, repr(error))
        if not self.buffer_while_offline and not is_loose_json(fields):
            raise EncodeError(error) from error

    def _within_limits(self, event_type, body):
        """Return `body`; None if the relay would refuse it, counted and logged."""
        if len(body) > EVENT_BYTES_MAX:
            self._drop('event_too_large', event_type,
                       f'its JSON has {len(body)} bytes, the relay takes {EVENT_BYTES_MAX}')
        elif is_too_deep(body):
            self._drop('too_deep', event_type,
                       f'its JSON has more than {EVENT_DEPTH_MAX} levels')
        elif event_form(event_type).key is None:
            self._drop('bad_type', event_type,
                       f'a type has 1 to {KEY_BYTES_MAX} bytes, {KEY_WORDS_MAX} words at most '
                       f'and no control characters')
        else:
            return body
        return None

    def _drop(self, reason, event_type, text):
        self.outbox.drop(reason)
        self.outbox.log.unsendable(event_type, text)

    def _gather(self, group, body):
        """Add an encoded event to its group's list; flush a full one, announce another."""
        gathered = self._gathered.get(group)
        if gathered is None:
            gathered = self._gathered.setdefault(group, deque())
        gathered.append(body)
        if len(gathered) >= self.buffer_limit or self._closed:
            self.flush()
        elif self.on_send_buffered:
            self.on_send_buffered()

    def _flush_group(self, group):
        """Send a group's gathered events as lists.

        The lock keeps lists in order. It is never waited for: who finds it taken leaves the
        events to the thread that has it, which looks again after letting go.
        """
        gathered = self._gathered[group]
        while gathered and self._gathered_lock.acquire(False):
            try:
                while gathered:
                    self._put(list_routing_key(group), *pop_list(gathered))
            finally:
                self._gathered_lock.release()


def _relay_of(app):
    """Return the settings and the outbox that an app's dispatchers share."""
    if not hasattr(type(app.events), 'outbox'):
        raise ImproperlyConfigured(
            "xylem's dispatcher needs xylem.celery.Events: app = Celery(..., events=Events)")
    return app.events.settings, app.events.outbox
