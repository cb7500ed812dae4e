"""What does one ``send()`` cost the worker?

    PYTHONPATH=clients/python python3 clients/python/bench/send_cost.py [--buffered]

Sends task-received events of a usual size over ipc:// to a reader in another process that
throws them away, and prints the time that ``send()`` took, in microseconds an event: the mean in
a tight loop (median and best of several rounds; the CPU time of the sending thread is the figure
to trust on a busy machine), and the percentiles at 1,000 events/s. Beside it stands the floor
beneath any JSON dispatcher: Celery's event dict and kombu's JSON, sent nowhere. The premise, that
no event was dropped and the reader got them all, is checked.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time

import zmq
from celery import Celery
from celery.events.event import Event
from celery.utils.time import utcoffset
from kombu.utils.json import dumps

from xylem.celery import Events

FIELDS = {
    'uuid': '2bd8b0a5-2e1a-4b5c-9a0b-0d6e5a6f0d11', 'name': 'proj.tasks.add', 'args': '(1, 2)',
    'kwargs': '{}', 'root_id': '2bd8b0a5-2e1a-4b5c-9a0b-0d6e5a6f0d11', 'parent_id': None,
    'retries': 0, 'eta': None, 'expires': None,
}
ROUNDS = 15
ROUND_EVENTS = 10_000
PACED_EVENTS = 3_000
PACED_RATE = 1_000


def read(url, pipe):
    """Count events until told to stop; runs in its own process."""
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        socket.bind(url)
        pipe.send('ready')
        events = 0
        while not pipe.poll(0) or socket.poll(500):
            while socket.poll(50):
                try:
                    while True:
                        key = socket.recv(zmq.DONTWAIT)
                        body = socket.recv(zmq.DONTWAIT)
                        events += body.count(b'"uuid"') if key == b'task.multi' else 1
                except zmq.Again:
                    pass
        pipe.send(events)


def tight(call, settle):
    """Return microseconds an event of each round, by the wall and of CPU, as fast as possible.

    `settle` waits until the reader has caught up, as no reader in Python keeps up for long.
    """
    wall, cpu = [], []
    for _ in range(ROUNDS):
        settle()
        began, began_cpu = time.perf_counter(), time.thread_time()
        for _ in range(ROUND_EVENTS):
            call()
        wall.append((time.perf_counter() - began) / ROUND_EVENTS * 1e6)
        cpu.append((time.thread_time() - began_cpu) / ROUND_EVENTS * 1e6)
    return wall, cpu


def paced(call):
    """Return the microseconds of each call at PACED_RATE, sorted."""
    costs = []
    due = time.perf_counter()
    for _ in range(PACED_EVENTS):
        due += 1 / PACED_RATE
        time.sleep(max(0, due - time.perf_counter()))
        began = time.perf_counter()
        call()
        costs.append((time.perf_counter() - began) * 1e6)
    return sorted(costs)


def settle(dispatcher):
    """Wait until nothing waits for the reader."""
    dispatcher.flush()
    while dispatcher.stats['waiting']:
        time.sleep(0.01)
    time.sleep(0.05)


def measure(floor, send, settle):
    """Print what each call costs."""
    calls = (('dict and JSON', floor), ('send()', send))
    for name, call in calls:
        wall, cpu = tight(call, settle)
        print(f'{name:14} tight loop: median {statistics.median(wall):5.2f} us, '
              f'best {min(wall):5.2f} us; CPU {statistics.median(cpu):5.2f} us')
    for name, call in calls:
        costs = paced(call)
        p50, p99 = costs[len(costs) // 2], costs[len(costs) * 99 // 100]
        print(f'{name:14} at {PACED_RATE}/s: p50 {p50:5.1f} us, p99 {p99:5.1f} us')


def run(url, buffered):
    """Measure against a reader in another process and check that it got everything."""
    ours, theirs = multiprocessing.Pipe()
    reader = multiprocessing.get_context('spawn').Process(target=read, args=(url, theirs))
    reader.start()
    ours.recv()
    app = Celery('bench', events=Events, broker='memory://')
    dispatcher = app.events.Dispatcher(
        hostname='celery@bench', buffer_group=['task'] if buffered else None)
    measure(
        lambda: dumps(Event('task-received', hostname='celery@bench', utcoffset=utcoffset(),
                            pid=1, clock=app.clock.forward(), **FIELDS)),
        lambda: dispatcher.send('task-received', **FIELDS),
        lambda: settle(dispatcher))
    dispatcher.close()
    app.events.outbox.close(10)
    ours.send('stop')
    got, stats = ours.recv(), dispatcher.stats
    reader.join()
    expected = ROUNDS * ROUND_EVENTS + PACED_EVENTS
    if not got == stats['sent'] == expected:
        raise SystemExit(f'expected {expected} events, reader got {got}, {stats}')
    print(f'{got} events, all received, none dropped')


def main():
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--buffered', action='store_true', help='gather lists of 24')
    with tempfile.TemporaryDirectory() as folder:
        os.environ['XYLEM_PUSH'] = f'ipc://{folder}/push'
        run(os.environ['XYLEM_PUSH'], parser.parse_args().buffered)


if __name__ == '__main__':
    main()
