"""Gathered lists of events: none lost, none empty, none too long."""

import json
import threading


def test_a_list_that_is_refused_again_and_again_arrives_whole(make_app, open_sink, push):
    """Celery up to 5.6 loses it: celery/celery#6487, and empties it: PR #10417."""
    dispatcher = make_app().events.Dispatcher(hostname='w@test', buffer_group=['task'])
    for number in range(5):
        dispatcher.send('task-started', number=number)
    for _ in range(10):
        dispatcher.flush()
    sink = open_sink(push)
    key, body = sink.messages(1)[0]
    assert key == b'task.multi'
    assert [event['number'] for event in json.loads(body)] == list(range(5))
    assert sink.nothing_more()


def test_no_event_is_lost_between_threads_that_gather_and_threads_that_flush(app, sink):
    """Celery up to 5.6 loses those gathered during a flush: celery/celery#10434."""
    dispatcher = app.events.Dispatcher(hostname='w@test', buffer_group=['task'])
    gathering = [threading.Thread(target=lambda first=first: [
        dispatcher.send('task-started', number=number) for number in range(first, first + 1500)
    ]) for first in range(0, 6000, 1500)]
    done = threading.Event()

    def flush():
        while not done.is_set():
            dispatcher.flush()

    flushing = [threading.Thread(target=flush) for _ in range(2)]
    for thread in gathering + flushing:
        thread.start()
    got = []
    while len(got) < 6000:
        bodies = sink.bodies(1, seconds=2)
        if not bodies:
            break
        assert bodies[0], 'an empty list was sent'
        got += [event['number'] for event in bodies[0]]
    done.set()
    for thread in gathering + flushing:
        thread.join()
    assert sorted(got) == list(range(6000))
    for first in range(0, 6000, 1500):
        mine = [number for number in got if first <= number < first + 1500]
        assert mine == sorted(mine), "one thread's events are out of order"


def test_each_gathered_event_is_announced_until_the_list_is_full(app, sink):
    announced = []
    dispatcher = app.events.Dispatcher(
        hostname='w@test', buffer_group=['task'], buffer_limit=4,
        on_send_buffered=lambda: announced.append(None))
    for number in range(6):
        dispatcher.send('task-started', number=number)
    assert len(announced) == 5
    assert len(sink.bodies(1)[0]) == 4
    dispatcher.flush(errors=True, groups=False)
    assert sink.nothing_more()
    dispatcher.flush()
    assert len(sink.bodies(1)[0]) == 2


def test_a_long_list_is_split_under_the_relays_limits(app, sink):
    dispatcher = app.events.Dispatcher(hostname='w@test', buffer_group=['task'], buffer_limit=5000)
    for number in range(3000):
        dispatcher.send('task-started', number=number)
    dispatcher.flush()
    lists = sink.bodies(3)
    assert [len(events) for events in lists] == [1024, 1024, 952]
    assert [event['number'] for events in lists for event in events] == list(range(3000))


def test_a_worker_that_lost_its_broker_loses_no_event(app, sink):
    """Requests reserved before keep the old dispatcher (celery/celery#8541)."""
    old = app.events.Dispatcher(hostname='w@test', groups=['task', 'worker'], buffer_group=['task'])
    old.send('task-received', uuid='1')
    old.close()
    new = app.events.Dispatcher(hostname='w@test', groups=old.groups, buffer_group=['task'])
    new.extend_buffer(old)
    new.flush()
    old.send('task-succeeded', uuid='1')
    old.send('worker-heartbeat')  # a timer that was left over: the worker has a new one
    new.send('worker-online')
    gathered, single, online = sink.bodies(3)
    assert [event['type'] for event in gathered] == ['task-received']
    assert (single['type'], online['type']) == ('task-succeeded', 'worker-online')
    assert sink.nothing_more()
