"""S9: how many events one monitor takes in, and at what price.

    python3 -m bench.celery.receive [--quick]

Celery's Receiver reads a RabbitMQ queue that was filled before; Xylem's monitor, `xylem dump` into
nothing, holds back its source (`--overflow block`), so that in both nothing waits for events. The
Python plug-in has no receiver.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from bench.celery.alone import run_alone
from bench.celery.processes import PYTHON, REPOSITORY, Relay, clean_environment

ROUNDS = 3
CELERY = (
    ('Receiver, singly', 30_000, 1, []),
    ('Receiver, lists of 24', 120_000, 24, []),
    ('Receiver and State, lists of 24', 48_000, 24, ['state']),
)
XYLEM_EVENTS = 2_000_000
CONNECT_SECONDS = 1


def rows(context, quick):
    share = 0.3 if quick else 1
    measures = [('celery', client, lambda events=events, options=options: by_celery(
        context.rabbitmq, int(events * share) // 24 * 24, *options))
        for client, events, *options in CELERY]
    measures.append(('xylem', 'dump --format json', lambda: _dump(
        context.binaries, int(XYLEM_EVENTS * share))))
    found = [{'scenario': 'S9', 'group': None, 'system': system, 'client': client, 'x': None,
              'command': f'./dev bench --only S9:{system}', 'skipped': None, 'runs': []}
             for system, client, _ in measures]
    for _ in range(1 if quick else ROUNDS):
        for row, (system, _, measure) in zip(found, measures):
            if system == 'celery' and not context.rabbitmq:
                row['skipped'] = 'rabbitmq-server is not installed'
            elif not row['skipped']:
                try:
                    row['runs'].append(measure())
                except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                    row['skipped'] = str(error)
    return found


def by_celery(broker, events, per_message, more=()):
    """Celery's Receiver takes in so many events; `more` may say `state`."""
    done = subprocess.run(
        [PYTHON, '-m', 'bench.celery.receive_load', broker.amqp_url, str(events),
         str(per_message), *more], cwd=REPOSITORY, env=clean_environment(), capture_output=True,
        text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"Celery's Receiver: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


def _dump(binaries, events):
    """CPU of the whole process, libzmq's thread included, from its end to its beginning."""
    xylem = str(pathlib.Path(binaries) / 'xylem')
    with tempfile.TemporaryDirectory() as folder, Relay(binaries, folder) as relay:
        dump = subprocess.Popen(
            [xylem, 'dump', '--connect', relay.stream, '--format', 'json', '--overflow', 'block',
             '--limit', str(events)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=clean_environment())
        time.sleep(CONNECT_SECONDS)
        began = time.perf_counter()
        # Its own subscriber wants one event in 64; the others only the dump reads.
        load = subprocess.Popen(
            [xylem, 'bench', '--lane', 'batch', '--events', str(events), '--push', relay.push,
             '--receive', relay.stream, '--pattern', 'worker.#'], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=clean_environment())
        try:
            _, status, used = os.wait4(dump.pid, 0)
            seconds = time.perf_counter() - began
            dump.returncode = os.waitstatus_to_exitcode(status)
            load.wait(30)
        finally:
            load.kill()
            load.wait()
        if dump.returncode:
            raise RuntimeError(f'xylem dump ended with code {dump.returncode}')
        return {'events_per_s': events / seconds,
                'receiver_cpu_s_per_million': (used.ru_utime + used.ru_stime) / events * 1e6}


if __name__ == '__main__':
    sys.exit(run_alone(rows, 'S9'))
