"""One connection through a FaultProxy, and what is done to its bytes on their way."""
import collections
import dataclasses
import errno
import socket
import struct

RECEIVE_BYTES = 256 << 10
# What a way takes in before its sink has taken it; a slow network holds about as much. A delayed
# way holds all that is sent during the delay.
QUEUE_BYTES_MAX = 256 << 10
DELAY_QUEUE_BYTES_MAX = 64 << 20
# A drip lets a piece go this often, so that a second of it is not one burst.
DRIPS_PER_SECOND = 20


@dataclasses.dataclass(frozen=True)
class Traffic:
    """What happens to bytes. One kind at a time, for every connection of a proxy."""

    kind: str = "pass"  # or stall, half_open, delay, drip, cut
    delay_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float = 0.0
    cut_bytes: int = 0
    cut_spread: int = 0
    cut_way: str = "to_target"
    cut_orderly: bool = False

    @property
    def timed(self):
        return self.kind in ("delay", "drip")

    @property
    def queue_bytes_max(self):
        return DELAY_QUEUE_BYTES_MAX if self.kind == "delay" else QUEUE_BYTES_MAX


@dataclasses.dataclass
class Counts:
    """What a proxy has done, for a test to show that there were faults."""

    connections: int = 0
    turned_away: int = 0         # accepted and reset at once
    target_missing: int = 0      # nobody listened at the target
    resets: int = 0              # connections that were up and that the proxy reset
    cuts: int = 0                # those of them, or closed, after their number of bytes
    half_opened: int = 0         # connections that lost bytes or an end
    refusals: int = 0            # times that the door was shut
    bytes_to_target: int = 0
    bytes_to_client: int = 0
    bytes_swallowed: int = 0
    bytes_delayed: int = 0
    bytes_dripped: int = 0


class Way:
    """The bytes from one socket to the other, in order."""

    def __init__(self, name, source, sink):
        self.name = name
        self.source = source
        self.sink = sink
        self.queue = collections.deque()  # (due, bytes); no bytes are the end
        self.queued_bytes = 0
        self.last_due = 0.0
        self.free_at = 0.0       # when a drip may go on
        self.cut_left = None     # bytes until the cut
        self.ended = False       # its source has said so
        self.finished = False    # and its sink knows
        self.blocked = False     # its sink takes no more just now

    def put(self, due, chunk):
        self.last_due = max(self.last_due, due)  # jitter must not turn the order
        self.queue.append((self.last_due, memoryview(chunk)))
        self.queued_bytes += len(chunk)

    def take(self, count):
        """Lets the first `count` bytes of the first chunk go."""
        due, chunk = self.queue.popleft()
        self.queued_bytes -= count
        if count < len(chunk):
            self.queue.appendleft((due, chunk[count:]))

    def swallow(self):
        """Forgets what waits; returns how many bytes that was."""
        swallowed, self.queued_bytes = self.queued_bytes, 0
        self.queue.clear()
        return swallowed


class Link:
    """A client's connection and the one to the target, both non-blocking. Its proxy calls it, with
    the proxy's lock held."""

    def __init__(self, client, target, proxy):
        self.client = client
        self.target = target   # None: taken in while half open, so there is nobody behind
        self.proxy = proxy
        self.ways = (Way("to_target", client, target), Way("to_client", target, client))
        self.is_open = True
        self.has_lost = target is None
        self.gone = set()      # sockets whose end was noticed while the other's may not know
        if self.has_lost:
            proxy.counts.half_opened += 1

    def begin(self, traffic):
        """New rules; True unless the link cannot live on under them."""
        for way in self.ways:
            way.free_at = 0.0
            way.blocked = False
            way.cut_left = None
            if traffic.kind == "cut" and way.name == traffic.cut_way:
                way.cut_left = traffic.cut_bytes + self.proxy.chance.randint(0, traffic.cut_spread)
        # What was swallowed cannot be sent again, and the bytes behind it would make no sense.
        return traffic.kind == "half_open" or not self.has_lost

    def interest(self, sock):
        """(read, write): what to watch a socket for. Neither also hides its hang-up."""
        source_of, sink_of = self.ways if sock is self.client else reversed(self.ways)
        traffic = self.proxy.traffic
        read = (traffic.kind != "stall" and not source_of.ended and sock not in self.gone
                and source_of.queued_bytes < traffic.queue_bytes_max)
        return read, sink_of.blocked and traffic.kind not in ("stall", "half_open")

    def readable(self, sock, now):
        way = self.ways[0] if sock is self.client else self.ways[1]
        if not self.interest(sock)[0]:
            return
        try:
            chunk = sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._broken(sock, error)
            return
        if not chunk:
            way.ended = True
        traffic = self.proxy.traffic
        due = now
        if traffic.kind == "delay":
            due += traffic.delay_s + self.proxy.chance.uniform(0, traffic.jitter_s)
            self.proxy.counts.bytes_delayed += len(chunk)
        way.put(due, chunk)

    def writable(self, sock):
        (self.ways[1] if sock is self.client else self.ways[0]).blocked = False

    def advance(self, now):
        """Forwards what may go by now."""
        for way in self.ways:
            while self.is_open and way.queue and not way.blocked:
                if not self._step(way, now):
                    break
        if self.is_open and all(way.finished for way in self.ways):
            self.close()

    def next_time(self, now):
        """When advance() could do more without anything being read or writable, or None."""
        traffic = self.proxy.traffic
        times = []
        for way in self.ways:
            if way.queue and not way.blocked:
                times.append(way.queue[0][0] if traffic.kind == "delay" else way.free_at)
        return max(now, min(times)) if times and traffic.timed else None

    def _step(self, way, now):
        """Forwards a piece; False if the rest has to wait."""
        counts, traffic = self.proxy.counts, self.proxy.traffic
        if traffic.kind == "half_open":
            counts.bytes_swallowed += way.swallow()
            self._lose()
            return False
        due, chunk = way.queue[0]
        if traffic.kind == "stall" or (traffic.kind == "delay" and due > now):
            return False
        if traffic.kind == "drip":
            if way.free_at > now:
                return False
            chunk = chunk[:max(1, int(traffic.bytes_per_s / DRIPS_PER_SECOND))]
        if way.cut_left is not None:
            chunk = chunk[:way.cut_left]
        sent = self._send(way, chunk)
        if sent is None:
            return False
        if traffic.kind == "drip":
            way.free_at = max(now, way.free_at) + sent / traffic.bytes_per_s
            counts.bytes_dripped += sent
        if way.cut_left is not None and sent:
            way.cut_left -= sent
            if way.cut_left == 0:
                self._cut(traffic)
        return self.is_open

    def _send(self, way, chunk):
        """How many bytes went, or None."""
        counts = self.proxy.counts
        try:
            if not chunk:
                way.finished = True
                way.take(0)
                way.sink.shutdown(socket.SHUT_WR)
                return 0
            sent = way.sink.send(chunk)
        except BlockingIOError:
            way.blocked = True
            return None
        except OSError as error:
            self._broken(way.sink, error)
            return None
        way.take(sent)
        if way.name == "to_target":
            counts.bytes_to_target += sent
        else:
            counts.bytes_to_client += sent
        return sent

    def _cut(self, traffic):
        self.proxy.counts.cuts += 1
        if traffic.cut_orderly:
            self.close()
        else:
            self.reset()
            self.proxy.counts.resets += 1

    def _broken(self, sock, error):
        """One end was reset or never came; the other learns it unless nothing passes."""
        if self.proxy.traffic.kind == "half_open":
            self.gone.add(sock)
            self._lose()
            return
        if sock is self.target and error.errno == errno.ECONNREFUSED:
            self.proxy.counts.target_missing += 1
        self.reset()

    def _lose(self):
        if not self.has_lost:
            self.has_lost = True
            self.proxy.counts.half_opened += 1

    def sockets(self):
        return [sock for sock in (self.client, self.target) if sock is not None]

    def reset(self):
        self._over(reset)

    def close(self):
        self._over(socket.socket.close)

    def _over(self, end):
        self.is_open = False
        self.proxy.forget(self)
        for sock in self.sockets():
            end(sock)


def reset(sock):
    """Closes with RST, and without what waits to be sent. A unix socket has no RST: it closes."""
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
