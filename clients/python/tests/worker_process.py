"""A real Celery worker, and clients of it, in processes of their own."""

import json
import os
import pathlib
import signal
import subprocess
import sys

from until import until

TESTS = pathlib.Path(__file__).resolve().parent


class Worker:
    """``celery -A proj worker -E`` in `folder`, sending its events to `push`; ended by its pid.

    Arguments:
        pool: the worker's ``--pool``.
        broker: ``folder`` or ``polled`` (with the event loop), see `polled_transport`.
        environment: more variables for the worker and its clients.
    """

    def __init__(self, folder, push, pool='solo', broker='folder', **environment):
        self.folder = folder
        self._clients = set()
        for name in ('queue', 'results', 'tmp'):
            (folder / name).mkdir(exist_ok=True)
        self._environment = dict(
            os.environ, PYTHONPATH=os.pathsep.join(sys.path), PROJ_FOLDER=str(folder),
            PROJ_BROKER=broker, XYLEM_PUSH=push, TMPDIR=str(folder / 'tmp'),
            PYTHONDONTWRITEBYTECODE='1', **environment)
        with (folder / 'worker.log').open('wb') as log:
            self._process = subprocess.Popen(
                [sys.executable, '-m', 'celery', '-A', 'proj', 'worker', '--pool', pool,
                 '--concurrency', '2', '-E', '--without-gossip', '--without-mingle',
                 '--hostname', 'w1@test', '--loglevel', 'INFO'],
                env=self._environment, cwd=folder, stdout=log, stderr=log)
        try:
            until(lambda: (folder / 'ready').exists() or self._process.poll() is not None,
                  what='the worker')
            assert self._process.poll() is None, self.log
        except BaseException:
            self.close()
            raise

    @property
    def log(self):
        return (self.folder / 'worker.log').read_text()

    def run_tasks(self, *arguments, seconds=30):
        """Run a client, see `proj_client`: without arguments one round of its tasks."""
        with subprocess.Popen([sys.executable, str(TESTS / 'proj_client.py'),
                               *map(str, arguments or (1,))],
                              env=self._environment, cwd=self.folder) as client:
            self._clients.add(client.pid)
            try:
                code = client.wait(seconds)
            except subprocess.TimeoutExpired:
                client.kill()
                raise
        assert code == 0, 'the client failed'

    def break_broker(self):
        """Make its connection to the broker break (with ``polled`` only)."""
        (self.folder / 'queue' / 'break').touch()

    def own(self, events):
        """Return those of the ``{pid: events}`` that are not of its clients."""
        return {pid: events[pid] for pid in events if pid not in self._clients}

    def recorded(self):
        """Return what Celery would have sent, see `recording`: ``{pid: [event]}``, in order."""
        events = {}
        for path in self.folder.glob('sent-*.jsonl'):
            pid = int(path.stem.split('-')[1])
            events[pid] = [json.loads(line) for line in path.read_text().splitlines()]
        return events

    def on_broker(self):
        """Return the events that reached the broker, in order: ``[(routing key, message)]``."""
        found = []
        for path in sorted((self.folder / 'queue').glob('*.watch.msg')):
            message = json.loads(path.read_text())
            found.append((message['properties']['delivery_info']['routing_key'], message))
        return found

    def restart(self):
        """Have it become a new program in the same process, as Celery does on SIGHUP."""
        self._process.send_signal(signal.SIGHUP)

    def stop(self, seconds=30):
        """Shut it down warmly and wait; return the exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        return self._process.wait(seconds)

    def kill(self):
        """End it as the kernel does when memory runs out; its pool's processes see it and end."""
        self._process.kill()
        self._process.wait()

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
