"""An independent witness: what Celery's own dispatcher would have sent.

`RecordingDispatcher` is the plug-in's dispatcher with Celery's unmodified ``EventDispatcher``
beside it. Each call goes to the plug-in's first and to Celery's after, with the same arguments.
Celery's builds its events by its own code, groups and gathers by its own code, and publishes
through a producer that writes what kombu's ``dumps`` makes of it to a file instead of a broker.

Two clocks would tell the two different things: the wall clock and the app's logical clock. So
both are read by the plug-in's dispatcher, and Celery's is told what they said. Nothing else is
shared; pid, hostname, utcoffset and fields are found out twice.
"""

import os
import threading
import time

from celery.events import event as celery_event
from celery.events.dispatcher import EventDispatcher
from kombu.utils.json import dumps

import xylem.dispatcher
from xylem.celery import Events
from xylem.dispatcher import Dispatcher


class Readings(threading.local):
    """What the clocks last told the plug-in's dispatcher in this thread."""

    timestamp = None
    clock = None
    sending = False

    def read_time(self):
        self.timestamp = time.time()
        return self.timestamp

    def repeat_time(self):
        return self.timestamp


readings = Readings()
# Threads take turns, so that both dispatchers see their events in the same order.
one_at_a_time = threading.RLock()
# Both functions look up the time through a name of their own; each gets its end of the readings.
xylem.dispatcher.now = readings.read_time
celery_event.Event.__defaults__ = (None, dict, readings.repeat_time)


class ReadingClock:
    """The app's clock, noting its readings."""

    def __init__(self, clock):
        self._clock = clock

    def forward(self):
        readings.clock = self._clock.forward()
        return readings.clock


class RepeatingClock:
    """A clock for Celery's dispatcher that tells what the app's clock told last."""

    def forward(self):
        return readings.clock


class RecordingProducer:
    """Writes each event to a file of its process, one JSON text a line, as kombu writes it."""

    def publish(self, body, routing_key, **options):
        events = body if isinstance(body, list) else [body]
        path = os.path.join(os.environ['PROJ_FOLDER'], f'sent-{os.getpid()}.jsonl')
        with open(path, 'a') as file:
            file.write(''.join(dumps(event) + '\n' for event in events))


class RecordingDispatcher(Dispatcher):
    """The plug-in's dispatcher and Celery's, side by side."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.clock = ReadingClock(self.clock)
        self.celery = EventDispatcher(
            hostname=self.hostname, enabled=False, app=self.app, groups=None,
            buffer_group=self.buffer_group, buffer_limit=self.buffer_limit)
        self.celery.groups = self.groups
        self.celery.enabled = self.enabled
        self.celery.clock = RepeatingClock()
        self.celery.producer = RecordingProducer()

    def send(self, type, **fields):
        with one_at_a_time:
            readings.sending = True
            try:
                super().send(type, **fields)
            finally:
                readings.sending = False
            self.celery.send(type, **fields)

    def publish(self, type, fields, producer, **options):
        with one_at_a_time:
            super().publish(type, fields, producer, **options)
            self.celery.publish(type, fields, RecordingProducer(), **options)

    def flush(self, errors=True, groups=True):
        with one_at_a_time:
            super().flush(errors, groups)
            if not readings.sending:  # Celery's finds out by itself that its list is full
                self.celery.flush(errors, groups)


class RecordingEvents(Events):
    """``app.events`` with the recording dispatcher."""

    dispatcher_cls = 'recording:RecordingDispatcher'
