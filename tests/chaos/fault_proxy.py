"""A proxy that does to connections what networks do, switched by the test while they are up.

    proxy = FaultProxy(relay.acked).start()       # clients connect to proxy.endpoint
    proxy.half_open()
    ...
    proxy.pass_through()
    assert proxy.counts.bytes_swallowed > 0

Every switch has taken effect when its method returns, for the connections that are up and for those
that come. Chance is seeded, and what was done is counted.
"""
import dataclasses
import os
import random
import selectors
import socket
import threading
import time

from proxied_link import Counts, Link, Traffic, reset
from storm import JOIN_SECONDS, Storm

BACKLOG = 512


def family_and_place(address):
    """What a socket needs of a port on loopback, "tcp://127.0.0.1:PORT" or "ipc://PATH"."""
    if isinstance(address, int):
        return socket.AF_INET, ("127.0.0.1", address)
    scheme, _, place = address.partition("://")
    if scheme == "ipc":
        return socket.AF_UNIX, place
    host, _, port = place.rpartition(":")
    assert (scheme, host) == ("tcp", "127.0.0.1"), f"{address} is not on this machine"
    return socket.AF_INET, (host, int(port))


class FaultProxy:
    """Listens on `listen` and forwards to `target`; each is a port or an address, and port 0 lets
    the system choose. One thread moves the bytes; any thread may call any method."""

    def __init__(self, target, listen=0, seed=0):
        self.traffic = Traffic()
        self.counts = Counts()
        self.chance = random.Random(seed)
        self._target = family_and_place(target)
        self._listen = family_and_place(listen)
        self._reserved = None  # keeps our port ours while the door is shut
        self._door = None
        self._turns_away = False
        self._links = {}
        self._lock = threading.RLock()
        self._selector = selectors.DefaultSelector()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK)
        self._stopping = False
        self._failure = None
        self._storms = []
        self._thread = threading.Thread(target=self._run, name="fault proxy", daemon=True)

    def start(self):
        with self._lock:
            family, place = self._listen
            if family == socket.AF_INET:
                self._reserved = socket.socket(family, socket.SOCK_STREAM)
                self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self._reserved.bind(place)
                self._listen = family, self._reserved.getsockname()
            self._selector.register(self._bell, selectors.EVENT_READ)
            self._open_door()
        self._thread.start()
        return self

    def stop(self):
        """Ends every connection with a reset. What went wrong inside is raised here."""
        for storm in self._storms:
            storm.stop()
        with self._lock:
            self._stopping = True
            self._ring()
        if self._thread.ident is not None:
            self._thread.join(JOIN_SECONDS)
            assert not self._thread.is_alive(), "the proxy does not end"
        with self._lock:
            if self._bell is None:
                return
            for link in list(self._links):
                link.reset()
            self._shut_door()
            if self._reserved is not None:
                self._reserved.close()
            if self._listen[0] == socket.AF_UNIX and os.path.exists(self._listen[1]):
                os.unlink(self._listen[1])
            self._selector.close()
            os.close(self._bell)
            self._bell = None
        self._check()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def port(self):
        return self._listen[1][1]

    @property
    def endpoint(self):
        family, place = self._listen
        return f"ipc://{place}" if family == socket.AF_UNIX else f"tcp://127.0.0.1:{place[1]}"

    @property
    def connections(self):
        """How many are up."""
        with self._lock:
            return len(self._links)

    def snapshot(self):
        """A copy of the counts that belongs together."""
        with self._lock:
            return dataclasses.replace(self.counts)

    def retarget(self, target):
        """New connections go to `target`: a server came back elsewhere. Those that are up stay."""
        with self._lock:
            self._target = family_and_place(target)

    def pass_through(self):
        """All is well again. Connections that lost bytes while half open are reset, as the target
        of a healed network would."""
        with self._lock:
            self._turns_away = False
            self._switch(Traffic())
            if self._door is None:
                self._open_door()
                self._ring()

    def refuse(self):
        """The port is closed (ECONNREFUSED); connections that are up go on."""
        with self._lock:
            self._check()
            self.counts.refusals += 1
            self._shut_door()

    def turn_away(self):
        """New connections are accepted and reset at once; those that are up go on."""
        with self._lock:
            self._check()
            self._turns_away = True

    def reset_all(self):
        """Resets what is up, once; returns how many connections that were."""
        with self._lock:
            self._check()
            links = list(self._links)
            for link in links:
                link.reset()
            self.counts.resets += len(links)
            return len(links)

    def half_open(self):
        """Bytes and ends vanish both ways, and nobody is told. New connections are taken, and
        nothing comes of them."""
        self._switch(Traffic("half_open"))

    def stall(self):
        """Nothing moves and nothing is lost: what a partition is that heals before TCP gives up.
        New connections wait in the backlog."""
        self._switch(Traffic("stall"))

    def delay(self, milliseconds, jitter_ms=0):
        """Both ways, each piece by so much more; the order stays."""
        self._switch(Traffic("delay", delay_s=milliseconds / 1000, jitter_s=jitter_ms / 1000))

    def drip(self, bytes_per_second):
        """So many a second, for each connection and way."""
        assert bytes_per_second > 0
        self._switch(Traffic("drip", bytes_per_s=bytes_per_second))

    def cut_after(self, count, spread=0, way="to_target", orderly=False):
        """Every connection is reset, or closed if `orderly`, once `count` more bytes and up to
        `spread` by chance have passed that way ("to_target" or "to_client")."""
        assert count > 0 and way in ("to_target", "to_client")
        self._switch(Traffic("cut", cut_bytes=count, cut_spread=spread, cut_way=way,
                             cut_orderly=orderly))

    def storm(self, every_s, for_s, seed=0):
        """Resets everything again and again, about every `every_s`, until `for_s` have passed."""
        storm = Storm(self, every_s, for_s, seed)
        self._storms.append(storm)
        return storm

    def _switch(self, traffic):
        with self._lock:
            self._check()
            self.traffic = traffic
            now = time.monotonic()
            for link in list(self._links):
                if link.begin(traffic):
                    self._advance(link, now)
                else:
                    link.reset()
                    self.counts.resets += 1
            self._watch_door()
            self._ring()

    def _check(self):
        if self._failure is not None:
            raise RuntimeError("the proxy's thread has died") from self._failure

    def _ring(self):
        if self._bell is not None:
            os.eventfd_write(self._bell, 1)

    def _run(self):
        try:
            while self._turn():
                pass
        except Exception as failure:  # pylint: disable=broad-except
            self._failure = failure  # for whoever calls next

    def _turn(self):
        """Waits until something can be done, and does it; False at the end."""
        ready = self._selector.select(self._wait_seconds())
        with self._lock:
            if self._stopping:
                return False
            now = time.monotonic()
            for key, mask in ready:
                if key.fileobj == self._bell:
                    os.eventfd_read(self._bell)
                elif key.fileobj is self._door:
                    self._accept()
                elif key.data in self._links:  # another of this turn may have ended it
                    self._serve(key, mask, now)
            if self.traffic.timed:
                for link in list(self._links):
                    self._advance(link, now)
        return True

    def _wait_seconds(self):
        with self._lock:
            if not self.traffic.timed:
                return None
            now = time.monotonic()
            times = [link.next_time(now) for link in self._links]
            return min((at - now for at in times if at is not None), default=None)

    def _serve(self, key, mask, now):
        link = key.data
        if mask & selectors.EVENT_WRITE:
            link.writable(key.fileobj)
        if mask & selectors.EVENT_READ:
            link.readable(key.fileobj, now)
        self._advance(link, now)

    def _advance(self, link, now):
        if link.is_open:
            link.advance(now)
        if link.is_open:
            self._watch(link)

    def _watch(self, link):
        """What is watched for nothing is not registered, or its hang-up would be reported for
        ever."""
        for sock in link.sockets():
            read, write = link.interest(sock)
            mask = (selectors.EVENT_READ if read else 0) | (selectors.EVENT_WRITE if write else 0)
            watched = self._links[link].get(sock, 0)
            if mask == watched:
                continue
            if not watched:
                self._selector.register(sock, mask, link)
            elif not mask:
                self._selector.unregister(sock)
            else:
                self._selector.modify(sock, mask, link)
            self._links[link][sock] = mask

    def forget(self, link):
        """A link is about to close its sockets."""
        for sock, mask in self._links.pop(link).items():
            if mask:
                self._selector.unregister(sock)

    def _accept(self):
        try:
            client, _ = self._door.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        if self._turns_away:
            self.counts.turned_away += 1
            reset(client)
            return
        self.counts.connections += 1
        target = None if self.traffic.kind == "half_open" else self._reach_target()
        if target is False:
            self.counts.target_missing += 1
            reset(client)
            return
        for sock in filter(None, (client, target)):
            sock.setblocking(False)
            if sock.family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = Link(client, target, self)
        self._links[link] = {}
        link.begin(self.traffic)
        self._watch(link)

    def _reach_target(self):
        """A socket that is connecting, or False."""
        family, place = self._target
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect(place)
        except BlockingIOError:
            if family == socket.AF_INET:
                return sock  # whether it succeeds is seen when it is used
            sock.close()     # a full backlog, which a unix socket does not wait for
            return False
        except OSError:
            sock.close()
            return False
        return sock

    def _open_door(self):
        family, place = self._listen
        if family == socket.AF_UNIX and os.path.exists(place):
            os.unlink(place)  # what our own shut door has left
        self._door = socket.socket(family, socket.SOCK_STREAM)
        self._door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._door.bind(place)
        self._door.listen(BACKLOG)
        self._door.setblocking(False)
        self._watch_door()

    def _watch_door(self):
        if self._door is None:
            return
        watched = self._door in self._selector.get_map()
        wanted = self.traffic.kind != "stall"
        if wanted and not watched:
            self._selector.register(self._door, selectors.EVENT_READ)
        elif watched and not wanted:
            self._selector.unregister(self._door)

    def _shut_door(self):
        if self._door is not None:
            if self._door in self._selector.get_map():
                self._selector.unregister(self._door)
            self._door.close()
            self._door = None
