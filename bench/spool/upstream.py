"""What does the way from a sidecar's spool to its central cost, beside the push lane?

Interleaved rounds of: the push lane (C++ library to a stream subscriber, no disk); then a sidecar
with a backlog and a central that has just come back, until the central has acknowledged everything
at `written` and at `synced`; and the disk alone, which is written the same bytes in groups of the
same size, each synced. Premise: nothing is lost, and the central had to take in every event.

    python3 bench/spool/upstream.py build/release/bin [--rounds 3] [--events 2000000]
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from relays import ACCEPTED, Relay, metrics

GROUP_BYTES = 4 << 20  # what the spool's writer puts into one write at the most
LOOK_EVERY_S = 0.02  # so that looking takes nothing from what is looked at


def bench(binary, *words):
    done = subprocess.run([binary, 'bench', '--lane', 'batch', '--json', *words], text=True,
                          capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f'xylem bench failed: {done.stderr}')
    return json.loads(done.stdout)


def push_lane(binary, events):
    return bench(binary, '--events', str(events))['events_per_s']


def held(relay):
    return sum(value for name, value in metrics(relay.http).items()
               if name.startswith('xylem_tap_held_events{sink="upstream"'))


def catch_up(sidecar, central, events):
    """Waits for the backlog to arrive; when it began to, and when it was all there."""
    begun = time.monotonic()
    first = None
    while held(sidecar) != 0:
        time.sleep(LOOK_EVERY_S)
        if time.monotonic() - begun > 120:
            sys.exit('the premise failed: the backlog did not arrive')
        if first is None and metrics(central.http)[ACCEPTED] > 0:
            first = time.monotonic()
    accepted = metrics(central.http)[ACCEPTED]
    if accepted != events:
        sys.exit(f'the premise failed: {accepted} of {events} arrived')
    return first or begun, time.monotonic()


def upstream(binary, folder, events, level):
    """Events and bytes a second from a backlog to a central that acknowledges at `level`."""
    acked = f'ipc://{folder}/acked'
    with Relay(binary, folder, 'sidecar', f'upstream.connect={acked}',
               f'upstream.level={level}') as sidecar:
        bench(binary, '--events', str(events), '--push', sidecar.push, '--receive', sidecar.stream)
        waiting = metrics(sidecar.http)['xylem_pipeline_events_total']
        while held(sidecar) != waiting:
            time.sleep(LOOK_EVERY_S)  # the spool is still writing
        started = time.monotonic()
        with Relay(binary, folder, 'central', f'acked.listen={acked}') as central:
            before = sidecar.cpu_seconds(), central.cpu_seconds()
            begun, ended = catch_up(sidecar, central, waiting)
            cpu = [(relay.cpu_seconds() - was) / waiting * 1e6
                   for relay, was in zip((sidecar, central), before)]
            segments = pathlib.Path(folder, 'central').glob('*.seg')
            size = sum(segment.stat().st_size for segment in segments)
    seconds = ended - begun
    return {'events_per_s': waiting / seconds, 'bytes_per_s': size / seconds, 'bytes': size,
            'recovery_s': begun - started, 'sidecar_cpu_s_per_million': cpu[0],
            'central_cpu_s_per_million': cpu[1]}


def disk(folder, size):
    """Bytes a second that the disk takes, allocated before as the spool's segments are, written in
    groups of the spool's size and synced."""
    block = os.urandom(GROUP_BYTES)
    with open(pathlib.Path(folder) / 'disk', 'wb', buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, size)
        begun = time.monotonic()
        for at in range(0, size, GROUP_BYTES):
            os.pwrite(file.fileno(), block[:min(GROUP_BYTES, size - at)], at)
            os.fdatasync(file.fileno())
        return size / (time.monotonic() - begun)


def one_round(binary, events, parent):
    found = {'push_lane_events_per_s': push_lane(binary, events)}
    for level in ('written', 'synced'):
        folder = tempfile.mkdtemp(dir=parent)
        try:
            found[level] = upstream(binary, folder, events, level)
            found[f'disk_{level}_bytes_per_s'] = disk(folder, found[level]['bytes'])
        finally:
            shutil.rmtree(folder)
    return found


def main():
    words = argparse.ArgumentParser(description=__doc__.split('\n\n', maxsplit=1)[0])
    words.add_argument('binaries', help='where xylem is')
    words.add_argument('--rounds', type=int, default=3)
    words.add_argument('--events', type=int, default=2_000_000)
    words.add_argument('--folder', help='on the disk to be measured (default: the system\'s own)')
    options = words.parse_args()
    binary = str(pathlib.Path(options.binaries) / 'xylem')
    rounds = []
    for number in range(options.rounds):
        print(f'round {number + 1} of {options.rounds}', file=sys.stderr, flush=True)
        rounds.append(one_round(binary, options.events, options.folder))

    def middle(pick):
        return statistics.median(map(pick, rounds))

    report = {
        'rounds': rounds,
        'push_lane_events_per_s': middle(lambda r: r['push_lane_events_per_s']),
        'written_events_per_s': middle(lambda r: r['written']['events_per_s']),
        'written_to_push_lane': middle(
            lambda r: r['written']['events_per_s'] / r['push_lane_events_per_s']),
        'synced_events_per_s': middle(lambda r: r['synced']['events_per_s']),
        'synced_to_disk': middle(
            lambda r: r['synced']['bytes_per_s'] / r['disk_synced_bytes_per_s'])}
    print(json.dumps(report, indent=2))


if __name__ == '__main__':
    main()
