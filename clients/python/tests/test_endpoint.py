"""Where the relay is: names are looked up off the sending path, and what is wrong is named."""

import contextlib
import os
import re
import socket
import tempfile
import threading
import time

import pytest
from until import until

from xylem.endpoint import LOOK_UP_SECONDS, Endpoint
from xylem.outbox import Outbox

NOBODY = 65534


@pytest.fixture
def resolve(monkeypatch):
    """Return a function that lets names stand for addresses, or raise."""
    def set_answer(*answers):
        def find(host, port, family=0, type=0, proto=0, flags=0):
            if flags & socket.AI_NUMERICHOST:
                return real(host, port, family, type, proto, flags)
            answer = answers[min(len(asked), len(answers) - 1)]
            asked.append(host)
            if isinstance(answer, Exception):
                raise answer
            return [(socket.AF_INET6 if ':' in address else socket.AF_INET, type, 6, '',
                     (address, port)) for address in answer]

        asked, real = [], socket.getaddrinfo
        monkeypatch.setattr(socket, 'getaddrinfo', find)
        return asked

    return set_answer


@contextlib.contextmanager
def another_user():
    """Be a user without permissions, as a worker is beside a relay that root started."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_address_in_numbers_and_a_path_need_no_look_up(resolve):
    asked = resolve(AssertionError())
    for url in ('tcp://127.0.0.1:7600', 'tcp://[::1]:7600', 'ipc:///run/x/push'):
        endpoint = Endpoint(url)
        endpoint.look_up()
        assert endpoint.first_address() == endpoint.next_address() == url
    assert asked == []


def test_the_addresses_of_a_name_are_tried_in_turn_and_then_looked_up_again(resolve):
    resolve(['::1', '10.0.0.1'], ['10.0.0.2'])
    now = [0.0]
    endpoint = Endpoint('tcp://relay:7600', lambda: now[0])
    assert endpoint.first_address() is None
    endpoint.look_up()
    assert endpoint.first_address() == 'tcp://10.0.0.1:7600'
    assert endpoint.next_address() == 'tcp://[::1]:7600'
    assert endpoint.first_address() == 'tcp://10.0.0.1:7600'
    assert [endpoint.next_address(), endpoint.next_address()] == ['tcp://[::1]:7600', None]
    endpoint.look_up()
    assert endpoint.next_address() is None, 'looked up again at once'
    now[0] += LOOK_UP_SECONDS
    endpoint.look_up()
    assert endpoint.next_address() == 'tcp://10.0.0.2:7600'


def test_a_name_with_only_an_ipv6_address_is_reached(resolve, open_sink, closing):
    with contextlib.closing(socket.create_server(('::1', 0), family=socket.AF_INET6)) as server:
        port = server.getsockname()[1]
    resolve(['::1'])
    sink = open_sink(f'tcp://[::1]:{port}', ipv6=True)
    outbox = closing(Outbox(f'tcp://relay:{port}', 1 << 20), 0)
    outbox.put(b'key', b'1')
    assert sink.bodies(1) == [1]


def test_localhost_is_found(open_sink, closing):
    with contextlib.closing(socket.create_server(('127.0.0.1', 0))) as server:
        port = server.getsockname()[1]
    sink = open_sink(f'tcp://127.0.0.1:{port}')
    outbox = closing(Outbox(f'tcp://localhost:{port}', 1 << 20), 0)
    outbox.put(b'key', b'1')
    assert sink.bodies(1) == [1]


def test_a_resolver_that_does_not_answer_holds_up_neither_an_event_nor_the_end(
        monkeypatch, closing, caplog):
    answer = threading.Event()
    monkeypatch.setattr(socket, 'getaddrinfo', lambda *a, **k: answer.wait(60) and [])
    outbox = closing(Outbox('tcp://relay:7600', 1 << 20), 0)
    began = time.monotonic()
    outbox.put(b'key', b'1')
    assert time.monotonic() - began < 1
    outbox.close(0.2)
    assert time.monotonic() - began < 5
    answer.set()
    assert 'not looked up yet' in caplog.text and '1 events lost' in caplog.text


def test_a_name_that_does_not_exist_is_said_at_once_and_once(resolve, closing, caplog):
    asked = resolve(socket.gaierror(socket.EAI_NONAME, 'Name or service not known'))
    outbox = closing(Outbox('tcp://relay:7600', 1 << 20, clock=lambda: 1000.0), 0)
    outbox.put(b'key', b'1')
    until(lambda: 'takes no events' in caplog.text)
    outbox.put(b'key', b'2')
    outbox.flush()
    assert re.findall(r'\((.*?)\)', caplog.text)[0] == 'relay: Name or service not known'
    assert caplog.text.count('takes no events') == 1 and asked == ['relay']


@pytest.mark.parametrize('where', ['socket', 'folder'])
def test_a_socket_that_the_workers_user_may_not_write_is_said_at_once(
        where, open_sink, closing, caplog):
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to other users
        path = os.path.join(folder, 'push')
        open_sink(f'ipc://{path}')
        os.chmod(folder, 0o755 if where == 'socket' else 0o600)
        if where == 'socket':
            os.chmod(path, 0o444)
        with another_user():
            outbox = closing(Outbox(f'ipc://{path}', 1 << 20, clock=lambda: 1000.0), 0)
            outbox.put(b'key', b'1')
            until(lambda: 'takes no events' in caplog.text)
            assert f'(user {os.geteuid()} has no permission to write to it)' in caplog.text
        os.chmod(folder, 0o755)


def test_each_cause_is_named(tmp_path):
    with contextlib.closing(socket.create_server(('127.0.0.1', 0))) as server:
        port = server.getsockname()[1]
        endpoint = Endpoint(f'tcp://127.0.0.1:{port}')
        assert 'does not answer as a relay' in endpoint.trouble(1)
    assert endpoint.trouble(1) == 'Connection refused'
    (tmp_path / 'file').touch()
    for name, cause in (('nothing', 'No such file or directory'), ('file', 'Connection refused')):
        assert Endpoint(f'ipc://{tmp_path}/{name}').trouble(1) == cause
