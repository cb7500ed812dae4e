"""What does it cost that the central is killed, again and again?

Four sidecars, each with a producer at full speed, send on to one central over its acked endpoint; a
stream subscriber of the central knows from numbers what was lost, doubled or out of order, over all
of its lives. After every so many events the central is killed with SIGKILL and started anew; then:
how long until it takes in as many events a second as it did before it was ever killed. Premise: it
was killed as often as was asked.

    python3 bench/spool/kills.py build/release/bin [--events 20000000] [--kills 20]
"""

import argparse
import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from relays import ACCEPTED, Relay

SIDECARS = 4
LOOK_EVERY_S = 0.05
WINDOW_S = 0.3
PATIENCE_S = 60


class Central(Relay):
    """Knows how many events all of its lives have taken in, when one looks often enough."""

    accepted_before = accepted_now = 0

    def look(self):
        """(time, events so far)"""
        self.accepted_now = self.metrics().get(ACCEPTED, 0)
        return time.monotonic(), self.accepted_before + self.accepted_now

    def kill_and_forget(self):
        self.kill()
        self.accepted_before += self.accepted_now
        self.accepted_now = 0


def rate_of(looks):
    """Over the last WINDOW_S of the looks."""
    last = looks[-1]
    first = next((look for look in reversed(looks) if last[0] - look[0] >= WINDOW_S), None)
    return None if first is None else (last[1] - first[1]) / (last[0] - first[0])


def goes_on(central, looks, events):
    """Until it has taken in so many events in all."""
    begun = time.monotonic()
    while looks[-1][1] < events:
        time.sleep(LOOK_EVERY_S)
        looks.append(central.look())
        if looks[-1][1] == looks[0][1] and looks[-1][0] - begun > PATIENCE_S:
            sys.exit('the premise failed: nothing comes any more')


def recovery(central, rate):
    """Kills it, starts it; seconds until events come in at that rate, and the looks since."""
    central.kill_and_forget()
    begun = time.monotonic()
    central.start()
    looks = [central.look()]
    while (rate_of(looks) or 0) < rate:
        time.sleep(LOOK_EVERY_S)
        looks.append(central.look())
        if looks[-1][0] - begun > PATIENCE_S:
            sys.exit('the central did not recover')
    return looks[-1][0] - begun - WINDOW_S, looks


def run(options, folder):
    binary = str(options.binaries / 'xylem')
    with contextlib.ExitStack() as stack:
        acked = f'ipc://{folder}/acked'
        central = stack.enter_context(Central(binary, folder, 'central', f'acked.listen={acked}'))
        sidecars = [stack.enter_context(Relay(binary, folder, f'sidecar{n}',
                                              f'upstream.connect={acked}'))
                    for n in range(SIDECARS)]
        command = [binary, 'bench', '--json', '--producers', str(SIDECARS), '--events',
                   str(options.events), '--patience', str(PATIENCE_S), '--receive', central.stream]
        for sidecar in sidecars:
            command += ['--push', sidecar.push]
        load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        stack.callback(load.terminate)
        piece = options.events / (options.kills + 1)
        looks = [central.look()]
        goes_on(central, looks, piece / 10)  # it has begun
        looks = looks[-1:]
        goes_on(central, looks, piece)
        rate = (looks[-1][1] - looks[0][1]) / (looks[-1][0] - looks[0][0])
        print(f'{rate:.0f} events/s before the first kill', file=sys.stderr, flush=True)
        recoveries = []
        for kill in range(options.kills):
            seconds, looks = recovery(central, rate)
            recoveries.append(seconds)
            print(f'kill {kill + 1}: full rate after {seconds:.2f} s', file=sys.stderr, flush=True)
            goes_on(central, looks, (kill + 2) * piece - piece / 4)
        [sink] = json.loads(load.communicate()[0])['subscribers']
        del sink['latency_us'], sink['latency_curve']
        return sink, rate, recoveries


def main():
    words = argparse.ArgumentParser(description=__doc__.split('\n\n', maxsplit=1)[0])
    words.add_argument('binaries', help='where xylem is', type=pathlib.Path)
    words.add_argument('--events', type=int, default=20_000_000)
    words.add_argument('--kills', type=int, default=20)
    options = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        subscriber, rate, recoveries = run(options, folder)
    print(json.dumps({
        'kills': len(recoveries), 'rate_before_events_per_s': rate,
        'recovery_s_median': statistics.median(recoveries), 'recovery_s_most': max(recoveries),
        'recoveries_s': recoveries, 'subscriber': subscriber}, indent=2))


if __name__ == '__main__':
    main()
