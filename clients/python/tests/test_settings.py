"""Settings from the environment: what works, and a clear refusal of what cannot."""

import pathlib

import pytest
from celery import Celery
from celery.exceptions import ImproperlyConfigured

from xylem.celery import Events
from xylem.settings import Settings


def test_without_variables_events_go_to_the_local_relay_and_nothing_to_the_broker():
    assert Settings.from_environment({}) == Settings('tcp://127.0.0.1:7600', 8388608, frozenset())


@pytest.mark.parametrize('url', [
    'tcp://127.0.0.1:7600', 'tcp://relay.example.org:1', 'tcp://[::1]:65535', 'ipc:///run/x/push',
    'ipc://relative', ' tcp://localhost:7600 ',
])
def test_addresses_of_relays_are_taken(url):
    assert Settings.from_environment({'XYLEM_PUSH': url}).push == url.strip()


ADDRESSES = [line.split(' ', 1) for line in (
    pathlib.Path(__file__).parents[3] / 'tests/fixtures/addresses.txt').read_text(
        'utf-8').splitlines() if not line.startswith('#')]


@pytest.mark.parametrize('verdict, url', ADDRESSES)
def test_the_plug_in_takes_the_addresses_that_the_relays_programs_take(verdict, url):
    if verdict == 'fine':
        assert Settings.from_environment({'XYLEM_PUSH': url}).push == url
    else:
        with pytest.raises(ImproperlyConfigured, match='XYLEM_PUSH'):
            Settings.from_environment({'XYLEM_PUSH': url})


@pytest.mark.parametrize('group, said', [
    ('Worker', "did you mean 'worker'?"), ('tasks', "did you mean 'task'?"),
    ('nosuch', 'only events that the application itself sends')])
def test_a_group_that_celery_has_not_is_told_once(caplog, group, said):
    for _ in range(2):
        Settings.from_environment({'XYLEM_MIRROR': group})
    assert [said in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.parametrize('variable, value', [
    ('XYLEM_PUSH', 'http://127.0.0.1:7600'), ('XYLEM_PUSH', 'tcp://127.0.0.1'),
    ('XYLEM_PUSH', 'tcp://:7600'), ('XYLEM_PUSH', 'tcp://*:7600'), ('XYLEM_PUSH', 'tcp://a:0'),
    ('XYLEM_PUSH', 'tcp://a:65536'), ('XYLEM_PUSH', 'tcp://a:7600/x'), ('XYLEM_PUSH', 'ipc://'),
    ('XYLEM_PUSH', 'ipc://' + 'x' * 108), ('XYLEM_PUSH', '127.0.0.1:7600'),
    ('XYLEM_BUFFER_BYTES', '8 MiB'), ('XYLEM_BUFFER_BYTES', '1'), ('XYLEM_BUFFER_BYTES', '0'),
    ('XYLEM_BUFFER_BYTES', '-1'),
    ('XYLEM_MIRROR', 'task-sent'), ('XYLEM_MIRROR', 'worker,task.*'),
])
def test_a_value_that_cannot_work_is_refused_by_name_when_a_dispatcher_is_made(
        monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    app = Celery('test', events=Events, broker='memory://', set_as_current=False)
    with pytest.raises(ImproperlyConfigured, match=variable):
        app.events.Dispatcher(enabled=False)
    with pytest.raises(ImproperlyConfigured, match=variable):
        with app.events.default_dispatcher():
            pass


def test_groups_to_mirror_are_separated_by_commas():
    assert Settings.from_environment({'XYLEM_MIRROR': 'worker, custom,'}).mirror == {
        'worker', 'custom'}


def test_the_dispatcher_says_that_it_needs_its_events_class():
    app = Celery('test', broker='memory://', set_as_current=False)
    app.events.dispatcher_cls = 'xylem.dispatcher:Dispatcher'
    with pytest.raises(ImproperlyConfigured, match='xylem.celery.Events'):
        app.events.Dispatcher(enabled=False)
