"""Fixtures: the relay, a sink in its place, workers, apps."""

import pytest
from celery import Celery
from emitter_process import Emitter
from relay_process import Relay
from sink import Sink
from until import until
from worker_process import Worker

from xylem.celery import Events


@pytest.fixture
def closing():
    """Return a function that has an object closed at the end of the test."""
    ends = []

    def close_later(instance, *arguments):
        ends.append(lambda: instance.close(*arguments))
        return instance

    yield close_later
    for end in reversed(ends):
        end()


@pytest.fixture
def push(tmp_path):
    """The address of a push endpoint of this test's own."""
    return f'ipc://{tmp_path}/push'


@pytest.fixture
def relay(tmp_path, closing):
    """A relay, not started yet."""
    return closing(Relay(tmp_path))


@pytest.fixture
def open_sink(closing):
    """Return a function that opens a sink."""
    return lambda *args, **kwargs: closing(Sink(*args, **kwargs))


@pytest.fixture
def emit(push, closing):
    """Return a function that starts an emitter."""
    return lambda *arguments, **environment: closing(Emitter(push, *arguments, **environment))


@pytest.fixture
def start_worker(tmp_path, closing):
    """Return a function that starts a worker in this test's folder."""
    return lambda *args, **kwargs: closing(Worker(tmp_path, *args, **kwargs))


@pytest.fixture
def make_app(monkeypatch, push, closing):
    """Return a function that makes an app whose events go to `push`."""
    def make(broker='memory://', **environment):
        for name, value in dict(environment, XYLEM_PUSH=push).items():
            monkeypatch.setenv(name, value)
        app = Celery('test', events=Events, broker=broker, set_as_current=False)
        app.conf.task_send_sent_event = True
        closing(_OutboxOf(app))
        return app

    return make


@pytest.fixture
def app(make_app):
    return make_app()


@pytest.fixture
def sink(app, open_sink, push):
    """A sink to which the app's outbox is connected, so that nothing waits."""
    sink = open_sink(push)
    app.events.outbox.put(b'probe', b'{}')
    assert sink.messages(1) and until(lambda: app.events.outbox.stats['sent'])
    return sink


class _OutboxOf:
    """Closes an app's outbox, if it came to have one, without giving events a chance to leave."""

    def __init__(self, app):
        self._app = app

    def close(self):
        if '_outbox' in vars(self._app.events):
            self._app.events.outbox.close(0)
