"""Resets that do not end: a thread that hits a FaultProxy again and again."""
import random
import threading
import time

JOIN_SECONDS = 10


class Storm:
    """Resets every connection about every `every_s`, from when it is made until `for_s` have passed
    or stop()."""

    def __init__(self, proxy, every_s, for_s, seed):
        self.rounds = 0   # that hit a connection
        self.resets = 0
        self._proxy = proxy
        self._every_s = every_s
        self._for_s = for_s
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="storm", daemon=True)
        self._thread.start()

    def _run(self):
        end = time.monotonic() + self._for_s
        while not self._over.wait(self._every_s * self._chance.uniform(0.5, 1.5)):
            if time.monotonic() >= end:
                return
            hit = self._proxy.reset_all()
            self.resets += hit
            self.rounds += hit > 0

    @property
    def is_over(self):
        return not self._thread.is_alive()

    def wait(self):
        """Until it is over by itself."""
        self._thread.join(self._for_s + 2 * self._every_s + JOIN_SECONDS)
        assert self.is_over, "the storm does not end"
        return self

    def stop(self):
        self._over.set()
        self._thread.join(JOIN_SECONDS)
        assert self.is_over, "the storm does not end"
