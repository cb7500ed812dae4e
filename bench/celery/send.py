"""S8: what send() costs a worker, by Celery's dispatcher, the Python plug-in and the C++ one.

    python3 -m bench.celery.send [--quick]
"""

import json
import os
import subprocess
import sys
import tempfile

from bench.celery.alone import run_alone
from bench.celery.processes import PYTHON, REPOSITORY, Relay, clean_environment

ROUNDS = 3
WAYS = (
    ('celery', 'floor: dict and JSON, sent nowhere', 'floor'),
    ('celery', 'dispatcher, singly', 'celery-single'),
    ('celery', 'dispatcher, lists of 24', 'celery-lists'),
    ('xylem', 'Python plug-in, singly', 'xylem-single'),
    ('xylem', 'Python plug-in, lists of 24', 'xylem-lists'),
    ('xylem', 'C++ dispatcher, singly', 0),
    ('xylem', 'C++ dispatcher, buffered', 1),
)


def rows(context, quick):
    found = [{'scenario': 'S8', 'group': None, 'system': system, 'client': client, 'x': None,
              'command': f'./dev bench --only S8:{system}', 'skipped': None, 'runs': []}
             for system, client, _ in WAYS]
    with tempfile.TemporaryDirectory() as folder, Relay(context.binaries, folder) as relay:
        for _ in range(1 if quick else ROUNDS):
            for row, (_, _, way) in zip(found, WAYS):
                if not row['skipped']:
                    _measure(row, way, context, relay, quick)
    return found


def _measure(row, way, context, relay, quick):
    try:
        if isinstance(way, int):
            row['runs'].append(_cpp(context.binaries, relay, way, quick))
        elif way.startswith('celery') and not context.rabbitmq:
            row['skipped'] = 'rabbitmq-server is not installed'
        else:
            url = context.rabbitmq.amqp_url if way.startswith('celery') else relay.push
            row['runs'].append(_python(way, url, quick))
    except (RuntimeError, OSError) as error:
        row['skipped'] = str(error)


def _python(way, url, quick):
    done = subprocess.run(
        [PYTHON, '-m', 'bench.celery.send_load', way, url, *(['--quick'] if quick else [])],
        cwd=REPOSITORY, env=clean_environment(), capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f'{way}: {done.stderr.strip()[-300:]}')
    return json.loads(done.stdout)


def _cpp(binaries, relay, buffered, quick):
    done = subprocess.run(
        [os.path.join(binaries, 'dispatcher_send_bench'), '--benchmark_format=json',
         f'--benchmark_filter=buffered:{buffered}',
         f'--benchmark_min_time={0.1 if quick else 0.5}'],
        env=clean_environment(XYLEM_PUSH=relay.push), capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f'dispatcher_send_bench: {done.stderr.strip()[-300:]}')
    bursts, paced = json.loads(done.stdout)['benchmarks']
    for one in (bursts, paced):
        if one.get('error_occurred'):
            raise RuntimeError(f'{one["name"]}: {one["error_message"]}')
    return {'us_per_send': 1e6 / bursts['items_per_second'], 'cpu_us_per_send': bursts['cpu_us'],
            'process_cpu_us_per_send': bursts['cpu_us_of_all_threads'],
            'p50_us_per_send': paced['p50_us'], 'p99_us_per_send': paced['p99_us']}


if __name__ == '__main__':
    sys.exit(run_alone(rows, 'S8'))
