"""The workers of bench/celery/fleet.py, in few processes: their heartbeats and their gossip.

    python3 -m bench.celery.fleet_load beats  rabbitmq|xylem URL WORKERS
    python3 -m bench.celery.fleet_load tasks  rabbitmq|xylem URL WORKERS TASKS_PER_S
    python3 -m bench.celery.fleet_load gossip rabbitmq|xylem URL WORKERS [PREFIX_OR_PATTERN]

Says "ready", then answers each line `count` with its counters so far. What a gossiping worker does
with a heartbeat costs the worker, not the broker, so gossip only takes the bytes off the sockets
that Celery's (or ZeroMQ's) own handshake has opened, and counts heartbeats by a word in them.
"""

import itertools
import json
import os
import re
import resource
import selectors
import socket
import struct
import sys
import threading
import time
import uuid

from celery import Celery
from celery.events.event import Event
from celery.utils.sysinfo import load_average
from celery.utils.time import utcoffset
from kombu import Consumer
from kombu.utils.json import dumps

HEARTBEAT_SECONDS = 2.0  # celery/worker/heartbeat.py
SOFTWARE = {'sw_ident': 'py-celery', 'sw_ver': '5.2.6', 'sw_sys': 'Linux'}
PUBLISHING_CONNECTIONS = 10
# In each delivered message once: the routing key of AMQP's basic.deliver, ZeroMQ's first frame.
HEARTBEAT, LIST = b'worker.heartbeat', b'task.multi'
TIMESTAMP = re.compile(rb'"timestamp": ([0-9.]+),')
READ_BYTES = 1 << 20


def say(value):
    print(json.dumps(value), flush=True)


def heart_fields():
    return {'freq': HEARTBEAT_SECONDS, 'active': 0, 'processed': 1234, 'loadavg': load_average(),
            **SOFTWARE}


def rabbitmq_dispatchers(url, workers, **options):
    """Celery's own. Many share a connection, which costs the broker less, not more."""
    app = Celery('fleet', broker=url)
    connections = [app.connection_for_write() for _ in range(min(workers, PUBLISHING_CONNECTIONS))]
    return [app.events.Dispatcher(connections[number % len(connections)],
                                  hostname=f'celery@worker-{number}.example', **options)
            for number in range(workers)]


def xylem_dispatchers(url, workers, **options):
    """The plug-in's. What they share in this one process, each worker has for itself."""
    from xylem.celery import Events
    os.environ['XYLEM_PUSH'] = url
    app = Celery('fleet', events=Events, broker='memory://')
    return [app.events.Dispatcher(hostname=f'celery@worker-{number}.example', **options)
            for number in range(workers)]


def rabbitmq_beaters(url, workers):
    return [lambda one=one: one.send('worker-heartbeat', **heart_fields())
            for one in rabbitmq_dispatchers(url, workers, groups=['worker'])]


def xylem_beaters(url, workers):
    """A connection per worker, and the bytes that the plug-in would send."""
    import zmq
    context = zmq.Context()
    context.set(zmq.MAX_SOCKETS, workers + 10)
    app = Celery('fleet', broker='memory://')

    def beater(number):
        push = context.socket(zmq.PUSH)
        push.connect(url)

        def beat():
            event = Event('worker-heartbeat', hostname=f'celery@worker-{number}.example',
                          utcoffset=utcoffset(), pid=4711, clock=app.clock.forward(),
                          **heart_fields())
            push.send_multipart([b'worker.heartbeat', dumps(event).encode()])
        return beat
    return [beater(number) for number in range(workers)]


def run_beats(system, url, workers):
    beaters = {'rabbitmq': rabbitmq_beaters, 'xylem': xylem_beaters}[system](url, workers)
    sent = [0]

    def beat_on():
        due = time.monotonic()
        while True:
            for beat in beaters:
                due += HEARTBEAT_SECONDS / workers
                time.sleep(max(0, due - time.monotonic()))
                beat()
                sent[0] += 1

    say('ready')
    threading.Thread(target=beat_on, daemon=True).start()
    for _ in sys.stdin:
        say({'at': time.monotonic(), 'sent': sent[0]})


def task_lists(number):
    """What a worker sends of a task: one list when it begins, another when it ends."""
    name = str(uuid.UUID(int=number))
    return ([('task-received', {'uuid': name, 'name': 'proj.tasks.add', 'args': f'({number}, 2)',
                                'kwargs': '{}', 'root_id': name, 'parent_id': None, 'retries': 0,
                                'eta': None, 'expires': None}),
             ('task-started', {'uuid': name})],
            [('task-succeeded', {'uuid': name, 'result': str(number), 'runtime': 0.027})])


def run_tasks(system, url, workers, rate):
    made = {'rabbitmq': rabbitmq_dispatchers, 'xylem': xylem_dispatchers}[system]
    dispatchers = made(url, workers, buffer_group=['task'])
    sent = [0]

    def work():
        due = time.monotonic()
        for number in itertools.count():
            due += 1 / float(rate)
            time.sleep(max(0, due - time.monotonic()))
            dispatcher = dispatchers[number % workers]
            for events in task_lists(number):
                for event_type, fields in events:
                    dispatcher.send(event_type, **fields)
                dispatcher.flush()
                sent[0] += len(events)

    say('ready')
    threading.Thread(target=work, daemon=True).start()
    for _ in sys.stdin:
        say({'at': time.monotonic(), 'sent': sent[0]})


def rabbitmq_socket(app, kept, pattern):
    """A queue as Celery's Gossip binds it, and the socket on which its messages come."""
    connection = app.connection_for_read()
    connection.connect()
    channel = connection.default_channel
    receiver = app.events.Receiver(channel, routing_key=pattern,
                                   queue_ttl=HEARTBEAT_SECONDS)
    consumer = Consumer(channel, queues=[receiver.queue], no_ack=True)
    consumer.consume()
    kept.append((connection, consumer))
    return connection.connection.transport.sock


def zmtp_socket(url, prefix):
    """ZMTP 3.0 with the NULL mechanism (rfc.zeromq.org/spec/23), then one subscription."""
    host, port = url.removeprefix('tcp://').rsplit(':', 1)
    one = socket.create_connection((host, int(port)))
    one.sendall(b'\xff' + bytes(8) + b'\x7f\x03\x00' + b'NULL'.ljust(20, b'\0') + bytes(32))
    ready = b'\x05READY\x0bSocket-Type' + struct.pack('>I', 3) + b'SUB'
    one.sendall(b'\x04' + bytes([len(ready)]) + ready)
    got = b''
    while b'READY' not in got:
        got += one.recv(4096)
    topic = b'\x01' + prefix
    one.sendall(b'\x00' + bytes([len(topic)]) + topic)
    return one


class Drain:
    """Takes what comes on many sockets and counts it."""

    def __init__(self, sockets):
        self.bytes = 0
        self.counts = {HEARTBEAT: 0, LIST: 0}
        self.last_chunk = b''
        self._selector = selectors.DefaultSelector()
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        self._tails = {}
        for one in sockets:
            one.setblocking(False)
            self._selector.register(one, selectors.EVENT_READ)
            self._tails[one] = b''

    def run(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is sys.stdin:
                    if not sys.stdin.readline():
                        return
                    say(self.counters())
                else:
                    self._read(key.fileobj)

    def _read(self, one):
        try:
            chunk = one.recv(READ_BYTES)
        except BlockingIOError:
            return
        if not chunk:
            self._selector.unregister(one)
            return
        self.bytes += len(chunk)
        # A word that lies across two reads counts with the second.
        for word in self.counts:
            self.counts[word] += (self._tails[one][1 - len(word):] + chunk).count(word)
        self._tails[one] = (self._tails[one] + chunk)[1 - len(HEARTBEAT):]
        self.last_chunk = chunk

    def counters(self):
        stamps = TIMESTAMP.findall(self.last_chunk)
        return {'at': time.monotonic(), 'events': self.counts[HEARTBEAT], 'bytes': self.bytes,
                'lists': self.counts[LIST],
                'lag_s': time.time() - float(stamps[-1]) if stamps else None}


def run_gossip(system, url, workers, pattern=None):
    kept = []
    if system == 'rabbitmq':
        app = Celery('fleet', broker=url)
        app.conf.broker_heartbeat = 0
        sockets = [rabbitmq_socket(app, kept, pattern or 'worker.#') for _ in range(workers)]
    else:
        sockets = [zmtp_socket(url, (pattern or 'worker.').encode()) for _ in range(workers)]
    drain = Drain(sockets)
    say('ready')
    drain.run()


if __name__ == '__main__':
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    role, name, place, count, *rest = sys.argv[1:]
    run = {'beats': run_beats, 'tasks': run_tasks, 'gossip': run_gossip}[role]
    run(name, place, int(count), *rest)
