"""A real worker while the relay is absent, killed or stopped: it works on, and recovers."""

import re
from collections import Counter

import pytest
from until import until


def by_process(events):
    """Return events grouped by the process that sent them, in order."""
    processes = {}
    for event in events:
        processes.setdefault(event['pid'], []).append(event)
    return processes


@pytest.mark.parametrize('pool, broker', [('solo', 'folder'), ('prefork', 'polled')])
def test_a_worker_without_a_relay_works_and_keeps_its_events_for_it(
        push, open_sink, start_worker, pool, broker):
    worker = start_worker(push, pool, broker)
    worker.run_tasks(10)
    processes = len(worker.own(worker.recorded()))
    until(lambda: worker.log.count('takes no events') == processes)
    sink = open_sink(push)
    until(lambda: worker.log.count('takes events again') == processes)
    assert worker.stop() == 0, worker.log
    received = []
    for body in sink.rest_of_bodies():
        received += body if isinstance(body, list) else [body]
    expected = worker.own(worker.recorded())
    assert worker.own(by_process(received)) == expected
    assert Counter(event['type'] for events in expected.values() for event in events)[
        'task-succeeded'] == 30
    assert worker.log.count('takes no events') == processes


def test_a_worker_whose_relay_never_comes_ends_in_time_and_says_what_was_lost(
        push, start_worker):
    worker = start_worker(push, 'prefork', 'polled')
    worker.run_tasks(4)
    until(lambda: 'takes no events' in worker.log)
    assert worker.stop(seconds=10) == 0, worker.log
    assert 'takes events again' not in worker.log
    lost = sum(map(int, re.findall(r'(\d+) events lost', worker.log)))
    assert lost == sum(map(len, worker.own(worker.recorded()).values()))


def test_a_worker_survives_its_relays_crash_and_finds_the_next_one(relay, start_worker):
    subscriber = relay.start().subscriber()
    worker = start_worker(relay.push, 'prefork', 'polled')
    worker.run_tasks()
    assert subscriber.event(lambda event: event['type'] == 'task-succeeded')
    relay.kill()
    worker.run_tasks(5)
    until(lambda: 'takes no events' in worker.log)
    subscriber = relay.start().subscriber()
    until(lambda: 'takes events again' in worker.log)
    worker.run_tasks()
    assert worker.stop() == 0, worker.log
    assert subscriber.event(lambda event: event['type'] == 'worker-offline')


@pytest.mark.parametrize('pool, broker', [('solo', 'folder'), ('prefork', 'polled')])
def test_a_worker_is_not_held_up_by_a_stopped_relay_and_no_event_is_lost(
        relay, start_worker, pool, broker):
    subscriber = relay.start().subscriber()
    worker = start_worker(relay.push, pool, broker)
    worker.run_tasks()
    relay.suspend()
    worker.run_tasks(10)
    relay.resume()
    assert worker.stop() == 0, worker.log
    expected = worker.own(worker.recorded())
    received = [event for _, event in subscriber.events(10 ** 6, quiet=1)]
    assert worker.own(by_process(received)) == expected
