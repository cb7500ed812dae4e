"""Runs the benchmarks and prints a table: `./dev bench [--quick]`.

The micro benchmarks, then the program end to end: every way to push with every way to receive, each
in interleaved rounds of which the median is shown with the least and the most. Everything is also
written to build/bench/results.json. Exit code 1 if a premise failed or events were lost.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

MICRO = ('celery_json_bench', 'batch_codec_bench', 'topic_pattern_bench', 'spsc_ring_bench',
         'pipeline_bench')
# name, options of `xylem bench`, events
THROUGHPUT = (
    ('batch to stream', ['--lane', 'batch'], 4_000_000),
    ('list of 24 to stream', ['--lane', 'list'], 4_000_000),
    ('single to stream', ['--lane', 'single'], 2_000_000),
    ('single to publish', ['--lane', 'single', '--sink', 'publish'], 1_000_000),
    ('batch to 4 patterns', ['--lane', 'batch', '--pattern', '#', '--pattern', 'task.*',
                             '--pattern', 'task.failed', '--pattern', 'worker.#'], 2_000_000),
)
LATENCY = (
    ('single to stream', ['--lane', 'single']),
    ('single to publish', ['--lane', 'single', '--sink', 'publish']),
    ('batch to stream', ['--lane', 'batch']),
)
RATE = 10_000


def run_micro(folder, quick):
    """Return ``{program: [benchmark]}`` as Google Benchmark reports them, and what went wrong."""
    found, wrong = {}, []
    for name in MICRO:
        out = subprocess.run(
            [folder / name, '--benchmark_format=json',
             f'--benchmark_min_time={0.05 if quick else 0.5}'],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
        found[name] = json.loads(out)['benchmarks']
        wrong += [f"{one['name']}: {one['error_message']}" for one in found[name]
                  if one.get('error_occurred')]
    return found, wrong


def run_program(folder, *options):
    """Return what one `xylem bench` reports."""
    done = subprocess.run([folder / 'xylem', 'bench', '--json', *map(str, options)],
                          stdout=subprocess.PIPE, text=True)
    if not done.stdout:
        sys.exit(f'xylem bench {options} said nothing')
    return json.loads(done.stdout)


def spread(values, form):
    return f'{form(statistics.median(values))} ({form(min(values))} to {form(max(values))})'


def print_micro(found):
    for name, rows in found.items():
        print(f'\n{name}')
        for row in rows:
            if 'error_message' in row:
                continue
            items = row.get('items_per_second')
            each = f'{1e9 / items:10.1f} ns/item' if items else f'{row["real_time"]:10.1f} ns'
            print(f'  {row["name"]:<48}{each}')


def main():
    parser = argparse.ArgumentParser(prog='./dev bench')
    parser.add_argument('folder', type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument('--quick', action='store_true', help='fewer events, one round')
    arguments = parser.parse_args()
    folder, rounds = arguments.folder, 1 if arguments.quick else 3
    share = 0.25 if arguments.quick else 1

    micro, wrong = run_micro(folder, arguments.quick)
    print_micro(micro)
    results = {'micro': micro, 'throughput': {}, 'latency': {}}
    for number in range(rounds):
        print(f'\rround {number + 1} of {rounds} ...', end='', file=sys.stderr, flush=True)
        for name, options, events in THROUGHPUT:
            results['throughput'].setdefault(name, []).append(
                run_program(folder, *options, '--events', int(events * share)))
        for name, options in LATENCY:
            results['latency'].setdefault(name, []).append(
                run_program(folder, *options, '--rate', RATE, '--events', int(8 * RATE * share)))
    print(file=sys.stderr)

    print(f'\n{"400-byte events at full speed":<34}{"events/s":>40}'
          f'{"CPU-s per million, relay":>30}')
    for name, runs in results['throughput'].items():
        rate = spread([run['events_per_s'] for run in runs], lambda value: f'{value:,.0f}')
        cost = spread([run['relay_cpu_s_per_million'] for run in runs], '{:.2f}'.format)
        print(f'  {name:<32}{rate:>40}{cost:>30}')
    print(f'\n{f"latency at {RATE:,} events/s":<34}{"p50 us":>30}{"p99 us":>30}')
    for name, runs in results['latency'].items():
        p50, p99 = (spread([run['subscribers'][0]['latency_us'][part] for run in runs],
                           '{:.0f}'.format) for part in ('p50', 'p99'))
        print(f'  {name:<32}{p50:>30}{p99:>30}')
    wrong += [f'{name}: events were lost or out of order' for part in ('throughput', 'latency')
              for name, runs in results[part].items() if not all(run['lossless'] for run in runs)]

    out = folder.parent.parent / 'bench' / 'results.json'
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=1))
    print(f'\nall of it: {out}')
    for sentence in wrong:
        print('PROBLEM', sentence)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
