"""xylem record as the source of a log shipper: files that are rotated under it."""
import json
import os
import signal
import subprocess

import pytest

from relay_process import XYLEM, clean_environment
from waiting import until


@pytest.fixture
def start_record(relay, folder):
    """start_record(*options) follows the relay into events.jsonl."""
    started = []

    def start(*options):
        path = folder / "events.jsonl"
        name = f"shipper-{len(started)}"
        started.append(subprocess.Popen(
            [XYLEM, "record", path, "--connect", relay.stream, "--name", name, *options],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=clean_environment()))
        relay.await_subscriber(name)
        return started[-1], path

    yield start
    for process in started:
        process.kill()
        process.wait()


def numbers(path):
    text = path.read_bytes() if path.exists() else b""
    assert b"\0" not in text
    return [json.loads(line)["event"]["n"] for line in text.splitlines()]


def send(push, path, first, count):
    for n in range(first, first + count):
        push.event("task-sent", n=n)
    until(lambda: numbers(path)[-count:] == list(range(first, first + count)),
          lambda: f"{first} to {first + count - 1} are in {path}: {numbers(path)}")


def test_append_goes_on_behind_what_is_there(relay, push, start_record):
    recorder, path = start_record("--append")
    send(push, path, 0, 3)
    recorder.send_signal(signal.SIGTERM)
    assert recorder.wait(timeout=10) == 0
    recorder, path = start_record("--append")
    send(push, path, 3, 3)
    assert numbers(path) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("options", [[], ["--append"], ["--force"]], ids=["new", "append", "force"])
def test_copytruncate_leaves_no_zeros(relay, push, start_record, options):
    recorder, path = start_record(*options)
    send(push, path, 0, 3)
    os.truncate(path, 0)
    send(push, path, 3, 3)
    assert numbers(path) == [3, 4, 5]
    assert recorder.poll() is None


def test_sighup_goes_on_in_a_new_file_and_loses_nothing(relay, push, start_record):
    recorder, path = start_record("--append")
    send(push, path, 0, 3)
    rotated = path.with_suffix(".1")
    path.rename(rotated)
    send(push, rotated, 3, 1)
    recorder.send_signal(signal.SIGHUP)
    until(path.exists, "the file is there again")
    send(push, path, 4, 3)
    assert (numbers(rotated), numbers(path)) == ([0, 1, 2, 3], [4, 5, 6])
    recorder.send_signal(signal.SIGTERM)
    assert recorder.wait(timeout=10) == 0
    assert "recorded 7 events" in recorder.stderr.read()


def test_a_file_that_cannot_be_opened_again_ends_it_with_the_reason(
        relay, push, start_record, folder):
    recorder, path = start_record("--append")
    send(push, path, 0, 1)
    path.rename(folder / "moved")
    path.mkdir()
    recorder.send_signal(signal.SIGHUP)
    assert recorder.wait(timeout=10) == 1
    assert "Is a directory" in recorder.stderr.read()
