"""The fleet of a soak: acked sources, two sidecars, a central and a stream subscriber, with proxies
between them and disks that fail on command."""
import itertools
import signal

from acked_source import AckedSource
from fault_proxy import FaultProxy
from lives import Lives
from oracle import TYPES, Oracle
from relay_process import Relay
from resuming_stream import ResumingStream
from soak_hostile import Lags
from waiting import until
from write_faults import WriteFaults

SOURCES_PER_SIDECAR = 2
KEYS = tuple(each.replace("-", ".") for each in TYPES)
SETTINGS = {"spool.bytes_max": "64MiB", "spool.segment_bytes": "1MiB",
            "spool.sync_interval": "200ms", "stream.retention_bytes": "8MiB"}
# What hostile peers may spend there. An operator's numbers, each with a default that is larger: how
# long `block` may hold everything up is a promise to those who use it, not a fault.
CENTRAL = {"pipeline.block_budget": "500ms", "stream.taps_bytes_max": "128MiB"}


class Fleet:
    """Everything lives below `folder`. `rate` is events a second, over all sources."""

    def __init__(self, folder, context, library, rate, seed):
        self.folder, self._library, self._seed = folder, library, seed
        # Events say when they were made, and not all that the central carries is the oracle's.
        self.oracle = Oracle(seed=seed, exact=False)
        self.oracle.consumer("all", TYPES)
        self.lags = Lags()
        self._places, self._proxies, self._relays = itertools.count(), [], []
        self.disks = {}
        self.central = self._lives("central", **CENTRAL)
        self.sidecars = [self._lives(f"sidecar{n}", **{
            "upstream.connect": self.central.acked.endpoint, "upstream.name": f"sidecar{n}"})
            for n in range(2)]
        self.stream = ResumingStream(context, self.central.stream.endpoint, self.oracle,
                                     "all", patterns=KEYS, lags=self.lags).start()
        names = [(sidecar, f"s{n}.{m}") for n, sidecar in enumerate(self.sidecars)
                 for m in range(SOURCES_PER_SIDECAR)]
        self.sources = [AckedSource(context, sidecar.acked.endpoint, self.oracle, name,
                                    rate=rate / len(names), says_when=True).start()
                        for sidecar, name in names]

    def named(self):
        """(name, lives) of every relay."""
        return [("central", self.central)] + [
            (f"sidecar{n}", sidecar) for n, sidecar in enumerate(self.sidecars)]

    def is_up(self):
        """Acks flow, and what they promise arrives soon."""
        return (all(source.acked > at for source, at in zip(self.sources, self._marks))
                and self.oracle.outstanding() <= self._lag_events)

    def await_recovery(self, seconds):
        """Until every source has been acknowledged more, and the subscriber is up to date."""
        self._marks = [source.acked + 1 for source in self.sources]
        self._lag_events = max(50, sum(source.events for source in self.sources) // 1000)
        until(self.is_up, self.complaint, seconds)

    def complaint(self):
        said = "\n".join([*map(str, self.sources), str(self.stream)])
        logs = "\n".join(f"{name}:\n{lives.relay.log()[-2000:]}" for name, lives in self.named())
        return f"the fleet is well again; {self.oracle.outstanding()} outstanding\n{said}\n{logs}"

    def finish(self, seconds):
        """No more events; everything is there, and every relay stops as it should."""
        for source in self.sources:
            source.finish(seconds)
        until(self.oracle.settled, self.complaint, seconds)
        self.stream.stop()
        for lives in [*self.sidecars, self.central]:
            lives.relay.signal(signal.SIGTERM)
            lives.relay.wait(0)

    def end(self):
        """Whatever the state."""
        for each in [*getattr(self, "sources", []), *filter(None, [getattr(self, "stream", None)])]:
            each.stop()
        for relay in self._relays:
            relay.kill()
        for proxy in self._proxies:
            proxy.stop()

    def _lives(self, name, **more):
        spool = self.folder / name
        self.disks[name] = WriteFaults(self._library, spool, self.folder / f"{name}.faults")
        return Lives(self._start_relay, self._start_proxy,
                     {**SETTINGS, "spool.directory": spool, **more},
                     env=self.disks[name].environment()).start()

    def _start_relay(self, settings, env):
        place = self.folder / f"life{next(self._places)}"
        place.mkdir()
        self._relays = [relay for relay in self._relays if not relay.ended]
        self._relays.append(Relay(place, settings, env=env))
        return self._relays[-1]

    def _start_proxy(self, target):
        self._proxies.append(FaultProxy(target, seed=self._seed).start())
        return self._proxies[-1]
