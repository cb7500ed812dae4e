"""XYLEM_MIRROR: chosen groups also go to the broker, as from Celery's own dispatcher."""

import socket

import pytest
from celery.events import EventReceiver
from celery.exceptions import SoftTimeLimitExceeded
from until import until


class Broker:
    """Reads the events that reach an app's broker, by Celery's own receiver."""

    def __init__(self, app):
        self.events = []
        receiver = EventReceiver(app.connection_for_read(), app=app,
                                 handlers={'*': self.events.append})
        self._context = receiver.consumer_context(wakeup=False)
        self._connection, _, _ = self._context.__enter__()

    def read(self, count, seconds=5):
        """Return the events that came so far, once they are `count`."""
        def complete():
            try:
                self._connection.drain_events(timeout=0.01)
            except socket.timeout:
                pass
            return len(self.events) >= count

        until(complete, seconds, what=f'{count} events on the broker')
        for event in self.events:
            event.pop('local_received', None)
        return self.events

    def close(self):
        self._context.__exit__(None, None, None)


@pytest.fixture
def mirrored(make_app, closing):
    """Return a function that makes an app which mirrors groups, and its broker's reader."""
    def make(groups):
        app = make_app(f'memory://{id(closing)}', XYLEM_MIRROR=groups)
        return app, closing(Broker(app))

    return make


def test_the_groups_named_reach_the_broker_as_the_very_events_that_the_relay_gets(
        mirrored, open_sink, push):
    app, broker = mirrored('worker,custom')
    sink = open_sink(push)
    with app.connection_for_write() as connection:
        dispatcher = app.events.Dispatcher(connection, hostname='w@test')
        clock = app.clock.value
        for type in ('worker-online', 'task-started', 'custom-note', 'worker-heartbeat'):
            dispatcher.send(type, x=[1, 'ä'])
        assert app.clock.value == clock + 4
        relayed = sink.bodies(4)
        assert [event['type'] for event in relayed] == [
            'worker-online', 'task-started', 'custom-note', 'worker-heartbeat']
        assert broker.read(3) == [event for event in relayed if event['type'] != 'task-started']
        assert dispatcher.stats['mirror_failures'] == 0


def test_by_default_nothing_reaches_the_broker(mirrored, open_sink, push):
    app, broker = mirrored('')
    with app.connection_for_write() as connection:
        app.events.Dispatcher(connection, hostname='w@test').send('worker-online')
    assert open_sink(push).bodies(1)
    with pytest.raises(AssertionError):
        broker.read(1, seconds=0.1)


def test_gathered_events_are_mirrored_as_lists_and_never_an_empty_one(
        mirrored, open_sink, push, monkeypatch):
    app, broker = mirrored('task')
    sink, lists = open_sink(push), []
    with app.connection_for_write() as connection:
        dispatcher = app.events.Dispatcher(connection, hostname='w@test', buffer_group=['task'],
                                           buffer_limit=4)
        monkeypatch.setattr('kombu.Producer.publish',
                            lambda self, body, **options: lists.append(list(body)))
        for number in range(6):
            dispatcher.send('task-started', number=number)
        dispatcher.flush()
        dispatcher.flush()
        dispatcher.send('worker-online')
        dispatcher.flush()
    assert [[event['number'] for event in events] for events in lists] == [[0, 1, 2, 3], [4, 5]]
    assert sink.bodies(3)[:2] == lists


def test_a_clients_task_sent_goes_with_the_producer_of_the_task(mirrored, open_sink, push):
    app, broker = mirrored('task')
    sink = open_sink(push)
    app.send_task('proj.add', (1, 2), task_id='1')
    copy, event = broker.read(1)[0], sink.bodies(1)[0]
    del copy['clock'], event['clock']  # Celery's receiver overwrites the one of task-sent
    assert copy == event and event['uuid'] == '1'


def test_a_tasks_own_events_go_with_a_producer_of_the_pool(mirrored, open_sink, push):
    app, broker = mirrored('custom')
    sink = open_sink(push)

    @app.task(bind=True)
    def note(self):
        self.send_event('custom-note', text='x')
        self.send_event('other-note', text='x')

    note.apply(task_id='1').get()
    events = sink.bodies(2)
    assert [event['type'] for event in events] == ['custom-note', 'other-note']
    assert broker.read(1) == events[:1]


class BrokenConnection:
    """A connection to a broker that went away."""

    class transport:
        driver_type = 'amqp'

    def __getattr__(self, name):
        raise ConnectionError(name)


def test_a_broken_broker_harms_only_the_copies_and_its_memory_is_bounded(
        mirrored, open_sink, push, caplog):
    app, _ = mirrored('worker')
    sink = open_sink(push)
    dispatcher = app.events.Dispatcher(BrokenConnection(), hostname='w@test')
    for number in range(3000):
        dispatcher.send('worker-heartbeat', number=number)
    assert [event['number'] for event in sink.bodies(3000)] == list(range(3000))
    assert len(dispatcher._mirror._delegate._outbound_buffer) == 1000
    with app.events.Dispatcher(BrokenConnection(), hostname='w@test', enabled=True,
                               buffer_while_offline=False) as impatient:
        impatient.send('worker-online')
        assert impatient.stats['mirror_failures'] == 1
    assert sink.bodies(1)[0]['type'] == 'worker-online'
    assert 'mirroring events to the broker failed' in caplog.text


def test_a_tasks_soft_time_limit_strikes_while_it_waits_for_the_broker(mirrored, monkeypatch):
    app, _ = mirrored('custom')

    def wait(*args, **kwargs):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr('kombu.Producer.publish', wait)
    with app.events.default_dispatcher(hostname='w@test') as dispatcher:
        with pytest.raises(SoftTimeLimitExceeded):
            dispatcher.send('custom-note')


def test_copies_that_a_lost_broker_left_go_to_the_new_one(mirrored, open_sink, push):
    app, broker = mirrored('worker')
    old = app.events.Dispatcher(BrokenConnection(), hostname='w@test')
    old.send('worker-heartbeat')
    old.close()
    with app.connection_for_write() as connection:
        new = app.events.Dispatcher(connection, hostname='w@test')
        new.extend_buffer(old)
        new.flush()
        assert [event['type'] for event in broker.read(1)] == ['worker-heartbeat']
    assert [event['type'] for event in open_sink(push).bodies(1)] == ['worker-heartbeat']


def test_a_real_worker_mirrors_its_heartbeats_and_nothing_else(push, open_sink, start_worker):
    sink = open_sink(push)
    worker = start_worker(push, 'prefork', 'polled', XYLEM_MIRROR='worker')
    worker.run_tasks()
    assert worker.stop() == 0, worker.log
    keys = [key for key, _ in worker.on_broker()]
    assert keys[0] == 'worker.online' and keys[-1] == 'worker.offline'
    assert set(keys) <= {'worker.online', 'worker.heartbeat', 'worker.offline'}
    relayed = [key.decode() for key, _ in sink.rest()]
    assert [key for key in relayed if key.startswith('worker.')] == keys
    assert {'task.multi', 'custom.note'} <= set(relayed)
