"""Third-party ZeroMQ clients: a PUSH and a SUB as any language has them, no code of ours."""
import itertools
import json
import random

import zmq

from waiting import until

_marks = itertools.count(1)


def unlike(number, size):
    """`size` letters that no other number has, so that nothing on the way can spare them."""
    return random.Random(number).randbytes((size + 1) // 2).hex()[:size]


def key_of(event_type):
    return event_type.replace("-", ".").encode()


class Push:
    """A worker that pushes over a plain PUSH socket."""

    def __init__(self, context, endpoint, hwm=1000):
        self.socket = context.socket(zmq.PUSH)
        self.socket.setsockopt(zmq.SNDHWM, hwm)
        self.socket.setsockopt(zmq.SNDTIMEO, 15_000)
        self.socket.setsockopt(zmq.LINGER, 5000)
        self.socket.connect(endpoint)

    def frames(self, *frames):
        self.socket.send_multipart(frames)

    def event(self, event_type, **fields):
        body = json.dumps({"type": event_type, **fields}).encode()
        self.frames(key_of(event_type), body)
        return body

    def list(self, events):
        self.frames(b"task.multi", json.dumps(events).encode())

    def lists(self, count, size=24, padding=600, first=0):
        """`count` lists of `size` numbered events; returns how many events that is."""
        for number in range(count):
            start = first + number * size
            self.list([{"type": "task-received", "n": start + i, "pad": unlike(start + i, padding)}
                       for i in range(size)])
        return count * size

    def would_block(self, frames):
        """Tries to send without waiting; True is backpressure."""
        try:
            self.socket.send_multipart(frames, zmq.DONTWAIT)
            return False
        except zmq.Again:
            return True


class Subscriber:
    """A monitor on a plain SUB socket."""

    def __init__(self, context, relay, *prefixes):
        self.socket = context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.relay = relay
        self.socket.connect(relay.publish)
        for prefix in prefixes or ("",):
            self.socket.setsockopt(zmq.SUBSCRIBE, prefix.encode())
        self.settle()

    def settle(self):
        """Returns once the relay knows everything said so far: subscriptions travel in order."""
        mark = f"mark.of.subscriber.{next(_marks)}".encode()
        before = self.relay.metric("xylem_publish_subscriptions")
        self.socket.setsockopt(zmq.SUBSCRIBE, mark)
        until(lambda: self.relay.metric("xylem_publish_subscriptions") != before,
              "the relay has the subscriptions")

    def unsubscribe(self, prefix):
        before = self.relay.metric("xylem_publish_subscriptions")
        self.socket.setsockopt(zmq.UNSUBSCRIBE, prefix.encode())
        until(lambda: self.relay.metric("xylem_publish_subscriptions") < before,
              "the relay knows that the subscription is gone")

    def receive(self, count, seconds=15):
        """Exactly `count` messages, each [key, body]."""
        got = []
        while len(got) < count:
            if not self.socket.poll(int(seconds * 1000)):
                raise AssertionError(f"{len(got)} of {count} messages came: {got[-3:]}")
            got.append(self.socket.recv_multipart())
        assert all(len(frames) == 2 for frames in got)
        return [tuple(frames) for frames in got]

    def receive_until(self, key):
        """All that comes before the first message under `key`."""
        got = []
        while True:
            message = self.receive(1)[0]
            if message[0] == key:
                return got
            got.append(message)
