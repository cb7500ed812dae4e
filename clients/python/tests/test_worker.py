"""A real worker's events reach a real relay's subscriber, each once and as Celery made it."""

import json
from collections import Counter, defaultdict

import celery
import pytest

WORKERS = pytest.mark.parametrize('pool, broker', [
    ('solo', 'folder'), ('prefork', 'folder'), ('threads', 'folder'),
    ('solo', 'polled'), ('prefork', 'polled'), ('gevent', 'folder'), ('eventlet', 'folder'),
])


def run_worker(relay, start_worker, pool, broker, rounds):
    """Run tasks on a worker from start to end; return its events, recorded and received."""
    if pool in ('gevent', 'eventlet'):
        pytest.importorskip(pool)
    subscriber = relay.start().subscriber()
    worker = start_worker(relay.push, pool, broker)
    worker.run_tasks(rounds)
    assert worker.stop() == 0, worker.log
    expected = worker.recorded()
    received = subscriber.events(sum(map(len, expected.values())))
    received += subscriber.events(1, seconds=0.2)
    return worker, expected, received


@WORKERS
def test_every_event_arrives_once_and_equal_to_what_celery_would_have_sent(
        relay, start_worker, pool, broker):
    """See `recording` for how it is known what Celery's own dispatcher would have sent.

    Events are compared as JSON text with their fields in order, process by process in order.
    """
    worker, expected, received = run_worker(relay, start_worker, pool, broker, rounds=12)
    by_process = defaultdict(list)
    for key, event in received:
        assert key == event['type'].replace('-', '.')
        by_process[event['pid']].append(event)
    text = {pid: [json.dumps(event) for event in events] for pid, events in by_process.items()}
    assert text == {pid: [json.dumps(event) for event in events]
                    for pid, events in expected.items()}

    types = Counter(event['type'] for _, event in received)
    heartbeats = types.pop('worker-heartbeat', 0)
    assert types == {
        'worker-online': 1, 'worker-offline': 1, 'task-sent': 60, 'task-received': 60,
        'task-started': 60, 'task-succeeded': 36, 'task-failed': 12, 'task-retried': 12,
        'custom-note': 12, 'task-progress': 12,
    }, heartbeats
    assert worker.on_broker() == []


@pytest.mark.parametrize('broker, lists', [('folder', False), ('polled', True)])
def test_task_events_leave_as_lists_exactly_where_celery_gathers_them(
        push, open_sink, start_worker, broker, lists):
    sink = open_sink(push)
    worker = start_worker(push, 'solo', broker)
    worker.run_tasks(10)
    worker.stop()
    messages = sink.rest()
    keys = Counter(key for key, _ in messages)
    assert (b'task.multi' in keys) == lists
    assert (b'task.started' in keys) == (not lists)
    assert all(json.loads(body) for _, body in messages), 'an empty list was sent'


@pytest.mark.parametrize('pool', [
    # Their prefork pool forgets at that moment what its children do.
    pytest.param('prefork', marks=pytest.mark.skipif(
        (5, 3) <= celery.VERSION < (5, 6), reason='this Celery does not learn of the end')),
    'threads',
])
def test_a_task_that_runs_while_the_worker_loses_its_broker_still_tells_its_end(
        relay, start_worker, pool):
    """Celery up to 5.6 leaves such a task in state STARTED: celery/celery#8541."""
    subscriber = relay.start().subscriber()
    worker = start_worker(relay.push, pool, 'polled')
    worker.run_tasks('wait', 'go')
    started = subscriber.event(lambda event: event['type'] == 'task-started')
    worker.break_broker()
    assert subscriber.event(lambda event: event['type'] == 'worker-online')
    (worker.folder / 'go').touch()
    ended = subscriber.event(lambda event: event['type'] == 'task-succeeded')
    assert ended['uuid'] == started['uuid']
    assert worker.stop() == 0, worker.log
    assert 'told to break' in worker.log
