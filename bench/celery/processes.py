"""Processes that a measurement starts, asks, watches and ends: load in Python, a relay.

The load runs as `python3 -m bench.celery.NAME` from the repository, where `import celery` finds
Celery and not this folder.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PYTHON = '/usr/bin/python3'


def clean_environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith('XYLEM_')}
    return dict(kept, PYTHONPATH=f'{REPOSITORY}:{REPOSITORY}/clients/python',
                PYTHONDONTWRITEBYTECODE='1', **more)


def cpu_seconds(pid):
    """User and system time of all threads that a process has, to the nanosecond.

    /proc/PID/stat counts in hundredths of a second, too coarse for a relay that rests.
    """
    total = 0
    for thread in pathlib.Path(f'/proc/{pid}/task').iterdir():
        try:
            total += int((thread / 'schedstat').read_text().split()[0])
        except FileNotFoundError:
            pass  # it ended meanwhile
    return total / 1e9


def resident_bytes(pid):
    status = pathlib.Path(f'/proc/{pid}/status').read_text()
    return int(re.search(r'VmRSS:\s+(\d+)', status).group(1)) * 1024


class Load:
    """A module of ours in its own process, which answers each line we write with one of JSON."""

    def __init__(self, module, *arguments, **environment):
        self._process = subprocess.Popen(
            [PYTHON, '-m', f'bench.celery.{module}', *map(str, arguments)], cwd=REPOSITORY,
            env=clean_environment(**environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, bufsize=1)

    @property
    def pid(self):
        return self._process.pid

    def answer(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f'{self._process.args[2]} ended with code {self._process.wait()}')
        return json.loads(line)

    def tell(self, word):
        self._process.stdin.write(word + '\n')

    def ask(self, word):
        self.tell(word)
        return self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


class Relay:
    """`xylem serve` on ports of its own; `push`, `publish`, `stream`, `http` say which."""

    def __init__(self, binaries, folder, *settings, **environment):
        listen = [f'{name}.listen=tcp://127.0.0.1:0' for name in ('acked', 'publish', 'stream')]
        listen += [f'push.listen=[tcp://127.0.0.1:0, ipc://{folder}/push]',
                   'http.listen=http://127.0.0.1:0']
        command = [str(pathlib.Path(binaries) / 'xylem'), 'serve']
        for setting in (*listen, *settings):
            command += ['--set', setting]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                                         stderr=subprocess.DEVNULL,
                                         env=clean_environment(**environment))
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f'the relay ended with code {self._process.wait()}')
        ready = json.loads(line)
        self.push, self.push_ipc = ready['push'][:2]
        self.publish, self.stream, self.http = (
            ready[name][0] for name in ('publish', 'stream', 'http'))
        self.pid = self._process.pid

    def metric(self, name):
        """The sum of its samples; `name` may go on into the labels: ``name{sink="amqp"``."""
        with urllib.request.urlopen(f'{self.http}/metrics', timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(' ', 1)[1]) for line in lines if line.startswith(name))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
