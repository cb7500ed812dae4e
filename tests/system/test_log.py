"""The log: nobody waits for whoever reads it, and strangers cannot fill it."""
import collections
import fcntl
import os
import pty
import re
import signal
import socket
import subprocess
import termios
import threading

import pytest

import hostile_peers
from plain_clients import Push, Subscriber
from relay_process import XYLEM, clean_environment
from waiting import seconds_of, until

STORM = 20_000


def fill(descriptor):
    """Writes until nothing more goes in, as with a reader who has stopped."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    try:
        while True:
            os.write(descriptor, b"." * 4096)
    except BlockingIOError:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)


@pytest.fixture(params=["a full pipe", "a stopped terminal"])
def stuck(request):
    """A descriptor that takes nothing, whose other end is open."""
    theirs, ours = os.pipe() if request.param == "a full pipe" else pty.openpty()
    if request.param == "a full pipe":
        fill(ours)
    else:
        termios.tcflow(ours, termios.TCOOFF)
    yield ours
    os.close(theirs)
    os.close(ours)


def test_a_relay_whose_stderr_nobody_reads_works_and_ends(start_relay, context, stuck):
    relay = start_relay(stderr=stuck)
    subscriber = Subscriber(context, relay)
    push = Push(context, relay.push)
    for number in range(500):
        push.event("task-sent", n=number)
        push.frames(b"a", b"{}")
    assert len(subscriber.receive(500)) == 500
    assert relay.get("/healthz")[0] == relay.get("/readyz")[0] == 200
    relay.check_ledger()
    relay.signal(signal.SIGTERM)
    seconds, _ = seconds_of(lambda: relay.wait(0))
    assert seconds < 5


def test_a_relay_whose_stdout_nobody_reads_works_and_ends(stuck, folder):
    nowhere = [f"--set={name}.listen=off" for name in ("acked", "publish", "stream", "http")]
    with open(folder / "err", "w") as err:
        relay = subprocess.Popen(
            [XYLEM, "serve", *nowhere, f"--set=push.listen=ipc://{folder}/push"],
            stdout=stuck, stderr=err, env=clean_environment())
    try:
        until(lambda: " info ready" in (folder / "err").read_text(), "it is ready")
        relay.send_signal(signal.SIGTERM)
        assert relay.wait(5) == 0
        assert "stopped; nothing left behind" in (folder / "err").read_text()
    finally:
        relay.kill()
        relay.wait()


@pytest.mark.parametrize("place, code", [("ipc:///no/such/folder", 78), ("tcp://127.0.0.1:{}", 1)])
def test_a_relay_that_cannot_start_says_so_also_to_nobody(stuck, place, code):
    taken = socket.create_server(("127.0.0.1", 0))
    place = place.format(taken.getsockname()[1])
    relay = subprocess.Popen([XYLEM, "serve", f"--set=push.listen={place}"],
                             stdout=subprocess.DEVNULL, stderr=stuck, env=clean_environment())
    try:
        assert relay.wait(5) == code
    finally:
        relay.kill()
        relay.wait()
        taken.close()


def test_the_lines_of_a_whole_life_come_in_order(start_relay):
    relay = start_relay()
    relay.stop()
    said = [re.sub(r"^\S+ \w+ ", "", line) for line in relay.log().splitlines()]
    assert [line.split()[0] for line in said] == [
        "xylem", "push", "acked", "publish", "stream", "http", "ready", "stopping;", "stopped;"]


def test_a_storm_of_hellos_makes_few_lines(relay):
    """Each under another name, on both endpoints that greet."""
    hostile_peers.hello_under_many_names(relay, threading.Event(), collections.Counter(),
                                         each=STORM // 2, every_s=0)
    until(lambda: relay.metric("xylem_log_suppressed_lines_total")
          + relay.metric("xylem_log_lines_total") >= STORM, "all Hellos are read", 60)
    few(relay)


def test_a_storm_from_three_hundred_addresses_makes_few_lines(relay):
    """As one machine on a network of its own has them, each with its own faults."""
    hostile_peers.refused_from_many_addresses(relay, threading.Event(), collections.Counter(),
                                              each=20, every_s=0)
    relay.await_messages(300 * 20)
    few(relay)
    assert relay.log_lines("push refused", "missing_type", "127.0.")


def few(relay):
    """20 at once and 2 a second of each of the logs that were stormed."""
    uptime = relay.metric("xylem_uptime_seconds")
    assert len(relay.log_lines()) < 2 * (20 + 2 * uptime) + 20, relay.log()
