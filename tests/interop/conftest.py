"""Fixtures of tests/system and of the fault rig; every test here has a relay of either engine."""
import importlib.util
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "system"), str(TESTS / "chaos")]

# pytest knows both files as `conftest`, so that one is loaded under a name of its own.
_spec = importlib.util.spec_from_file_location("system_fixtures", TESTS / "system/conftest.py")
_system = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_system)
pytest_runtest_makereport = _system.pytest_runtest_makereport
folder, context = _system.folder, _system.context
generated_schema, start_relay = _system.generated_schema, _system.start_relay
push, subscribe, stream = _system.push, _system.subscribe, _system.stream

from proxies import start_proxy  # noqa: E402, F401  needs tests/chaos on the path


@pytest.fixture(params=["native", "libzmq"])
def engine(request):
    return request.param


@pytest.fixture
def start_engine(start_relay, engine):
    """start_relay() of the engine at hand."""
    return lambda settings=None, **options: start_relay(
        {"transport.engine": engine, **(settings or {})}, **options)


@pytest.fixture
def relay(start_engine):
    return start_engine()


@pytest.fixture
def native(start_relay):
    """start_relay() with native sockets, for what libzmq does not bound."""
    return lambda settings=None: start_relay({"transport.engine": "native", **(settings or {})})
