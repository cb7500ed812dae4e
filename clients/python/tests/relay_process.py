"""The real relay in a process of its own, and a subscriber to what it publishes."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.request

import zmq
from until import read, until

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
BINARY = os.environ.get('XYLEM_BIN', str(REPOSITORY / 'build/release/bin/xylem'))


class Relay:
    """A relay on ipc endpoints in `folder`; ended by its pid."""

    def __init__(self, folder):
        assert os.access(BINARY, os.X_OK), f'no relay at {BINARY}: build it, or set XYLEM_BIN'
        self.push = f'ipc://{folder}/push'
        self.publish = f'ipc://{folder}/publish'
        self._stream = f'ipc://{folder}/stream'
        self._log = pathlib.Path(folder, 'relay.log')
        self._process = None
        self._context = zmq.Context()

    def start(self):
        """Start the relay; `subscriber` tells when it works."""
        with self._log.open('ab') as log:
            self._process = subprocess.Popen(
                [BINARY, 'serve', '--set', f'push.listen={self.push}', '--set', 'acked.listen=off',
                 '--set', f'publish.listen={self.publish}',
                 '--set', f'stream.listen={self._stream}',
                 '--set', 'http.listen=http://127.0.0.1:0'],
                stdout=log, stderr=log)
        return self

    def subscriber(self):
        """Return a subscriber to every event, once events are known to come through to it."""
        return Subscriber(self._context, self.push, self.publish)

    def ask(self, path):
        """Return what the API answers."""
        place = until(lambda: re.findall(r'info http +(http\S+)', self._log.read_text()))[-1]
        with urllib.request.urlopen(f'{place}/api/v1/{path}', timeout=10) as answer:
            return json.load(answer)

    def kill(self):
        """End it as a crash would."""
        self._process.kill()
        self._process.wait()

    def suspend(self):
        """Stop it as a debugger would: its sockets stay, nobody reads them."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def close(self):
        if self._process and self._process.poll() is None:
            self.resume()
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        self._context.destroy(linger=0)


class Subscriber:
    """Reads every event that the relay publishes."""

    def __init__(self, context, push, publish):
        self._socket = context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.setsockopt(zmq.SUBSCRIBE, b'')
        self._socket.connect(publish)
        self._wait_ready(context, push)

    def _wait_ready(self, context, push):
        """Push probes until one comes back: then the subscription is in force."""
        with context.socket(zmq.PUSH) as probe:
            probe.setsockopt(zmq.LINGER, 0)
            probe.setsockopt(zmq.IMMEDIATE, 1)
            probe.connect(push)
            deadline = time.monotonic() + 20
            while not self._socket.poll(50):
                assert time.monotonic() < deadline, 'the relay does not pass events on'
                if probe.poll(0, zmq.POLLOUT):
                    probe.send_multipart([b'probe', json.dumps({
                        'type': 'probe', 'timestamp': time.time(), 'hostname': 'probe@test',
                        'utcoffset': 0, 'pid': 1, 'clock': 1}).encode()])

    def events(self, count, seconds=20, quiet=None):
        """Read `count` events, fewer if they do not come within `seconds`.

        With `quiet`, fewer also once none came for so long. Returns ``[(routing key, event)]``.
        """
        deadline = time.monotonic() + seconds
        events = []
        while len(events) < count:
            left = deadline - time.monotonic()
            messages = read(self._socket, count - len(events), max(0, left), quiet)
            if not messages or left <= 0:
                break
            events += [(key.decode(), json.loads(body)) for key, body in messages
                       if key != b'probe']
        return events

    def event(self, wanted, seconds=20):
        """Read until an event satisfies `wanted` and return it; fail after `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for _, event in self.events(1, max(0, deadline - time.monotonic())):
                if wanted(event):
                    return event
        raise AssertionError(f'the event did not come within {seconds} s')
