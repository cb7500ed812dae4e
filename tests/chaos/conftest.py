"""Fixtures of the fault rig, on top of those of tests/system."""
import importlib.util
import pathlib
import sys

import pytest

SYSTEM = pathlib.Path(__file__).resolve().parents[1] / "system"
sys.path.insert(0, str(SYSTEM))

# pytest knows both files as `conftest`, so this one is loaded under a name of its own.
_spec = importlib.util.spec_from_file_location("system_fixtures", SYSTEM / "conftest.py")
_system = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_system)
pytest_runtest_makereport = _system.pytest_runtest_makereport
folder, context = _system.folder, _system.context
generated_schema, start_relay = _system.generated_schema, _system.start_relay

from fault_proxy import FaultProxy  # noqa: E402  needs tests/system on the path
from write_faults import WriteFaults, library  # noqa: E402


@pytest.fixture
def start_proxy():
    """start_proxy(relay.acked) is a FaultProxy that is ended with its test."""
    proxies = []

    def start(target, **options):
        proxies.append(FaultProxy(target, **options).start())
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.stop()


@pytest.fixture(scope="session")
def fault_library(tmp_path_factory):
    """The built library: XYLEM_WRITE_FAULTS, or made from its source."""
    return library(tmp_path_factory.mktemp("write_faults"))


@pytest.fixture
def write_faults(fault_library, folder):
    """write_faults(directory) is a schedule of failing writes below that directory."""
    made = []

    def make(directory):
        made.append(WriteFaults(fault_library, directory, folder / f"faults{len(made)}"))
        return made[-1]

    return make
