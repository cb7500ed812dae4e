"""A stand-in for the relay's push endpoint where a test must see every message, in order."""

import json

import zmq


class Sink:
    """A PULL socket that keeps what it reads; unlike a subscriber it loses nothing."""

    def __init__(self, url, receive_hwm=1000):
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PULL)
        self._socket.setsockopt(zmq.RCVHWM, receive_hwm)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(url)

    def messages(self, count, seconds=10):
        """Read `count` messages, fewer if `seconds` pass without any; frames as bytes."""
        messages = []
        while len(messages) < count and self._socket.poll(int(seconds * 1000)):
            messages.append(tuple(self._socket.recv_multipart()))
        return messages

    def bodies(self, count, seconds=10):
        """Read `count` messages and return their JSON, parsed."""
        return [json.loads(body) for _, body in self.messages(count, seconds)]

    def nothing_more(self, seconds=0.1):
        """Return whether no message comes for `seconds`."""
        return not self._socket.poll(int(seconds * 1000))

    def close(self):
        self._socket.close()
        self._context.term()
