"""Fixtures: relays, dumps and ZeroMQ contexts, none of which outlives its test."""
import itertools
import pathlib
import shutil
import tempfile

import pytest
import zmq

import wire_frames
from dump_process import Dump
from plain_clients import Push, Subscriber
from relay_process import ENGINE, XYLEM, Relay
from stream_client import StreamClient


def pytest_report_header():
    return f"xylem: {XYLEM}, sockets: {ENGINE}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.failed:
        item.has_failed = True


@pytest.fixture(scope="session", autouse=True)
def generated_schema(tmp_path_factory):
    wire_frames.generate(tmp_path_factory.mktemp("wire"))


@pytest.fixture
def folder():
    """Short enough for the path of an ipc socket."""
    made = tempfile.mkdtemp(prefix="xylem-")
    yield pathlib.Path(made)
    shutil.rmtree(made)


@pytest.fixture
def start_relay(request, folder):
    """Starts relays; each is ended with its exit code, its log and its ledger checked."""
    relays, places = [], itertools.count()

    def start(settings=None, **options):
        place = folder / str(next(places))
        place.mkdir()
        relays.append(Relay(place, settings, **options))
        return relays[-1]

    yield start
    try:
        for relay in relays:
            if getattr(request.node, "has_failed", False):
                print(f"the relay said:\n{relay.log()}")
            else:
                relay.stop()
    finally:
        for relay in relays:
            relay.kill()


@pytest.fixture
def relay(start_relay):
    return start_relay()


@pytest.fixture
def context():
    made = zmq.Context()
    yield made
    made.destroy(linger=0)


@pytest.fixture
def push(context, relay):
    return Push(context, relay.push)


@pytest.fixture
def subscribe(context, relay):
    """subscribe("task.", "worker.") is a SUB that the relay knows of already."""
    return lambda *prefixes: Subscriber(context, relay, *prefixes)


@pytest.fixture
def stream(context, relay):
    """stream() is a DEALER to the relay's stream endpoint that has said nothing yet."""
    return lambda: StreamClient(context, relay.stream)


@pytest.fixture
def start_dump(folder):
    dumps = []

    def start(relay, name, *arguments, **options):
        endpoint = relay if isinstance(relay, str) else relay.stream
        dumps.append(Dump(folder, endpoint, name, *arguments, **options))
        if not isinstance(relay, str):
            relay.await_subscriber(name)
        return dumps[-1]

    yield start
    for dump in dumps:
        dump.kill()
