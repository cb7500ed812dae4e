"""A stream subscriber written from docs/protocol.md §5 alone: a DEALER and generated frames."""
import zmq

import wire_frames
from wire_frames import OVERFLOW, control


class StreamClient:
    def __init__(self, context, endpoint):
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.connect(endpoint)
        self.session = 0
        self.granted = 0

    def hello(self, *patterns, name="", overflow="drop_oldest", credit=4 << 20, tap_bytes=0,
              tap_events=0, protocol=1, shapes=False, **the_past):
        """`the_past` is resumeEpoch and resumeSequence, or sinceUs."""
        self.granted = credit
        self.socket.send(control(
            "Hello", protocol=protocol, name=name, patterns=list(patterns),
            overflow=OVERFLOW[overflow], tapBytesMax=tap_bytes, tapEventsMax=tap_events,
            creditBytes=credit, shapes=shapes, **the_past))

    def open(self, *patterns, **options):
        """Hello and its Welcome."""
        self.hello(*patterns, **options)
        kind, welcome = self.receive()
        while kind == "Alive":  # it searches its spool
            kind, welcome = self.receive()
        assert kind == "Welcome", f"{kind} {vars(welcome)}"
        self.session = welcome.session
        return welcome

    def grant(self, more, answer=False):
        self.granted += more
        self.socket.send(control("Credit", session=self.session, grantedBytes=self.granted,
                                 answer=answer))

    def receive(self, seconds=15):
        """The next frame: ("Batch", [(sequence, key, body), ...]) or a control's (kind, body)."""
        assert self.socket.poll(int(seconds * 1000)), "nothing came from the stream"
        frame = self.socket.recv()
        if frame[4:8] == b"XYB1":
            return "Batch", wire_frames.events_in(frame)[1]
        return wire_frames.read_control(frame)

    def events(self, count):
        """The next `count` events; anything but a batch is a failure."""
        got = []
        while len(got) < count:
            kind, events = self.receive()
            assert kind == "Batch", f"{kind} after {len(got)} events"
            got += events
        return got

    def bye(self):
        """The Bye that must come now: (reason, text)."""
        kind, body = self.receive()
        assert kind == "Bye", kind
        return wire_frames.BYE[body.reason], (body.text or b"").decode()

    def leave(self):
        """Says Bye and stays connected."""
        self.socket.send(control("Bye"))

    def close(self):
        self.socket.close()
