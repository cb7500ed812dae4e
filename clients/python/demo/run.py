"""The demonstration: a relay, a real Celery worker, a client that submits tasks, and their events.

    python run.py XYLEM [--seconds N]

Follows the events until Ctrl-C, or for N seconds; then checks that every event that the tasks must
have caused arrived exactly once, and that the relay's ledger balances. Exit code 0 only if so.
Leaves nothing running.
"""

import argparse
import collections
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
TASKS_PER_SECOND = 4
FINISH_SECONDS = 30

# What one task of each kind must have caused, and how often.
LIVES = {
    'ok': {'task-sent': 1, 'task-received': 1, 'task-started': 1, 'task-succeeded': 1},
    'fails': {'task-sent': 1, 'task-received': 1, 'task-started': 1, 'task-failed': 1},
    'retried': {'task-sent': 2, 'task-received': 2, 'task-started': 2, 'task-retried': 1,
                'task-succeeded': 1},
}


class Events:
    """What came out of the relay, counted by a thread that reads a ``xylem dump``."""

    def __init__(self, stream):
        self.by_task = collections.defaultdict(collections.Counter)
        self.by_type = collections.Counter()
        self.gaps = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream):
        for line in stream:
            event = json.loads(line)
            with self._changed:
                self.gaps += event['type'] == 'xylem-gap'
                self.by_type[event['type']] += 1
                if 'uuid' in event:
                    self.by_task[event['uuid']][event['type']] += 1
                self._changed.notify_all()

    def wait_for(self, holds, seconds):
        """Wait until ``holds()``; False if it did not come true in time."""
        with self._changed:
            return self._changed.wait_for(holds, seconds)


class Demo:
    """The processes, in the order in which they start; each is ended by its process id."""

    def __init__(self, xylem, folder):
        self.xylem, self.folder = xylem, folder
        self.processes = []
        (folder / 'queue').mkdir()

    def start(self, name, *command, **options):
        """Start a process; Ctrl-C is for us alone, we end the others in order."""
        process = subprocess.Popen(command, start_new_session=True, **options)
        self.processes.append((name, process))
        return process

    def start_relay(self):
        settings = []
        for key, port in (('push', 7600), ('acked', 7601), ('publish', 7602), ('stream', 7603),
                          ('http', 7680)):
            scheme = 'http' if key == 'http' else 'tcp'
            settings += ['--set', f'{key}.listen={scheme}://127.0.0.1:{port if free(port) else 0}']
        relay = self.start('relay', self.xylem, 'serve', *settings, stdout=subprocess.PIPE,
                           stderr=(self.folder / 'relay.log').open('wb'), text=True)
        ready = relay.stdout.readline()
        if not ready:
            sys.exit('the relay did not start:\n' + (self.folder / 'relay.log').read_text())
        self.endpoints = {name: where[0] for name, where in json.loads(ready).items()
                          if isinstance(where, list)}
        self.environment = dict(os.environ, XYLEM_PUSH=self.endpoints['push'],
                                XYLEM_STREAM=self.endpoints['stream'],
                                DEMO_FOLDER=str(self.folder), PYTHONDONTWRITEBYTECODE='1',
                                PYTHONPATH=f'{HERE.parent}:{HERE}')

    def start_worker(self):
        return self.start(
            'worker', sys.executable, '-m', 'celery', '-A', 'tasks', 'worker', '-E',
            '--concurrency', '2', '--without-gossip', '--without-mingle', '--hostname',
            'demo@%h', '--loglevel', 'WARNING', env=self.environment, cwd=self.folder,
            stdout=(self.folder / 'worker.log').open('wb'), stderr=subprocess.STDOUT)

    def start_client(self):
        return self.start('client', sys.executable, str(HERE / 'submit.py'), str(TASKS_PER_SECOND),
                          env=self.environment, cwd=self.folder,
                          stdout=(self.folder / 'submitted').open('wb'))

    def start_dump(self, *options, **streams):
        return self.start('dump', self.xylem, 'dump', *options, env=self.environment, **streams)

    def submitted(self):
        """Return ``{uuid: kind}`` of every task that the client submitted."""
        lines = (self.folder / 'submitted').read_text().splitlines()
        return {task['uuid']: task['kind'] for task in map(json.loads, lines)}

    def unbalanced(self):
        """Return the taps whose ledger does not balance, which is none."""
        with urllib.request.urlopen(self.endpoints['http'] + '/api/taps', timeout=5) as page:
            taps = json.load(page)['taps']
        return [tap for tap in taps if not tap['ledger']['balances']]

    def close(self):
        """End what still runs, the last first."""
        for _, process in reversed(self.processes):
            if process.poll() is None:
                end(process, seconds=10)


def free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError:
            return False
        return True


def end(process, seconds):
    """SIGTERM, then SIGKILL after so many seconds; return the exit code."""
    process.terminate()
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def problems_of(tasks, events):
    """Return a sentence for every task whose events are not the ones that it must have caused."""
    wrong = []
    for uuid, kind in tasks.items():
        seen = events.by_task.get(uuid, {})
        if seen != LIVES[kind]:
            wrong.append(f'task {uuid} ({kind}): expected {LIVES[kind]}, saw {dict(seen)}')
    for type_ in ('worker-online', 'worker-heartbeat', 'worker-offline'):
        if not events.by_type[type_]:
            wrong.append(f'no {type_} arrived')
    if events.gaps:
        wrong.append(f'{events.gaps} gaps in the stream')
    return wrong


def follow(seconds):
    """Let people watch, until Ctrl-C or for so many seconds."""
    try:
        if seconds:
            time.sleep(seconds)
        else:
            signal.pause()
    except KeyboardInterrupt:
        print()


def finish(demo, events, worker, client):
    """Stop in order, so that every event has its chance; return what is wrong."""
    end(client, seconds=10)
    tasks = demo.submitted()
    print(f'\n{len(tasks)} tasks submitted; waiting for the last of them ...', flush=True)
    events.wait_for(lambda: all(events.by_task.get(uuid) == LIVES[kind]
                                for uuid, kind in tasks.items()), FINISH_SECONDS)
    end(worker, seconds=20)
    events.wait_for(lambda: events.by_type['worker-offline'], 5)
    wrong = problems_of(tasks, events)
    wrong += [f"the ledger of {tap['name']} does not balance: {tap['ledger']}"
              for tap in demo.unbalanced()]
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('xylem')
    parser.add_argument('--seconds', type=float, default=0)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    with tempfile.TemporaryDirectory(prefix='xylem-demo-') as folder:
        demo = Demo(arguments.xylem, pathlib.Path(folder))
        try:
            demo.start_relay()
            print('The relay listens at ' + ', '.join(demo.endpoints.values()))
            print('Events of a Celery worker and its client follow'
                  + (f' for {arguments.seconds:g} s:' if arguments.seconds else '; Ctrl-C ends:'),
                  flush=True)
            reader = demo.start_dump('--format', 'json', '--name', 'demo-check', '--overflow',
                                     'block', stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                     text=True)
            events = Events(reader.stdout)
            demo.start_dump('--format', 'text', '--name', 'demo-screen', stderr=subprocess.DEVNULL)
            worker = demo.start_worker()
            client = demo.start_client()
            follow(arguments.seconds)
            wrong = finish(demo, events, worker, client)
        finally:
            demo.close()
        relay_code = demo.processes[0][1].returncode
    if relay_code != 0:
        wrong.append(f'the relay ended with exit code {relay_code}')
    print('\nevents that arrived:')
    for type_, count in sorted(events.by_type.items()):
        print(f'  {type_:<20} {count:>6}')
    for sentence in wrong:
        print('PROBLEM', sentence)
    print('every expected event arrived once, and the ledger balances' if not wrong else
          f'{len(wrong)} problems')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
