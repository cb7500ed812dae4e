"""Fixtures of the AMQP bridge: real RabbitMQs, and relays between them and real Celery."""
import importlib.util
import itertools
import os
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
SYSTEM = TESTS / "system"
sys.path[:0] = [str(SYSTEM), str(TESTS.parent)]

# pytest knows both files as `conftest`, so this one is loaded under a name of its own.
_spec = importlib.util.spec_from_file_location("system_fixtures", SYSTEM / "conftest.py")
_system = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_system)
pytest_runtest_makereport = _system.pytest_runtest_makereport
folder, start_relay = _system.folder, _system.start_relay
context, start_dump = _system.context, _system.start_dump
generated_schema = _system.generated_schema

from amqp_client import Client  # noqa: E402  needs tests/system on the path
from bench.celery.rabbitmq import RabbitMQ  # noqa: E402
from celery_programs import Programs  # noqa: E402
from certificates import make_certificates  # noqa: E402
from waiting import until  # noqa: E402

_names = itertools.count()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def broker(certificates):
    """One for all tests that leave it as it was."""
    with RabbitMQ(certificates) as made:
        yield made


class Breakable:
    """A broker for tests that break it and mend it again, one after the other. Behind one that
    failed comes another."""

    def __init__(self):
        self._broker = None

    def whole(self):
        if self._broker is None:
            self._broker = RabbitMQ().__enter__()
        return self._broker

    def close(self):
        if self._broker is not None:
            self._broker.close()
            self._broker = None


@pytest.fixture(scope="module")
def breakable():
    made = Breakable()
    yield made
    made.close()


@pytest.fixture
def own_broker(request, breakable):
    """For a test that breaks it, and has mended it if it passes."""
    yield breakable.whole()
    if getattr(request.node, "has_failed", False):
        breakable.close()


@pytest.fixture
def start_programs(request, folder):
    """start_programs(broker) is a Programs, which no program outlives."""
    made = []

    def start(broker):
        made.append(Programs(folder, broker.amqp_url))
        return made[-1]

    yield start
    if getattr(request.node, "has_failed", False):
        for path in sorted(folder.glob("*.log")):
            print(f"{path.name}:\n{path.read_text(errors='replace')[-1500:]}")
    for programs in made:
        programs.kill()


@pytest.fixture
def exchange():
    """A name that no other test has used."""
    return f"events{os.getpid()}.{next(_names)}"


@pytest.fixture
def start_client(broker):
    clients = []

    def start(url=None):
        clients.append(Client(url or broker.amqp_url))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def client(start_client):
    return start_client()


@pytest.fixture
def start_bridge(start_relay, broker, folder):
    """start_bridge({"amqp_source.exchange": name}) is a relay with a spool that has connected."""
    number = itertools.count()

    def start(settings, url=None, ready=True, **options):
        env = {"XYLEM_AMQP_URL": url or broker.amqp_url, **options.pop("env", {})}
        spool = {"spool.directory": folder / f"spool{next(number)}"}
        relay = start_relay({**spool, **settings}, env=env, **options)
        if ready:
            await_ready(relay)
        return relay

    return start


def await_ready(relay, seconds=15):
    until(lambda: relay.get("/readyz")[0] == 200,
          lambda: f"it is ready: {relay.get('/readyz')[1]}\n{relay.log()}", seconds)
