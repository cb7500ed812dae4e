"""A server that is no relay, on a relay's port."""

import socket
import threading


class Stranger:
    """A ZMTP 3 server that asks for passwords: to libzmq's connecting end a protocol error."""

    GREETING = (b'\xff\0\0\0\0\0\0\0\x01\x7f' + b'\x03\0' + b'PLAIN'.ljust(20, b'\0')
                + b'\x01' + bytes(31))

    def __init__(self):
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        self.left = threading.Event()
        self._thread = threading.Thread(target=self._greet)
        self._thread.start()

    def _greet(self):
        connection, _ = self._listener.accept()
        with connection:
            connection.sendall(self.GREETING)
            while connection.recv(100):
                pass
        self.left.set()

    def close(self):
        self._thread.join()
        self._listener.close()
