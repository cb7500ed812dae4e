"""Z1: more clients than a relay has descriptors for, idle ones and ones that flood."""
import os
import resource
import socket

import pytest

from fault_proxy import family_and_place
from plain_clients import Push, Subscriber
from raw_peer import RawPeer
from waiting import seconds_of, until

DESCRIPTORS = 128
KEPT = 16  # an eighth, for probes and the spool
CLIENTS = 200
CPU_SHARE_MAX = 0.2  # of a core, while it has none left and nobody sends


@pytest.fixture
def tight(start_relay):
    """A relay that has few descriptors, and ipc on each kind of door."""
    relay = start_relay()
    resource.prlimit(relay.process.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    return relay


def descriptors(relay):
    return len(os.listdir(f"/proc/{relay.process.pid}/fd"))


def cpu_seconds(relay):
    with open(f"/proc/{relay.process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def connected(endpoint, count):
    """Sockets that connect and say nothing."""
    family, place = family_and_place(endpoint)
    made = []
    for _ in range(count):
        made.append(socket.socket(family, socket.SOCK_STREAM))
        made[-1].settimeout(5)
        made[-1].connect(place)
    return made


@pytest.mark.parametrize("door", ["push", "push_ipc"])
def test_Z1_two_hundred_clients_and_few_descriptors(tight, context, door):
    subscriber = Subscriber(context, tight, "still")
    friend = Push(context, tight.push)
    friend.event("still-before")
    assert subscriber.receive(1)[0][0] == b"still.before"
    floods = [RawPeer(getattr(tight, door), kind=b"PUSH") for _ in range(20)]
    idle = connected(getattr(tight, door), CLIENTS - len(floods))
    until(lambda: descriptors(tight) >= DESCRIPTORS - KEPT, "it has hardly any left")
    assert tight.get("/healthz")[0] == 200, "a probe needs one as well"
    # Those that it knows are served as ever, whoever floods.
    for flood in floods:
        for _ in range(200):
            flood.send(b"not a batch")
    friend.event("still-served")
    assert subscriber.receive(1, seconds=10)[0][0] == b"still.served"
    until(lambda: tight.log_lines("push refused"), "the flood is refused and named")
    before = cpu_seconds(tight)
    seconds, _ = seconds_of(lambda: subscriber.socket.poll(2000))
    share = (cpu_seconds(tight) - before) / seconds
    assert share < CPU_SHARE_MAX, f"{share:.2f} of a core for nothing"
    for each in idle + floods:
        each.close()
    until(lambda: descriptors(tight) < DESCRIPTORS / 2, "it has some again", 30)
    Push(context, getattr(tight, door)).event("still-after")
    assert subscriber.receive(1, seconds=10)[0][0] == b"still.after"
