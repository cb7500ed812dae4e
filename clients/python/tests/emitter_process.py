"""Runs `emitter` in a process of its own."""

import json
import os
import pathlib
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parent


class Emitter:
    """A process that runs one of the scripts of `emitter`, sending to `push`."""

    def __init__(self, push, *arguments, **environment):
        self._process = subprocess.Popen(
            [sys.executable, str(TESTS / 'emitter.py'), *map(str, arguments)],
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path), XYLEM_PUSH=push,
                     PYTHONDONTWRITEBYTECODE='1', **environment),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def read(self):
        """Return the next value that it says."""
        return json.loads(self._process.stdout.readline())

    def go_on(self):
        """Let it pass the line that it reads."""
        self._process.stdin.write('\n')
        self._process.stdin.flush()

    def finish(self, seconds=60):
        """Wait for its end; return its exit code and what it logged."""
        _, errors = self._process.communicate(timeout=seconds)
        return self._process.returncode, errors

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
