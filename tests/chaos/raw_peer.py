"""A ZMTP 3.0 peer over a plain socket, for what libzmq's own API will not say, such as any identity
(RFC 23/ZMTP)."""
import socket
import struct

from fault_proxy import family_and_place

GREETING = b"\xff" + b"\0" * 8 + b"\x7f" + b"\x03\0" + b"NULL".ljust(20, b"\0") + b"\0" * 32
TIMEOUT_S = 10
COMMAND, LONG = 4, 2


class RawPeer:
    def __init__(self, endpoint, identity=None, kind=b"DEALER"):
        family, place = family_and_place(endpoint)
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect(place)
        self.socket.sendall(GREETING)
        self._exactly(len(GREETING))
        ready = b"\x05READY" + self._property(b"Socket-Type", kind)
        if identity is not None:
            ready += self._property(b"Identity", identity)
        self._write(COMMAND, ready)
        flags, body = self._read()
        assert flags & COMMAND and body.startswith(b"\x05READY"), body

    @staticmethod
    def _property(name, value):
        return bytes([len(name)]) + name + struct.pack(">I", len(value)) + value

    def send(self, frame):
        self._write(0, frame)

    def receive(self, seconds=TIMEOUT_S):
        """The next frame, or None if none comes, b"" if it is over."""
        self.socket.settimeout(seconds)
        try:
            return self._read()[1]
        except socket.timeout:
            return None
        except (ConnectionError, EOFError):
            return b""

    def close(self):
        self.socket.close()

    def _write(self, flags, body):
        if len(body) > 255:
            self.socket.sendall(struct.pack(">BQ", flags | LONG, len(body)) + body)
        else:
            self.socket.sendall(bytes([flags, len(body)]) + body)

    def _read(self):
        flags = self._exactly(1)[0]
        size = struct.unpack(">Q", self._exactly(8))[0] if flags & LONG else self._exactly(1)[0]
        return flags, self._exactly(size)

    def _exactly(self, count):
        got = b""
        while len(got) < count:
            more = self.socket.recv(count - len(got))
            if not more:
                raise EOFError
            got += more
        return got
