"""A relay that dies and comes back. Its doors are fault proxies, whose addresses stay when the
relay's own change, so that nobody else can take a port while it is away."""
import signal

from waiting import until

DOORS = ("acked", "stream")


class Lives:
    """Use the `start_lives` fixture. `settings` hold for every life, those of start() for one."""

    def __init__(self, start_relay, start_proxy, settings=None, env=None, doors=DOORS):
        self._start_relay, self._settings, self._env = start_relay, dict(settings or {}), env
        self.relay = None
        self.begun = 0
        self.proxies = {}
        self._start_proxy, self._doors = start_proxy, doors

    def start(self, **settings):
        """A life; `settings` are of this one, with _ for the first dot."""
        own = {name.replace("_", ".", 1): value for name, value in settings.items()}
        self.relay = self._start_relay({**self._settings, **own}, env=self._env)
        self.begun += 1
        for door in self._doors:
            place = getattr(self.relay, door)
            if door in self.proxies:
                self.proxies[door].retarget(place)
            else:
                self.proxies[door] = self._start_proxy(place)
        return self

    @property
    def acked(self):
        return self.proxies["acked"]

    @property
    def stream(self):
        return self.proxies["stream"]

    def kill(self):
        """SIGKILL, and what a dead machine's peers would see."""
        self.relay.process.send_signal(signal.SIGKILL)
        self.gone()

    def gone(self, seconds=20):
        """It dies by itself, or was told to; returns how."""
        code = self.relay.process.wait(timeout=seconds)
        self.relay.ended = True
        return code

    def restart(self, **settings):
        self.kill()
        return self.start(**settings)

    def is_ready(self):
        return self.relay.get("/readyz")[0] == 200

    def await_ready(self, seconds=15):
        until(self.is_ready, lambda: f"it is ready: {self.relay.get('/readyz')[1]}", seconds)

    def why_not_ready(self):
        """The text of /readyz, once it says no."""
        def says_no():
            status, text = self.relay.get("/readyz")
            return text if status == 503 else None
        return until(says_no, "it is not ready")
