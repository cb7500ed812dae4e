"""Bounded waits on conditions: the only place of these tests that lets time pass."""
import time

POLL_SECONDS = 0.01


def until(condition, what, seconds=15.0):
    """Asks `condition` until it answers something true, and returns that. `what` is a text or
    makes one."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            wanted = what() if callable(what) else what
            raise AssertionError(f"waited {seconds} s in vain until {wanted}; it is {answer!r}")
        time.sleep(POLL_SECONDS)


def seconds_of(act):
    """How long `act` takes, and what it returns."""
    start = time.monotonic()
    answer = act()
    return time.monotonic() - start, answer
