"""What happens to a fleet during a soak, one at a time, drawn by seed."""
import contextlib
import signal


def kill(lives):
    lives.restart()


@contextlib.contextmanager
def stopped(lives):
    lives.relay.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        lives.relay.signal(signal.SIGCONT)


@contextlib.contextmanager
def proxied(proxy, act):
    act(proxy)
    try:
        yield
    finally:
        proxy.pass_through()


@contextlib.contextmanager
def disk(faults, *rules):
    faults.set(*rules)
    try:
        yield
    finally:
        faults.clear()


class Faults:
    """`wait(seconds)` lets a fault last. Each returns how often it has really happened."""

    def __init__(self, fleet, chance, wait):
        self._fleet, self._chance, self._wait = fleet, chance, wait
        self._deadly = [self.kill_central, self.kill_sidecar, self.kill_both, self.restart_central]
        self._survived = [self.reset_storm, self.half_open, self.stop_central, self.stop_sidecar,
                          self.full_disk, self.slow_syncs, self.failing_syncs, self.cut_subscriber]
        self._bag = []

    def draw(self, deadly):
        """Each comes before any comes again. Unless `deadly`, of what every relay survives."""
        kinds = self._survived + (self._deadly if deadly else [])
        self._bag = [kind for kind in self._bag if kind in kinds]
        if not self._bag:
            self._bag = self._chance.sample(kinds, len(kinds))
        return self._bag.pop()

    def kill_central(self):
        kill(self._fleet.central)
        return 1

    def kill_sidecar(self):
        kill(self._any_sidecar())
        return 1

    def kill_both(self):
        sidecar = self._any_sidecar()
        sidecar.kill()
        self._fleet.central.restart()
        sidecar.start()
        return 2

    def restart_central(self):
        """As an upgrade would."""
        central = self._fleet.central
        central.relay.signal(signal.SIGTERM)
        central.relay.wait(0)
        central.start()
        return 1

    def reset_storm(self):
        return self._fleet.central.acked.storm(0.1, 5, seed=self._chance.random()).wait().resets

    def half_open(self):
        proxy = self._fleet.central.acked
        before = proxy.snapshot().half_opened
        with proxied(proxy, lambda proxy: proxy.half_open()):
            self._wait(8)
        return proxy.snapshot().half_opened - before

    def stop_central(self):
        with stopped(self._fleet.central):
            self._wait(4)
        return 1

    def stop_sidecar(self):
        with stopped(self._any_sidecar()):
            self._wait(4)
        return 1

    def full_disk(self):
        return self._disk("pwritev ENOSPC", "fallocate ENOSPC", seconds=4)

    def slow_syncs(self):
        return self._disk("fdatasync slow 2000", seconds=8)

    def failing_syncs(self):
        return self._disk("fdatasync EIO", seconds=4)

    def cut_subscriber(self):
        proxy = self._fleet.central.stream
        proxy.refuse()
        hit = proxy.reset_all()
        self._wait(3)
        proxy.pass_through()
        return hit

    def _any_sidecar(self):
        return self._chance.choice(self._fleet.sidecars)

    def _disk(self, *rules, seconds):
        """Of one relay; a process that comes later counts anew, so the sum is of this one."""
        faults = self._fleet.disks[self._chance.choice(sorted(self._fleet.disks))]
        before = faults.counts().injected()
        with disk(faults, *rules):
            self._wait(seconds)
        return faults.counts().injected() - before
