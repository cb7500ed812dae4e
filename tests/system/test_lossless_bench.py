"""Loss 0 and order kept under load, with `xylem bench`; ten million events with XYLEM_FULL=1."""
import json
import os
import pathlib
import subprocess

import pytest

from relay_process import XYLEM, clean_environment, xylem
from waiting import seconds_of, until

FULL = os.environ.get("XYLEM_FULL") == "1"
EVENTS = 10_000_000 if FULL else 300_000
ONE = ["#"]
FOUR = ["#", "task.*", "task.failed", "worker.#"]


def bench(*arguments, events=EVENTS):
    done = xylem("bench", "--events", events, "--json", *arguments, timeout=1800 if FULL else 60)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def patterns(names):
    return [argument for name in names for argument in ("--pattern", name)]


@pytest.mark.parametrize("lane", ["single", "list", "batch"])
@pytest.mark.parametrize("names", [ONE, FOUR], ids=["1-subscriber", "4-subscribers"])
def test_nothing_is_lost_and_order_is_kept_on_block(lane, names):
    result = bench("--lane", lane, "--overflow", "block", *patterns(names))
    assert result["lossless"] is True and result["events"] == EVENTS
    assert [subscriber["pattern"] for subscriber in result["subscribers"]] == names
    for subscriber in result["subscribers"]:
        assert subscriber["expected"] == subscriber["received"] > 0
        assert (subscriber["lost"], subscriber["gapped"], subscriber["duplicates_or_disorder"]) == (
            0, 0, 0)
    assert result["subscribers"][0]["expected"] == EVENTS


def test_nothing_is_lost_with_three_producers_in_lists():
    result = bench("--lane", "list", "--producers", "3", *patterns(FOUR))
    assert result["lossless"] is True


@pytest.mark.parametrize("lane", ["single", "list", "batch"])
def test_plain_subscribers_lose_nothing_when_publish_blocks(lane):
    result = bench("--lane", lane, "--sink", "publish", *patterns(ONE), events=EVENTS // 3)
    assert result["lossless"] is True


def test_a_run_that_loses_events_says_so_and_exits_1():
    done = xylem("bench", "--events", 200_000, "--json", "--lane", "list", "--overflow",
                 "drop_newest", "--size", 4000, "--patience", 2,
                 "--set", "stream.tap_bytes_max=64KiB", timeout=60)
    result = json.loads(done.stdout)
    [subscriber] = result["subscribers"]
    assert subscriber["gapped"] > 0, "the tap was small enough to overflow"
    assert subscriber["gapped"] + subscriber["received"] == subscriber["expected"]
    assert subscriber["lost"] == subscriber["duplicates_or_disorder"] == 0
    assert done.returncode == 1 and result["lossless"] is False


def test_a_run_whose_subscriber_is_refused_ends_with_the_reason(relay):
    took, done = seconds_of(lambda: xylem("bench", "--push", relay.push, "--receive", relay.stream,
                                          "--overflow", "spill", "--pattern", "#", timeout=30))
    assert done.returncode == 1 and took < 10
    assert "the policy spill takes a spool" in done.stderr
    assert "a subscriber ended before" in done.stderr


def children_of(pid):
    """Its process ids, and theirs."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [child, *children_of(child)]
    return found


def test_a_run_that_is_killed_leaves_nobody_behind():
    bench_process = subprocess.Popen([XYLEM, "bench", "--events", "1000000", "--rate", "1000"],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                     env=clean_environment())
    try:
        children = until(lambda: len(found := children_of(bench_process.pid)) >= 3 and found,
                         "a relay, a subscriber and a producer run")
    finally:
        bench_process.kill()
        bench_process.wait()
    until(lambda: not any(is_running(child) for child in children), "they have ended")


def is_running(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
