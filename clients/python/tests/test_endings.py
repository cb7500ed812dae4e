"""The ways in which a process ends: each delivers what was sent, or says what was lost."""

import re

import pytest
from until import until


@pytest.mark.parametrize('module, method, children', [
    ('multiprocessing', 'fork', 10), ('billiard', 'fork', 10),
    ('multiprocessing', 'spawn', 2), ('multiprocessing', 'forkserver', 2),
])
def test_a_child_process_that_sends_one_event_and_ends_leaves_it_with_the_relay(
        emit, open_sink, push, module, method, children):
    """Such a child runs no exit handlers of Python's."""
    sink = open_sink(push)
    code, errors = emit('children', children, module, method).finish()
    assert code == 0, errors
    assert sorted(event['number'] for event in sink.bodies(children)) == list(range(children))
    assert sink.nothing_more() and 'lost' not in errors


@pytest.mark.parametrize('module', ['multiprocessing', 'billiard'])
def test_a_child_process_whose_relay_is_away_ends_soon_and_says_what_was_lost(emit, module):
    code, errors = emit('children', 2, module, 'fork').finish()
    assert code == 0, errors
    assert errors.count('1 events lost') == 2


def test_a_thread_that_sends_when_its_child_process_has_ended_otherwise_is_heard(
        emit, open_sink, push):
    sink = open_sink(push)
    code, errors = emit('children', 3, 'multiprocessing', 'fork', 'late').finish()
    assert code == 0, errors
    assert [event['number'] for event in sink.bodies(3)] == [0, 1, 2]


@pytest.mark.parametrize('kind', ['pool', 'executor'])
def test_a_pool_of_processes_that_is_closed_loses_nothing(emit, open_sink, push, kind):
    sink = open_sink(push)
    code, errors = emit('pooled', 20, kind).finish()
    assert code == 0, errors
    assert sorted(event['number'] for event in sink.bodies(20)) == list(range(20))


@pytest.mark.parametrize('way', ['sys.exit', 'exception', 'SIGINT', 'SIGTERM made sys.exit'])
def test_an_end_of_pythons_right_behind_an_event_leaves_it_with_the_relay(
        emit, open_sink, push, way):
    sink = open_sink(push)
    emit('end_by', way).finish()
    assert [event['type'] for event in sink.bodies(1)] == ['child']


def test_what_an_exit_handler_sends_behind_ours_arrives(emit, open_sink, push):
    sink = open_sink(push)
    code, errors = emit('send_at_exit', 3).finish()
    assert code == 0, errors
    assert [event['type'] for event in sink.bodies(4)] == ['early', 'late', 'late', 'late']


def test_what_an_exit_handler_sends_behind_ours_is_said_to_be_lost_without_a_relay(emit):
    code, errors = emit('send_at_exit', 3).finish()
    assert code == 0, errors
    assert sum(map(int, re.findall(r'(\d+) events lost', errors))) == 4


def test_a_list_that_nobody_flushed_leaves_at_the_end(emit, open_sink, push):
    sink = open_sink(push)
    code, errors = emit('leave_gathered', 3).finish()
    assert code == 0, errors
    assert [event['number'] for event in sink.bodies(1)[0]] == [0, 1, 2]


def test_a_worker_that_is_restarted_says_what_its_relay_did_not_take(push, start_worker):
    """On SIGHUP Celery's worker becomes a new program in its first exit handler."""
    worker = start_worker(push)
    worker.run_tasks()
    worker.restart()
    until(lambda: 'events lost' in worker.log)
    lost = int(re.search(r'(\d+) events lost', worker.log)[1])
    recorded = [event for events in worker.own(worker.recorded()).values() for event in events]
    offline = [event['type'] for event in recorded].index('worker-offline')
    assert lost == offline + 1
    assert 'takes events again' not in worker.log
    assert worker.stop() == 0
