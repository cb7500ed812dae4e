"""Waiting for a condition, with a deadline."""

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
