"""peer_bench, which measures Xylem's peers, against the one that needs no package: zmq_proxy."""
import json
import pathlib
import signal
import subprocess

import pytest

from relay_process import XYLEM, clean_environment

BINARIES = pathlib.Path(XYLEM).parent
FOUR = ["#", "task.*", "task.failed", "worker.#"]

pytestmark = pytest.mark.skipif(not (BINARIES / "peer_bench").exists(),
                                reason="built without benchmarks")


@pytest.fixture
def start_proxy():
    started = []

    def start(*options):
        process = subprocess.Popen([BINARIES / "zmq_proxy", *options], stdout=subprocess.PIPE,
                                   text=True)
        started.append(process)
        ready = json.loads(process.stdout.readline())
        return process.pid, ready["push"][0], ready["publish"][0]

    yield start
    for process in started:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()


def measure(proxy, *options, events=50_000):
    pid, push, receive = proxy
    done = subprocess.run(
        [BINARIES / "peer_bench", "--json", "--push", push, "--receive", receive, "--pid", str(pid),
         "--events", str(events), *options],
        capture_output=True, text=True, timeout=60, env=clean_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("options", [
    ["--carrier", "raw_zmq"],
    ["--carrier", "raw_zmq", "--frames", "1"],
    ["--carrier", "raw_zmq", "--lane", "list"],
    ["--carrier", "zmq_blocks"],
    ["--carrier", "zmq_blocks", "--lane", "list"],
    ["--carrier", "raw_zmq", "--window", "500"],
], ids=" ".join)
def test_a_proxy_that_holds_producers_back_loses_nothing(start_proxy, options):
    result = measure(start_proxy(), *options)
    assert result["lossless"] is True and result["events"] == 50_000
    [subscriber] = result["subscribers"]
    assert subscriber["received"] == subscriber["expected"] == 50_000
    assert result["relay_cpu_s_per_million"] > 0 and result["relay_peak_bytes"] > 1_000_000


def test_a_paced_run_flushes_blocks_at_once(start_proxy):
    result = measure(start_proxy(), "--carrier", "zmq_blocks", "--rate", "2000", events=1_000)
    assert result["lossless"] is True
    # Kept back, a block of 64 KiB would take 80 ms to fill.
    assert result["subscribers"][0]["latency_us"]["p50"] < 20_000
    shares = [share for share, _ in result["subscribers"][0]["latency_curve"]]
    assert shares == sorted(shares) and len(shares) == 40


def test_each_of_four_subscribers_gets_its_own(start_proxy):
    patterns = [word for name in FOUR for word in ("--pattern", name)]
    result = measure(start_proxy(), "--producers", "2", *patterns)
    assert result["lossless"] is True
    received = [subscriber["received"] for subscriber in result["subscribers"]]
    assert received[0] == 50_000 and received[1] + received[3] == 50_000
    assert 0 < received[2] < received[1]


def test_who_is_held_up_loses_and_the_others_do_not(start_proxy):
    patterns = ["--pattern", "#", "--pattern", "#", "--stalled", "1"]
    result = measure(start_proxy("--drop"), "--window", "4000", "--patience", "1", *patterns)
    fast, stalled = result["subscribers"]
    assert fast["received"] == fast["expected"] and result["lossless"] is True
    assert stalled["stalled"] is True and stalled["lost"] > 0


def test_a_broker_that_is_not_there_is_said_to_be_missing(start_proxy):
    process = subprocess.run(
        [BINARIES / "peer_bench", "--carrier", "redis", "--push", "tcp://127.0.0.1:1", "--receive",
         "tcp://127.0.0.1:1"], capture_output=True, text=True, timeout=60,
        env=clean_environment())
    assert process.returncode == 1
    # Whichever is noticed first: that the subscriber ended, or that nothing came.
    assert any(said in process.stderr for said in ("before there was anything", "received nothing"))
