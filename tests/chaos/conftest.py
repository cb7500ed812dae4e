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
relay, subscribe, start_dump = _system.relay, _system.subscribe, _system.start_dump

from acked_source import AckedSource  # noqa: E402  needs tests/system on the path
from lives import Lives  # noqa: E402
from oracle import Oracle  # noqa: E402
from proxies import start_proxy  # noqa: E402, F401
from resuming_stream import ResumingStream  # noqa: E402
from write_faults import WriteFaults, library  # noqa: E402


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


@pytest.fixture
def start_lives(start_relay, start_proxy):
    """start_lives(settings) is a relay that has begun its first life."""
    return lambda settings=None, env=None: Lives(start_relay, start_proxy, settings, env).start()


@pytest.fixture
def oracle():
    return Oracle(seed=11)


@pytest.fixture
def start_source(context, oracle):
    """start_source(endpoint, "p1") is an acked source that is ended with its test."""
    made = []

    def start(endpoint, name, **options):
        made.append(AckedSource(context, endpoint, oracle, name, **options).start())
        return made[-1]

    yield start
    for each in made:
        each.stop()


@pytest.fixture
def start_stream(context, oracle):
    """start_stream(endpoint, "all") is a subscriber that comes back, and is welcome by now."""
    made = []

    def start(endpoint, consumer, is_owed=True, **options):
        if is_owed:
            oracle.consumer(consumer, options.pop("types", None))
        made.append(ResumingStream(context, endpoint, oracle, consumer, **options))
        return made[-1].start()

    yield start
    for each in made:
        each.stop()
