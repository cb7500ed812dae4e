"""Where the relay is: addresses that ZeroMQ connects to without asking anybody, and why it cannot.

Names are looked up here and not by libzmq: its thread would be held up by a resolver that does
not answer, and with it the end of the process; and it takes either IPv4 or IPv6.
"""

import os
import socket
import time

#: A name that was not found is looked up again after this long, seconds.
LOOK_UP_SECONDS = 3.0


class Endpoint:
    """One push endpoint, as `xylem.settings` takes it.

    Only `look_up` and `trouble` wait for anybody.

    Arguments:
        url: tcp://HOST:PORT or ipc://PATH.
        clock: a monotonic clock, seconds.
    """

    def __init__(self, url, clock=time.monotonic):
        self.url = url
        self._clock = clock
        self._path = url[len('ipc://'):] if url.startswith('ipc://') else None
        host, _, self._port = url[len('tcp://'):].rpartition(':')
        self._name = None if self._path is not None or _is_numeric(host) else host
        self._addresses = []
        self._tried = 0
        self._current = None if self._name else url
        self._look_up_at = None
        self._not_found = None

    def first_address(self):
        """Return the address to begin with, as ZeroMQ writes it; None while none is known."""
        self._tried = 0
        return self.next_address()

    def next_address(self):
        """Return the address to go on with; None once all were tried, until the next look-up."""
        if self._name:
            known = self._tried < len(self._addresses)
            self._current = self._addresses[self._tried] if known else None
            self._tried += known
        return self._current

    def look_up(self):
        """Look up the name, if there is one and no address of it is in use. May take seconds."""
        if not self._name or self._current:
            return
        if self._look_up_at is not None and self._clock() < self._look_up_at:
            return
        try:
            found = socket.getaddrinfo(self._name, int(self._port), type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            found, self._not_found = [], f'{self._name}: {getattr(error, "strerror", error)}'
        else:
            self._not_found = None
        self._look_up_at = self._clock() + LOOK_UP_SECONDS
        # A relay that listens on IPv4 only is more common than the opposite.
        found.sort(key=lambda entry: entry[0] != socket.AF_INET)
        self._addresses = list(dict.fromkeys(_url_of(entry[4]) for entry in found))
        self._tried = 0

    def certain_trouble(self):
        """Return what keeps us from the relay and does not pass by itself; None if unknown."""
        if self._path is None:
            return self._not_found
        try:
            os.stat(self._path)
            mine = os.access(self._path, os.W_OK,
                             effective_ids=os.access in os.supports_effective_ids)
        except PermissionError:
            mine = False
        except OSError:
            return None
        return None if mine else f'user {os.geteuid()} has no permission to write to it'

    def trouble(self, seconds):
        """Return what keeps us from the relay, as text; waits up to `seconds` for a host's answer.

        The kernel knows, and libzmq does not tell, so a connection is tried and closed.
        """
        certain = self.certain_trouble()
        if certain:
            return certain
        if not self._current:
            return 'its name was not looked up yet'
        family, address = self._socket_address()
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(seconds)
            try:
                probe.connect(address)
            except (socket.timeout, BlockingIOError):
                return 'no answer'
            except OSError as error:
                return error.strerror or str(error)
        return 'whoever listens there does not answer as a relay does'

    def _socket_address(self):
        if self._path is not None:
            # ZeroMQ writes a name of the abstract namespace with an @.
            abstract = self._path.startswith('@')
            return socket.AF_UNIX, '\0' + self._path[1:] if abstract else self._path
        host, _, port = self._current[len('tcp://'):].rpartition(':')
        family = socket.AF_INET6 if host.startswith('[') else socket.AF_INET
        return socket.getaddrinfo(host.strip('[]'), int(port), family, socket.SOCK_STREAM,
                                  flags=socket.AI_NUMERICHOST)[0][::4]


def _is_numeric(host):
    if host.startswith('['):
        return True
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return False
    return True


def _url_of(address):
    host, port = address[:2]
    return f'tcp://[{host}]:{port}' if ':' in host else f'tcp://{host}:{port}'
