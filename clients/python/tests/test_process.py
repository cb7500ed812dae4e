"""Whole processes: bounded memory, the end, forks."""

import contextlib
import json
import os
import threading
import time
from collections import Counter

import pytest
from until import until

BUFFER_BYTES = 8 * 1024 * 1024


def accounted(stats):
    return stats['sent'] + stats['waiting'] + sum(stats['dropped'].values())


def test_memory_is_bounded_and_every_drop_counted_while_the_relay_is_away(
        emit, open_sink, push):
    """100,000 events of 400 bytes are five times what the default buffer holds."""
    emitter = emit('flood', 100_000)
    said = emitter.read()
    stats = said['stats']
    assert said['grown'] < BUFFER_BYTES + 4 * 1024 * 1024
    assert BUFFER_BYTES * 0.99 < stats['waiting_bytes'] <= BUFFER_BYTES
    assert stats['offered'] == accounted(stats) == 100_000 and stats['sent'] == 0
    waiting = stats['waiting']

    sink = open_sink(push)
    emitter.go_on()
    numbers = [event['number'] for event in sink.bodies(waiting)]
    assert numbers == list(range(99_900 - waiting, 99_900)), 'not the newest, each once, in order'
    stats = emitter.read()['stats']
    assert stats['sent'] == waiting and accounted(stats) == 100_000
    emitter.go_on()
    assert emitter.finish()[0] == 0 and sink.nothing_more()


def test_memory_is_bounded_while_the_relay_is_there_and_does_not_read(emit, open_sink, push):
    sink = open_sink(push, receive_hwm=1)
    emitter = emit('flood', 100_000, XYLEM_BUFFER_BYTES='2000000')
    said = emitter.read()
    assert said['grown'] < 2_000_000 + 4 * 1024 * 1024
    assert said['stats']['waiting_bytes'] <= 2_000_000
    assert said['stats']['sent'] > 0 and said['stats']['dropped']['buffer_full'] > 0
    assert accounted(said['stats']) == 100_000
    emitter.go_on()
    received = sink.rest_of_bodies(quiet=2)
    stats = emitter.read()['stats']
    assert len(received) == stats['sent'] and accounted(stats) == 100_000
    numbers = [event['number'] for event in received if event['type'] == 'task-received']
    assert numbers == sorted(set(numbers))


def test_a_client_that_publishes_and_ends_leaves_its_events_with_the_relay(
        emit, open_sink, push):
    sink = open_sink(push)
    code, errors = emit('publish', 5).finish()
    assert code == 0, errors
    assert [event['uuid'] for event in sink.bodies(5)] == ['0', '1', '2', '3', '4']


def test_a_client_ends_soon_without_a_relay_and_says_what_was_lost(emit):
    began = time.monotonic()
    code, errors = emit('publish', 5).finish()
    assert code == 0 and time.monotonic() - began < 5
    assert '5 events lost' in errors


@pytest.mark.parametrize('relay_before_fork', [True, False])
def test_a_fork_shares_no_socket_and_repeats_no_event(emit, open_sink, push, relay_before_fork):
    """Whether the events from before the fork were sent or wait for the relay."""
    sink = open_sink(push) if relay_before_fork else None
    emitter = emit('fork')
    got = sink.bodies(3) if relay_before_fork else []
    emitter.go_on()
    sink = sink or open_sink(push)
    got += sink.bodies(10 - len(got))
    code, errors = emitter.finish()
    assert code == 0, errors
    assert Counter(event['type'] for event in got) == {
        'parent-before': 3, 'child-after': 3, 'parent-after': 3, 'parent-last': 1}
    assert sink.nothing_more()
    for name in ('parent-before', 'child-after', 'parent-after'):
        assert [e['number'] for e in got if e['type'] == name] == [0, 1, 2]


def fork_and_run(child):
    """Run `child` in a forked process; return what it returned, fail if it hangs."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, json.dumps(child()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    try:
        ended = threading.Event()
        threading.Thread(target=lambda: (os.waitpid(pid, 0), ended.set())).start()
        if not ended.wait(10):
            os.kill(pid, 9)
            ended.wait()
            raise AssertionError('the child hangs')
        return json.loads(os.read(reading, 1 << 16))
    finally:
        os.close(reading)


@contextlib.contextmanager
def held_elsewhere(*locks):
    """Have another thread hold locks."""
    held, done = threading.Event(), threading.Event()

    def hold():
        with contextlib.ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            held.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    try:
        yield
    finally:
        done.set()
        holder.join()


def test_a_child_neither_uses_nor_closes_its_parents_socket_nor_waits_for_its_locks(
        make_app, open_sink, push):
    """The fork happens while another thread of the parent holds the locks."""
    sink, app = open_sink(push), make_app()
    dispatcher = app.events.Dispatcher(hostname='w@test', buffer_group=['task'])
    dispatcher.send('parent-before')
    assert sink.bodies(1)
    dispatcher.send('task-gathered-by-parent')
    outbox, parents = app.events.outbox, app.events.outbox._socket

    def child():
        fresh = outbox._socket is None and outbox.stats['offered'] == 0
        dispatcher.send('child-after')
        dispatcher.send('task-gathered-by-child')
        dispatcher.flush()
        outbox.close(5)
        return [fresh, parents._socket.closed, parents._context.closed, outbox.stats]

    with held_elsewhere(outbox._lock, dispatcher._gathered_lock):
        fresh, socket_closed, context_closed, stats = fork_and_run(child)
    assert fresh and not socket_closed and not context_closed
    assert stats['sent'] == stats['offered'] == 2
    event, gathered = sink.bodies(2)
    assert event['type'] == 'child-after'
    assert [event['type'] for event in gathered] == ['task-gathered-by-child']
    dispatcher.flush()
    dispatcher.send('parent-after')
    gathered, event = sink.bodies(2)
    assert [event['type'] for event in gathered] == ['task-gathered-by-parent']
    assert event['type'] == 'parent-after'
    until(lambda: outbox.stats['sent'] == 3)
    assert sink.nothing_more()
