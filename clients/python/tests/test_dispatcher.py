"""The dispatcher beside Celery's own: same events, none lost, the broker left alone."""

import pytest
import zmq
from celery.events import event as celery_event
from celery.events.dispatcher import EventDispatcher
from celery.exceptions import SoftTimeLimitExceeded
from kombu.clocks import LamportClock
from kombu.exceptions import EncodeError
from kombu.utils.json import dumps

import xylem.dispatcher


class Untouchable:
    """A broker connection that fails the test when somebody uses it."""

    def __getattr__(self, name):
        raise AssertionError(f'{name} of the broker connection was used')


class Producer:
    """Keeps what Celery's dispatcher publishes, in the shape in which a sink reads ours."""

    def __init__(self):
        self.messages = []

    def publish(self, body, routing_key, **options):
        self.messages.append((routing_key.encode(), dumps(body).encode()))


@pytest.fixture
def pair(app, sink, monkeypatch):
    """Return a function that makes our dispatcher and Celery's, with clocks that agree."""
    monkeypatch.setattr(xylem.dispatcher, 'now', lambda: 1234.0625)
    monkeypatch.setattr(celery_event.Event, '__defaults__', (None, dict, lambda: 1234.0625))

    def make(**options):
        ours = app.events.Dispatcher(hostname='w@test', **options)
        celerys = EventDispatcher(app=app, hostname='w@test', **dict(options, enabled=False))
        celerys.enabled = ours.enabled
        ours.clock, celerys.clock = LamportClock(7), LamportClock(7)
        celerys.producer = Producer()
        return ours, celerys

    return make


def make_event(type, hostname, utcoffset, pid, clock, **fields):
    """An event factory of an app's own."""
    return dict(fields, type=type.upper(), who=hostname, pid=pid, clock=clock)


@pytest.mark.parametrize('arguments', [
    {}, {'uuid': 'u', 'name': 'n', 'retries': 0, 'eta': None}, {'blind': True, 'x': 1},
    {'timestamp': 5.5, 'x': 1}, {'x': {'deep': [1, None, 'ä']}}, {'utcoffset': lambda: 9},
    {'Event': make_event, 'x': 1}, {'retry': True, 'retry_policy': {'max_retries': 1}},
])
@pytest.mark.parametrize('options', [
    {}, {'groups': ['task']}, {'groups': ['worker']}, {'enabled': False},
    {'buffer_group': ['task']}, {'buffer_group': ['task'], 'buffer_limit': 3},
])
def test_the_same_calls_make_the_same_messages_as_with_celerys_dispatcher(
        pair, sink, arguments, options):
    ours, celerys = pair(**options)
    for dispatcher in (ours, celerys):
        for type in ('task-started', 'worker-heartbeat', 'task-a-b', 'custom', 'task-started'):
            dispatcher.send(type, **arguments)
        dispatcher.publish('task-sent', {'uuid': 'u'}, celerys.producer)
        dispatcher.publish('task-sent', {}, celerys.producer, blind=True)
        dispatcher.flush()
        dispatcher.flush()
    # Celery up to 5.6 publishes an empty list now and then.
    expected = [message for message in celerys.producer.messages if message[1] != b'[]']
    assert sink.messages(len(expected)) == expected
    assert sink.nothing_more(0.01)
    assert ours.clock.value == celerys.clock.value


@pytest.mark.parametrize('field', ['hostname', 'utcoffset', 'pid', 'clock'])
def test_a_field_that_the_dispatcher_sets_is_refused_as_by_celery(pair, field):
    for dispatcher in pair():
        with pytest.raises(TypeError):
            dispatcher.publish('task-sent', {field: 1}, None)


def test_nothing_of_the_broker_is_used(app, sink, monkeypatch):
    for name in ('connection_for_write', 'connection_for_read', 'connection'):
        monkeypatch.setattr(app, name, _touched)
    monkeypatch.setattr('kombu.Producer.__init__', _touched)
    untouchable = Untouchable()
    dispatcher = app.events.Dispatcher(untouchable, hostname='w@test', buffer_group=['task'])
    dispatcher.send('worker-online')
    dispatcher.send('task-started', uuid='1')
    dispatcher.publish('task-sent', {'uuid': '1'}, untouchable, retry=True)
    dispatcher.flush()
    dispatcher.disable()
    dispatcher.enable()
    dispatcher.close()
    app.events.Dispatcher(enabled=False).publish('task-sent', {}, untouchable)
    with app.events.default_dispatcher(hostname='w@test') as default:
        default.send('custom-note')
    assert [key for key, _ in sink.messages(5)] == [
        b'worker.online', b'task.sent', b'task.multi', b'task.sent', b'custom.note']
    assert dispatcher.connection is untouchable


def _touched(*args, **kwargs):
    raise AssertionError('the broker was used')


def test_it_has_what_others_touch(app):
    """The surface that Celery's worker, Heart, control commands and Gossip use."""
    called = []
    dispatcher = app.events.Dispatcher(
        None, hostname='w@test', enabled=True, groups=['worker'], buffer_group=['task'],
        on_send_buffered=called.append)
    assert isinstance(dispatcher, EventDispatcher)
    assert dispatcher.hostname == 'w@test' and dispatcher.headers == {'hostname': 'w@test'}
    assert dispatcher.enabled is True and dispatcher.connection is None
    assert dispatcher.producer is dispatcher.publisher is None
    assert dispatcher.clock is app.clock and not dispatcher._outbound_buffer
    dispatcher.groups.add('task')
    dispatcher.groups.discard('task')
    dispatcher.on_enabled.add(lambda: called.append('enabled'))
    dispatcher.on_disabled.add(lambda: called.append('disabled'))
    dispatcher.disable()
    dispatcher.disable()
    dispatcher.enable()
    assert called == ['disabled', 'enabled'] and dispatcher.buffer_group == ['task']
    with app.events.Dispatcher(enabled=False) as other:
        dispatcher.extend_buffer(other)
    assert other.enabled is False


def test_a_broker_that_cannot_carry_events_is_no_obstacle(app, sink):
    """Celery switches its dispatcher off with SQL brokers."""
    class Connection:
        class transport:
            driver_type = 'sql'

    app.events.Dispatcher(Connection(), hostname='w@test').send('worker-online')
    assert sink.messages(1)


def test_an_event_over_the_relays_limit_is_refused_counted_and_logged(app, sink, caplog):
    dispatcher = app.events.Dispatcher(hostname='w@test', buffer_group=['task'])
    for type in ('task-failed', 'custom-big'):
        dispatcher.send(type, traceback='x' * 65_536)
    dispatcher.send('custom-fits', text='x' * 65_000)
    dispatcher.flush()
    assert [key for key, _ in sink.messages(1)] == [b'custom.fits'] and sink.nothing_more()
    assert dispatcher.stats['dropped']['event_too_large'] == 2
    assert len(caplog.records) == 1 and 'task-failed' in caplog.text


def deep(levels):
    value = 'x' * levels
    for _ in range(levels):
        value = [value]
    return value


def test_an_event_that_the_relay_would_refuse_for_its_depth_does_not_cost_its_list(
        app, sink, caplog):
    dispatcher = app.events.Dispatcher(hostname='w@test', buffer_group=['task'])
    for value in ('[{' * 40 + '"', deep(31), deep(32), [[]] * 40):
        dispatcher.send('task-progress', value=value)
    dispatcher.flush()
    assert len(sink.bodies(1)[0]) == 3 and sink.nothing_more()
    assert dispatcher.stats['dropped']['too_deep'] == 1
    assert 'task-progress' in caplog.text and 'more than 32 levels' in caplog.text


@pytest.mark.parametrize('type', ['', 'x' * 246, '-'.join('a' * 33), 'a\nb', 'a\ud800'])
def test_an_event_with_a_type_that_the_relay_refuses_is_counted_as_that(app, sink, caplog, type):
    dispatcher = app.events.Dispatcher(hostname='w@test')
    dispatcher.send(type, value=1)
    dispatcher.publish(type, {'value': 1}, None)
    dispatcher.send('x' * 245)
    assert len(sink.messages(1)) == 1 and sink.nothing_more()
    assert dispatcher.stats['dropped']['bad_type'] == 2
    assert 'no control characters' in caplog.text


def test_an_event_without_json_is_counted_or_raised_as_celery_would(app, sink, caplog):
    dispatcher = app.events.Dispatcher(hostname='w@test')
    dispatcher.send('custom-odd', value=object())
    assert dispatcher.stats['dropped']['not_json'] == 1 and 'custom-odd' in caplog.text
    with app.events.default_dispatcher(hostname='w@test') as default:
        with pytest.raises(EncodeError):
            default.send('custom-odd', value=object())
    dispatcher.send('custom-fine')
    assert [key for key, _ in sink.messages(1)] == [b'custom.fine']


def test_an_event_with_nan_harms_neither_its_list_nor_its_task(app, sink):
    dispatcher = app.events.Dispatcher(hostname='w@test', buffer_group=['task'])
    for value in (1, float('nan'), 2):
        dispatcher.send('task-progress', value=value)
    with app.events.default_dispatcher(hostname='w@test') as default:
        default.send('custom-loss', value=float('inf'))
    dispatcher.flush()
    assert [event['value'] for event in sink.bodies(1)[0]] == [1, 2]
    assert sink.nothing_more() and dispatcher.stats['dropped']['not_json'] == 2


def test_a_soft_time_limit_that_strikes_while_encoding_is_not_taken_for_bad_fields(app, sink):
    class Slow:
        def __json__(self):
            raise SoftTimeLimitExceeded

    for buffer_while_offline in (True, False):
        with app.events.default_dispatcher(
                hostname='w@test', buffer_while_offline=buffer_while_offline) as dispatcher:
            with pytest.raises(SoftTimeLimitExceeded):
                dispatcher.send('custom-slow', value=Slow())
            assert dispatcher.stats['dropped']['not_json'] == 0


def test_all_dispatchers_of_an_app_share_one_connection(app, sink, monkeypatch):
    opened = []
    real_socket = zmq.Context.socket
    monkeypatch.setattr(zmq.Context, 'socket',
                        lambda *args: opened.append(args) or real_socket(*args))
    for number in range(50):
        with app.events.default_dispatcher(hostname='w@test') as dispatcher:
            dispatcher.send('custom-note', number=number)
    assert [event['number'] for event in sink.bodies(50)] == list(range(50))
    assert opened == []


def test_the_receiver_and_the_state_stay_celerys(app):
    assert app.events.receiver_cls == 'celery.events.receiver:EventReceiver'
    assert app.events.state_cls == 'celery.events.state:State'
