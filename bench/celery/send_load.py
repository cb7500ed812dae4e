"""What does one `send()` cost the worker? One way of sending, measured in a process of its own.

    python3 -m bench.celery.send_load WAY URL [--quick]

WAY is `floor` (Celery's event dict and kombu's JSON, sent nowhere: beneath any JSON dispatcher),
`celery-single` or `celery-lists` with a broker's URL, `xylem-single` or `xylem-lists` with a
relay's push endpoint. Prints JSON: the mean of a tight loop (median of several rounds, by the wall,
of the sending thread's CPU and of the whole process's), and the 99th percentile at 1,000/s. The
premise, that no event was dropped or still waits, is checked.
"""

import argparse
import json
import os
import statistics
import time

from celery import Celery
from celery.events.event import Event
from celery.utils.time import utcoffset
from kombu.utils.json import dumps

FIELDS = {
    'uuid': '2bd8b0a5-2e1a-4b5c-9a0b-0d6e5a6f0d11', 'name': 'proj.tasks.add', 'args': '(1, 2)',
    'kwargs': '{}', 'root_id': '2bd8b0a5-2e1a-4b5c-9a0b-0d6e5a6f0d11', 'parent_id': None,
    'retries': 0, 'eta': None, 'expires': None,
}
ROUNDS = 15
ROUND_EVENTS = 10_000
PACED_EVENTS = 5_000
PACED_RATE = 1_000


class Way:
    """How to send one event; `settle` waits until none is under way; `check` the premise."""

    def __init__(self, send, settle=lambda: None, check=lambda sent: None):
        self.send, self.settle, self.check = send, settle, check


def floor(url, lists):
    app = Celery('bench', broker='memory://')
    return Way(lambda: dumps(Event('task-received', hostname='celery@bench', pid=4711,
                                   utcoffset=utcoffset(), clock=app.clock.forward(),
                                   **FIELDS)).encode())


def celery(url, lists):
    app = Celery('bench', broker=url)
    dispatcher = app.events.Dispatcher(app.connection_for_write(), hostname='celery@bench',
                                       buffer_group=['task'] if lists else None)

    def check(sent):
        dispatcher.flush()
        if dispatcher._outbound_buffer:
            raise SystemExit(f'events failed: {dispatcher._outbound_buffer[0][2]!r}')

    return Way(lambda: dispatcher.send('task-received', **FIELDS), check=check)


def xylem(url, lists):
    from xylem.celery import Events
    os.environ['XYLEM_PUSH'] = url
    app = Celery('bench', events=Events, broker='memory://')
    dispatcher = app.events.Dispatcher(hostname='celery@bench',
                                       buffer_group=['task'] if lists else None)

    def settle():
        dispatcher.flush()
        while dispatcher.stats['waiting']:
            time.sleep(0.01)
        time.sleep(0.05)

    def check(sent):
        dispatcher.close()
        app.events.outbox.close(10)
        if dispatcher.stats['sent'] != sent:
            raise SystemExit(f'expected {sent} events, {dispatcher.stats}')

    return Way(lambda: dispatcher.send('task-received', **FIELDS), settle, check)


def tight(way, rounds):
    """Microseconds an event of each round: by the wall, of this thread's and of all CPU."""
    found = []
    for _ in range(rounds):
        way.settle()
        clocks = (time.perf_counter, time.thread_time, time.process_time)
        began, send = [clock() for clock in clocks], way.send
        for _ in range(ROUND_EVENTS):
            send()
        found.append([(clock() - start) / ROUND_EVENTS * 1e6
                      for clock, start in zip(clocks, began)])
    return [statistics.median(column) for column in zip(*found)]


def paced(way, events):
    """Microseconds of each call at PACED_RATE, sorted."""
    costs = []
    due = time.perf_counter()
    for _ in range(events):
        due += 1 / PACED_RATE
        time.sleep(max(0, due - time.perf_counter()))
        began = time.perf_counter()
        way.send()
        costs.append((time.perf_counter() - began) * 1e6)
    return sorted(costs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('way', choices=['floor', 'celery-single', 'celery-lists', 'xylem-single',
                                        'xylem-lists'])
    parser.add_argument('url', nargs='?', default='')
    parser.add_argument('--quick', action='store_true', help='fewer events')
    arguments = parser.parse_args()
    name, _, form = arguments.way.partition('-')
    way = {'floor': floor, 'celery': celery, 'xylem': xylem}[name](arguments.url, form == 'lists')
    rounds, events = (3, 2_000) if arguments.quick else (ROUNDS, PACED_EVENTS)
    way.send()  # what is made at the first use is not what an event costs
    wall, thread, process = tight(way, rounds)
    way.settle()
    costs = paced(way, events)
    way.check(1 + rounds * ROUND_EVENTS + events)
    print(json.dumps({
        'us_per_send': wall, 'cpu_us_per_send': thread, 'process_cpu_us_per_send': process,
        'p50_us_per_send': costs[len(costs) // 2], 'p99_us_per_send': costs[len(costs) * 99 // 100]
    }))


if __name__ == '__main__':
    main()
