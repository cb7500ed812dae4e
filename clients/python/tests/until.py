"""Waiting with a deadline: for a condition, for the messages of a socket."""

import threading
import time


def until(condition, seconds=20.0, what='the condition'):
    """Return what `condition` returns as soon as that is true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f'{what}: not within {seconds} s'
        pause.wait(0.01)


def read(socket, count, seconds, quiet=None):
    """Read `count` messages of a ZeroMQ socket, fewer once `seconds` have passed altogether.

    With `quiet`, fewer also once none came for so long. A worker's heartbeats end neither wait.
    """
    deadline = time.monotonic() + seconds
    messages = []
    while len(messages) < count:
        left = max(0.0, deadline - time.monotonic())
        if messages and not left:
            break
        if not socket.poll(int(1000 * (left if quiet is None else min(left, quiet)))):
            break
        messages.append(tuple(socket.recv_multipart()))
    return messages
