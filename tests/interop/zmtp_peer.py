"""A peer that says what it likes in ZMTP 3.1, as octets; no library between it and the relay."""
import select
import socket

from hostile_peers import tcp_to

GREETING = (b"\xff" + b"\0" * 7 + b"\x01\x7f" + b"\x03\x01" + b"NULL".ljust(20, b"\0")
            + b"\0" * 32)
MORE, LONG, COMMAND = 1, 2, 4


def frame(body, flags=0):
    if len(body) > 255:
        return bytes([flags | LONG]) + len(body).to_bytes(8, "big") + body
    return bytes([flags, len(body)]) + body


def message(*frames):
    return b"".join(frame(body, MORE) for body in frames[:-1]) + frame(frames[-1])


def command(name, rest=b""):
    return frame(bytes([len(name)]) + name + rest, COMMAND)


def ready(kind):
    return command(b"READY", b"\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind)


def ping(ttl_tenths=0, context=b""):
    return command(b"PING", ttl_tenths.to_bytes(2, "big") + context)


def announced(size, flags=0):
    """The header of a frame that is not there."""
    return bytes([flags | LONG]) + size.to_bytes(8, "big")


class ZmtpPeer:
    def __init__(self, endpoint, kind, receive_buffer=None):
        self.socket = tcp_to(endpoint, receive_buffer)
        self.socket.sendall(GREETING)
        self.exactly(64)
        self.socket.sendall(ready(kind))
        flags, body = self.receive()
        assert flags & COMMAND and body.startswith(b"\x05READY"), body

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *octets):
        self.socket.sendall(b"".join(octets))

    def exactly(self, count):
        got = b""
        while len(got) < count:
            more = self.socket.recv(count - len(got))
            if not more:
                raise EOFError
            got += more
        return got

    def receive(self):
        """flags and body of the next frame."""
        flags = self.exactly(1)[0]
        size = int.from_bytes(self.exactly(8 if flags & LONG else 1), "big")
        return flags, self.exactly(size)

    def take_one(self):
        """An octet, if there is one."""
        if select.select([self.socket], [], [], 0)[0]:
            self.socket.recv(1)

    def is_cut_off(self, seconds=10):
        """Reads on until the other side has ended it, in whatever way."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            pass
        except socket.timeout:
            return False
        return True
