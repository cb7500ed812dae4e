"""Runs the benchmarks: `./dev bench [--quick] [--only S1[:nats[:client]]] [--list]`.

The micro benchmarks; Xylem end to end beside its peers (S1 to S6, scenarios.py); what it costs
Celery (S7 to S9, bench/celery). Tables go to the terminal, everything to build/bench/results.json
and from there into a report. Exit code 1 if a premise failed or Xylem lost events.
"""

import argparse
import contextlib
import datetime
import importlib
import json
import os
import pathlib
import re
import subprocess
import sys
import types

import measure
import scenarios
import tables

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
MICRO = ('celery_json_bench', 'batch_codec_bench', 'topic_pattern_bench', 'spsc_ring_bench',
         'pipeline_bench', 'shape_bench', 'dispatcher_send_bench')
CELERY = {'S7': 'fleet', 'S8': 'send', 'S9': 'receive'}
SEED = 1
OTHERS_SHARE_MAX = 0.1


def run_micro(folder, quick):
    """Return ``{program: [benchmark]}`` as Google Benchmark reports them, and what went wrong."""
    found, wrong = {}, []
    for name in MICRO:
        print(f'micro: {name}', file=sys.stderr, flush=True)
        out = subprocess.run(
            [folder / name, '--benchmark_format=json',
             f'--benchmark_min_time={0.02 if quick else 0.5}'],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
        found[name] = json.loads(out)['benchmarks']
        wrong += [f"{one['name']}: {one['error_message']}" for one in found[name]
                  if one.get('error_occurred')]
    return found, wrong


def run_celery(folder, quick, only):
    """The rows of S7 to S9, where those scenarios are."""
    wanted = [name for scenario, name in CELERY.items()
              if only in ('', scenario) or only.startswith(scenario + ':')]
    wanted = [name for name in wanted if (REPOSITORY / f'bench/celery/{name}.py').exists()]
    if not wanted:
        return []
    sys.path.insert(0, str(REPOSITORY))
    found = []
    with contextlib.ExitStack() as stack:
        rabbitmq = importlib.import_module('bench.celery.rabbitmq')
        broker = stack.enter_context(rabbitmq.RabbitMQ()) if rabbitmq.installed() else None
        context = types.SimpleNamespace(binaries=folder, rabbitmq=broker)
        for name in wanted:
            print(f'celery: {name}', file=sys.stderr, flush=True)
            found += importlib.import_module(f'bench.celery.{name}').rows(context, quick)
    system = (only.split(':') + [''])[1]
    return [row for row in found if system in ('', row['system'])]


def machine():
    cpu = re.search(r'^model name\s*:\s*(.*)$', pathlib.Path('/proc/cpuinfo').read_text(), re.M)
    memory = re.search(r'^MemTotal:\s*(\d+)', pathlib.Path('/proc/meminfo').read_text(), re.M)
    return {'cpu': cpu.group(1) if cpu else 'unknown', 'cores': os.cpu_count(),
            'kernel': os.uname().release, 'memory_gib': round(int(memory.group(1)) / 2**20)}


def commit():
    done = subprocess.run(['git', '-C', REPOSITORY, 'rev-parse', '--short', 'HEAD'],
                          capture_output=True, text=True)
    return done.stdout.strip() or None


def problems(rows):
    """What makes a run void: Xylem lost something, or could not be measured."""
    for row in rows:
        name = f"{row['scenario']} {row['system']} {row['client']}".rstrip()
        if row['system'] != 'xylem' or row['scenario'] not in scenarios_of_ours():
            continue
        if row['skipped']:
            yield f"{name}: {row['skipped']}"
        for run in row['runs']:
            if run['lost'] or run['duplicates'] or run['gapped']:
                yield (f"{name}: {run['lost']} events lost, {run['gapped']} in gaps, "
                       f"{run['duplicates']} twice or out of order")


def disturbed(rows):
    """A sentence about runs during which other programs had more than a tenth of the machine."""
    shares = [run['others_cpu_share'] for row in rows for run in row['runs']
              if 'others_cpu_share' in run]
    many = sum(share > OTHERS_SHARE_MAX for share in shares)
    return (f'in {many} of {len(shares)} runs other programs had more than '
            f'{OTHERS_SHARE_MAX:.0%} of the machine (at most {max(shares):.0%}); rates and '
            'latencies of these are not to be relied on') if many else None


def scenarios_of_ours():
    return measure.ROUNDS


def write(results, only):
    name = 'results' + ('-' + re.sub(r'\W+', '-', only) if only else '')
    out = REPOSITORY / 'build/bench' / f'{name}.json'
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=1))
    print(f'\nall of it: {out.relative_to(REPOSITORY)}')
    report = REPOSITORY / 'bench/report.py'
    if report.exists() and not only:
        subprocess.run([sys.executable, report, out, out.with_name('report.html')], check=True)


def arguments_of():
    parser = argparse.ArgumentParser(prog='./dev bench')
    parser.add_argument('folder', type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument('--quick', action='store_true', help='short runs, one round')
    parser.add_argument('--only', default='', metavar='SCENARIO[:SYSTEM[:CLIENT]]',
                        help="S1, S1:nats, 'S1:xylem:plain PUSH to SUB', micro; see --list")
    parser.add_argument('--rounds', type=int, help='instead of the usual ones')
    parser.add_argument('--list', action='store_true', help='what --only can name')
    return parser.parse_args()


def main():
    arguments = arguments_of()
    only, quick = arguments.only, arguments.quick
    cases = scenarios.all_cases(quick)
    if arguments.list:
        print('\n'.join(['micro', *dict.fromkeys(case.selector() for case in cases), *CELERY]))
        return 0
    cases = [case for case in cases if case.is_selected(only)]
    if only and not cases and only != 'micro' and only.split(':')[0] not in CELERY:
        sys.exit(f"./dev bench: '{only}' is none of those that --list names")

    folder = arguments.folder.resolve()
    micro, wrong = run_micro(folder, quick) if only in ('', 'micro') else ({}, [])
    tables.print_micro(micro)
    bench = measure.Bench(folder, quick, arguments.rounds)
    try:
        bench.run_all(cases)
    finally:
        bench.peers.stop()
    rows = [case.row() for case in cases] + run_celery(folder, quick, only)
    wrong += problems(rows)
    results = {'made': datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds'),
               'commit': commit(), 'quick': quick, 'seed': SEED, 'machine': machine(),
               'peers': bench.peers.described(), 'rows': rows, 'micro': micro,
               'targets': tables.targets(rows)}
    tables.print_rows([row for row in rows if row['scenario'] in measure.ROUNDS])
    tables.print_targets(results['targets'])
    write(results, only)
    if said := disturbed(rows):
        print('NOTE', said)
    for sentence in wrong:
        print('PROBLEM', sentence)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
