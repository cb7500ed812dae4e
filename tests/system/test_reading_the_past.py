"""Whoever reads the past, and however often, is nobody else's trouble."""
import time

import pytest

from plain_clients import Push
from stream_client import StreamClient
from test_memory_bounds import MIB, push_mib
from waiting import until


@pytest.fixture
def relay(start_relay, folder):
    """Nothing of the past is in its memory, and 40 MiB of it are in the spool."""
    return start_relay({"stream.retention_bytes": "0", "spool.directory": folder / "spool"})


@pytest.fixture
def push(context, relay):
    made = Push(context, relay.push)
    events = push_mib(made, relay, 40)
    until(lambda: relay.metric("xylem_spool_written_sequence") == events, "all is written")
    return made


def test_hellos_again_and_again_hold_up_nobody(relay, push, context):
    honest = StreamClient(context, relay.stream)
    honest.open("task.late", name="honest")
    hostile = [StreamClient(context, relay.stream) for _ in range(4)]
    longest = 0.0
    end = time.monotonic() + 4
    while time.monotonic() < end:
        for client in hostile:
            for _ in range(10):
                client.hello(sinceUs=1)
        began = time.monotonic()
        push.event("task-late")
        assert honest.receive()[0] == "Batch"
        longest = max(longest, time.monotonic() - began)
        assert relay.get("/healthz")[0] == 200
    assert longest < 2, "a busy machine's hiccups, and not the time that the log takes"
    assert relay.metric("xylem_history_seeks_total") < 600


def test_the_past_of_who_reads_nothing_waits_in_the_spool(relay, push, context):
    before = relay.resident_bytes()
    idle = [StreamClient(context, relay.stream) for _ in range(12)]
    for number, client in enumerate(idle):
        client.open(name=f"idle-{number}", credit=0, sinceUs=1)
    assert relay.metric("xylem_history_bytes") <= 17 * MIB
    until(lambda: relay.metric("xylem_history_bytes") == 0, "what nobody takes is given back")
    assert relay.resident_bytes() - before < 32 * MIB
    assert relay.metric("xylem_stream_subscribers_behind") == 12


def test_who_reads_comes_to_the_present_beside_those_who_do_not(relay, push, context):
    idle = [StreamClient(context, relay.stream) for _ in range(40)]
    for client in idle:
        client.open(credit=100_000, sinceUs=1)
    reader = StreamClient(context, relay.stream)
    welcome = reader.open("task.late", credit=MIB, sinceAgeMs=3_600_000)
    assert welcome.nextSequence == 1
    push.event("task-late")
    assert [event[1] for event in reader.events(1)] in ([b"task.late"], ["task.late"])
