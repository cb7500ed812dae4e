"""Relays with spools, for the benchmarks in this folder: they can be killed, and come back."""

import json
import os
import pathlib
import signal
import subprocess
import urllib.request

ACCEPTED = 'xylem_source_accepted_events_total{source="acked"}'

def metrics(address):
    found = {}
    with urllib.request.urlopen(f'{address}/metrics', timeout=10) as page:
        for line in page.read().decode().splitlines():
            if not line.startswith('#'):
                name, _, value = line.rpartition(' ')
                found[name] = float(value)
    return found


class Relay:
    """`xylem serve` with a spool, on sockets in its folder, which every life of it has again."""

    def __init__(self, binary, folder, name, *settings, config=None):
        listen = {'push': f'ipc://{folder}/{name}-push', 'stream': f'ipc://{folder}/{name}-stream',
                  'acked': 'off', 'publish': 'off', 'http': 'http://127.0.0.1:0'}
        words = [f'{key}.listen={value}' for key, value in listen.items()]
        self.command = [binary, 'serve', *(['-c', str(config)] if config else [])]
        for word in (*words, f'spool.directory={folder}/{name}', 'spool.bytes_max=8GiB',
                     'log.level=error', *settings):
            self.command += ['--set', word]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.push, self.stream, self.http = (ready[k][0] for k in ('push', 'stream', 'http'))
        return self

    def metrics(self):
        return metrics(self.http)

    def cpu_seconds(self):
        fields = pathlib.Path(f'/proc/{self.process.pid}/stat').read_text().rsplit(')')[-1].split()
        return sum(map(int, fields[11:13])) / os.sysconf('SC_CLK_TCK')

    def resident_bytes(self):
        pages = int(pathlib.Path(f'/proc/{self.process.pid}/statm').read_text().split()[1])
        return pages * os.sysconf('SC_PAGE_SIZE')

    def kill(self):
        self._end(signal.SIGKILL)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self._end(signal.SIGTERM)

    def _end(self, how):
        self.process.send_signal(how)
        self.process.wait(30)
        self.process.stdout.close()
