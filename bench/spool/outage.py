"""What happens while the central is away for a minute?

A sidecar takes in events at a steady rate; its central is killed, and started a minute later. A
stream subscriber of the central knows from numbers what was lost, doubled or out of order; a plain
SUB socket on its publish endpoint looks how old the heartbeats are that it gets. Reported: how much
memory the sidecar had during the outage, how long the central took to catch up, and the oldest
heartbeat in the live view. Premise: heartbeats were dropped for their age, so some were too old.

    python3 bench/spool/outage.py build/release/bin [--rate 50000] [--seconds 60]
"""

import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import zmq

from relays import Relay

SIDECAR = pathlib.Path(__file__).resolve().parents[2] / 'configs/sidecar.toml'
BEFORE_S = 10
AFTER_S = 30
SETTLED_S = 5  # of an outage, until the sidecar has noticed it
LOOK_EVERY_S = 0.1
STALE = 'xylem_tap_dropped_events_total{sink="publish",tap="publish",reason="stale"}'
# The first field of the bench's events ends with when they were sent (relay/cli/bench_event.cc).
SENT_NS = slice(23, 40)


class LiveView(threading.Thread):
    """Heartbeats as a monitor sees them; `ages_s` of (when, how old)."""

    def __init__(self, endpoint):
        super().__init__(daemon=True)
        self.ages_s, self._endpoint, self._over = [], endpoint, threading.Event()

    def run(self):
        with zmq.Context() as context, context.socket(zmq.SUB) as socket:
            socket.connect(self._endpoint)
            socket.subscribe(b'worker.heartbeat')
            while not self._over.is_set():
                if socket.poll(100):
                    _, body = socket.recv_multipart()
                    now = time.monotonic()
                    self.ages_s.append((now, now - int(body[SENT_NS]) / 1e9))

    def stop(self):
        self._over.set()
        self.join()


def held(sidecar):
    return sum(value for name, value in sidecar.metrics().items()
               if name.startswith('xylem_tap_held_events{') and 'sink="upstream"' in name)


def outage(central, sidecar, seconds):
    """(the sidecar's resident bytes while the central was away, what waited, seconds to catch
    up)"""
    central.kill()
    end = time.monotonic() + seconds
    resident = []
    while time.monotonic() < end:
        time.sleep(LOOK_EVERY_S)
        if end - time.monotonic() < seconds - SETTLED_S:
            resident.append(sidecar.resident_bytes())
    waiting = held(sidecar)
    begun = time.monotonic()
    central.start()
    while held(sidecar) > 10_000:
        time.sleep(LOOK_EVERY_S)
    return resident, waiting, time.monotonic() - begun


def run(options, folder):
    binary = str(options.binaries / 'xylem')
    acked, publish = f'ipc://{folder}/acked', f'ipc://{folder}/publish'
    with contextlib.ExitStack() as stack:
        central = stack.enter_context(Relay(binary, folder, 'central', f'acked.listen={acked}',
                                            f'publish.listen={publish}'))
        sidecar = stack.enter_context(Relay(binary, folder, 'sidecar', f'upstream.connect={acked}',
                                            config=SIDECAR))
        view = LiveView(publish)
        view.start()
        events = int(options.rate * (BEFORE_S + options.seconds + AFTER_S))
        load = subprocess.Popen([
            binary, 'bench', '--json', '--events', str(events), '--rate', str(options.rate),
            '--patience', str(options.seconds + 60), '--push', sidecar.push,
            '--receive', central.stream], stdout=subprocess.PIPE, text=True)
        stack.callback(load.terminate)
        time.sleep(BEFORE_S)
        resident, waiting, caught_up = outage(central, sidecar, options.seconds)
        [subscriber] = json.loads(load.communicate()[0])['subscribers']
        stale = central.metrics().get(STALE, 0)
        view.stop()
    if stale == 0:
        sys.exit('the premise failed: no heartbeat was too old')
    return {'waited_events': waiting, 'caught_up_s': caught_up,
            'sidecar_resident_mib': [min(resident) / 2**20, max(resident) / 2**20],
            'sidecar_resident_mib_at_the_ends': [resident[0] / 2**20, resident[-1] / 2**20],
            'heartbeats_in_live_view': len(view.ages_s), 'heartbeats_too_old_for_it': stale,
            'oldest_heartbeat_in_live_view_s': max(age for _, age in view.ages_s),
            'subscriber': {name: subscriber[name] for name in
                           ('expected', 'received', 'lost', 'gapped', 'duplicates_or_disorder',
                            'repeated')}}


def main():
    words = argparse.ArgumentParser(description=__doc__.split('\n\n', maxsplit=1)[0])
    words.add_argument('binaries', help='where xylem is', type=pathlib.Path)
    words.add_argument('--rate', type=float, default=50_000, help='events a second')
    words.add_argument('--seconds', type=float, default=60, help='of the outage')
    options = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(options, folder), indent=2))


if __name__ == '__main__':
    main()
