"""A stand-in for the relay's push endpoint where a test must see every message, in order."""

import json
import sys

import zmq
from until import read


class Sink:
    """A PULL socket that keeps what it reads; unlike a subscriber it loses nothing."""

    def __init__(self, url, receive_hwm=1000, ipv6=False):
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PULL)
        self._socket.setsockopt(zmq.RCVHWM, receive_hwm)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.IPV6, int(ipv6))
        self._socket.bind(url)

    def messages(self, count, seconds=20):
        """Read `count` messages, fewer if they do not come within `seconds`; frames as bytes."""
        return read(self._socket, count, seconds)

    def bodies(self, count, seconds=20):
        """Read `count` messages and return their JSON, parsed."""
        return [json.loads(body) for _, body in self.messages(count, seconds)]

    def rest(self, quiet=0.5, seconds=20):
        """Read what still comes, until none comes for `quiet` seconds; frames as bytes."""
        return read(self._socket, sys.maxsize, seconds, quiet)

    def rest_of_bodies(self, quiet=0.5, seconds=20):
        """Read what still comes and return its JSON, parsed."""
        return [json.loads(body) for _, body in self.rest(quiet, seconds)]

    def nothing_more(self, seconds=0.1):
        """Return whether no message comes for `seconds`."""
        return not self._socket.poll(int(seconds * 1000))

    def close(self):
        self._socket.close()
        self._context.term()
