"""The conservation oracle: it knows every event that a run sent, what was promised, what arrived
where, and whether that is all there must be.

    oracle = Oracle(seed=7)
    oracle.consumer("all")                            # before anything is promised
    id = oracle.draw("p1")                            # a producer takes an id,
    key, body = oracle.message(id)                    # sends what belongs to it,
    oracle.promise(id)                                # and was told that it is accepted
    oracle.deliver("all", event, sequence, epoch)     # what a consumer got,
    oracle.gap("all", first, last, count, reason, epoch)          # or was told it did not get
    oracle.premise("resets", proxy.counts.resets, least=10)       # the run was one
    oracle.verdict().check()

An id is a producer's name and a counter, and the event is a pure function of it, so that what a
consumer got is checked without having been kept. An id costs a byte for its producer and one for
each consumer. Any thread may call any method.
"""
import hashlib
import json
import threading
from typing import NamedTuple

from oracle_consumer import Consumer
from oracle_verdict import LIMITS, Verdict

TYPES = ("task-received", "task-started", "task-succeeded", "worker-heartbeat")
MASK = (1 << 64) - 1


class Id(NamedTuple):
    producer: str
    n: int

    def __str__(self):
        return f"{self.producer}:{self.n}"


class Producer:
    """What one producer has drawn and was promised. n counts from 0, so it is an index."""

    def __init__(self, name, seed):
        self.name = name
        self.mark = int.from_bytes(hashlib.blake2b(f"{seed}/{name}".encode()).digest()[:8], "big")
        self.drawn = 0
        self.promised = bytearray()  # 1: an obligation

    def draw(self, count):
        first = self.drawn
        self.drawn += count
        self.promised.extend(bytes(count))
        return first


class Oracle:
    """`types` are given in turn, so that routing keys differ; `padding_max` bytes at most make
    events longer. With `exact` an event must have no field more than it was sent with; clients that
    add some (hostname, timestamp) are tested without."""

    def __init__(self, seed=0, types=TYPES, padding_max=200, exact=True):
        self.types = tuple(types)
        self._seed = seed
        self._padding_max = padding_max
        self._exact = exact
        self._producers = {}
        self._consumers = {}
        self._fresh = set()
        self._premises = []
        self._limits = dict(LIMITS)
        self._promised = 0
        self._lock = threading.RLock()

    def draw(self, producer, fresh=False):
        """The producer's next id. A fresh one shows, after the faults, that events pass again."""
        with self._lock:
            id = Id(producer, self._producer(producer).draw(1))
            if fresh:
                self._fresh.add(id)
            return id

    def draw_many(self, producer, count):
        first, last = self.draw_range(producer, count)
        return [Id(producer, n) for n in range(first, last + 1)]

    def draw_range(self, producer, count):
        """The first and the last counter of `count` ids, for when there are millions."""
        with self._lock:
            first = self._producer(producer).draw(count)
            return first, first + count - 1

    def event(self, id):
        """The event of an id, always the same."""
        x = (self._producers[id.producer].mark + id.n * 0x9E3779B97F4A7C15) & MASK  # splitmix64
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
        x ^= x >> 31
        check = f"{x:016x}"
        size = x % (self._padding_max + 1)
        return {"type": self.types[id.n % len(self.types)], "producer": id.producer, "n": id.n,
                "check": check, "pad": (check * (size // 16 + 1))[:size]}

    def message(self, id):
        """(routing key, JSON) of an id, as bytes."""
        event = self.event(id)
        return event["type"].replace("-", ".").encode(), json.dumps(event).encode()

    def promise(self, id):
        """It was accepted: from now on it must arrive. Repeating it changes nothing."""
        self.promise_range(id.producer, id.n, id.n)

    def promise_range(self, producer, first, last):
        """The same for the ids from `first` to `last`, as a cumulative ack says it."""
        with self._lock:
            made = self._producers[producer]
            assert 0 <= first and last < made.drawn, f"{producer}:{last} was never drawn"
            new = made.promised.count(0, first, last + 1)
            if new == last + 1 - first:
                self._promise_new(made, first, last)
            elif new:
                for n in range(first, last + 1):
                    if not made.promised[n]:
                        self._promise_new(made, n, n)

    def consumer(self, name, types=None):
        """Whoever is to get every event, or those of some types. To be told before promises."""
        with self._lock:
            assert self._promised == 0, "a consumer that comes later is owed less"
            wanted = None if types is None else {self.types.index(of) for of in types}
            self._consumers[name] = Consumer(name, wanted, len(self.types))

    def deliver(self, consumer, event, sequence=None, epoch=None):
        """A consumer got an event, as a dict. Without sequences (publish) holes go unseen."""
        with self._lock:
            to = self._consumers[consumer]
            to.advance(sequence, epoch)
            id = self._id_of(event)
            if id is None or not to.wants(id.n):
                to.note("unexpected", event)
                return
            if not self._is_sound(id, event):
                to.note("mismatched", event)
                return
            to.take(id, epoch, bool(self._producers[id.producer].promised[id.n]))
            if id in self._fresh:
                to.fresh_passed = True

    def gap(self, consumer, first, last, count, reason, epoch):
        """A consumer was told that `count` events from sequence `first` to `last` are missing; a
        count of 0 means that it is not known how many."""
        with self._lock:
            self._consumers[consumer].gap(first, last, count, reason, epoch)

    def premise(self, what, value, least=1):
        """The verdict fails unless `value` is at least `least` by then. It is a number, a function
        that returns one, or the name of a figure, such as "promised"."""
        self._premises.append((what, value, least))

    def limit(self, figure, most):
        """How much of a figure of LIMITS the verdict takes; None: any."""
        assert figure in LIMITS, f"{figure} is not one of {', '.join(LIMITS)}"
        self._limits[figure] = most

    def outstanding(self):
        """Obligations that neither arrived nor are explained by gaps, over all consumers."""
        with self._lock:
            return sum(each.unexplained() for each in self._consumers.values())

    def settled(self):
        """Nothing is outstanding, and a fresh event, if one was drawn, has reached everyone. Cheap
        enough to be asked again and again."""
        with self._lock:
            return self.outstanding() == 0 and (not self._fresh or self._all_fresh())

    def verdict(self):
        with self._lock:
            return Verdict(
                list(self._producers.values()), list(self._consumers.values()), self._limits,
                self._premises, is_fresh=bool(self._fresh) and self._all_fresh())

    def _all_fresh(self):
        return all(each.fresh_passed for each in self._consumers.values())

    def _producer(self, name):
        if name not in self._producers:
            self._producers[name] = Producer(name, self._seed)
        return self._producers[name]

    def _promise_new(self, producer, first, last):
        producer.promised[first:last + 1] = b"\1" * (last + 1 - first)
        self._promised += last + 1 - first
        for each in self._consumers.values():
            each.owe(producer, first, last)

    def _id_of(self, event):
        name, n = event.get("producer"), event.get("n")
        producer = self._producers.get(name) if isinstance(name, str) else None
        if producer is None or type(n) is not int or not 0 <= n < producer.drawn:
            return None
        return Id(name, n)

    def _is_sound(self, id, event):
        sent = self.event(id)
        return event == sent if self._exact else sent.items() <= event.items()
