"""Runs cases: one bench program for each, in interleaved rounds, with progress on stderr."""

import json
import os
import pathlib
import resource
import subprocess
import sys
import time

import peers

# Rounds of a whole run, and of a quick one.
ROUNDS = {'S1': 5, 'S2': 5, 'S3': 5, 'S4': 5, 'S5': 2, 'S6': 3}
QUICK_ROUNDS = {'S1': 2, 'S2': 2, 'S3': 2, 'S4': 2, 'S5': 1, 'S6': 1}
SECONDS = {'S1': 2.5, 'S2': 2, 'S3': 2, 'S4': 3, 'S5': 1.5, 'S6': 3}
QUICK_SECONDS = {'S1': 1, 'S2': 0.8, 'S3': 0.8, 'S4': 1.5, 'S5': 0.5, 'S6': 1.2}
# Beyond the events themselves: starting and ending processes, waiting for who was stalled.
AROUND_SECONDS = {'S6': 2.5}
RUN_SECONDS_MAX = 180


class Progress:
    """Which run it is, and how long the rest will take at the pace so far."""

    def __init__(self, runs, expected_s):
        self.runs, self.expected_s = runs, expected_s
        self.done, self.done_s, self.since = 0, 0.0, time.monotonic()

    def say(self, name, expected_s):
        elapsed = time.monotonic() - self.since
        pace = elapsed / self.done_s if self.done > 3 else 1.0
        left = max(self.expected_s - self.done_s, 0) * pace
        self.done += 1
        self.done_s += expected_s
        text = f'[{self.done}/{self.runs}] {name}, about {left / 60:.1f} min left'
        if sys.stderr.isatty():
            print(f'\r\033[K{text}', end='', file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def end(self):
        if sys.stderr.isatty():
            print('\r\033[K', end='', file=sys.stderr)


class Bench:
    """Everything a case needs to run: binaries, peers, and how long runs are."""

    def __init__(self, binaries, quick, rounds=None):
        self.binaries = pathlib.Path(binaries)
        self.quick = quick
        self.rounds = rounds
        self.peers = peers.Peers(self.binaries)

    def rounds_of(self, scenario):
        return self.rounds or (QUICK_ROUNDS if self.quick else ROUNDS)[scenario]

    def seconds_of(self, scenario):
        return (QUICK_SECONDS if self.quick else SECONDS)[scenario]

    def expected_s(self, case):
        return self.seconds_of(case.scenario) + AROUND_SECONDS.get(case.scenario, 1.0)

    def run_all(self, cases):
        """Fills in the runs of `cases`, round by round, so that drift hits all of them alike."""
        able = [case for case in cases if case.skipped is None]
        total = sum(self.rounds_of(case.scenario) for case in able)
        progress = Progress(total, sum(
            self.rounds_of(case.scenario) * self.expected_s(case) for case in able))
        for scenario in dict.fromkeys(case.scenario for case in able):
            of_scenario = [case for case in able if case.scenario == scenario]
            for number in range(self.rounds_of(scenario)):
                for case in of_scenario:
                    if case.skipped is None:
                        progress.say(f'round {number + 1}: {case.name()}', self.expected_s(case))
                        self.run(case)
        progress.end()

    def run(self, case):
        events = max(2048, int(case.events_in_a_second * self.seconds_of(case.scenario)))
        try:
            if case.system == 'xylem':
                share = OthersShare()
                said = self.program('xylem', 'bench', *case.options, '--events', events)
            else:
                said, share = self.run_peer(case, events)
        except peers.Unavailable as error:
            case.skipped = str(error)
            return
        broker_s = 0
        if case.system in self.peers.lasting:  # the others have ended, and so are our children's
            broker_s = said['relay_cpu_s_per_million'] * said['events'] / 1e6
        case.runs.append({**figures(said, case.scenario), 'others_cpu_share': share.now(broker_s)})
        case.told = told(said) or case.told

    def run_peer(self, case, events):
        peer = self.peers.start(case.system, case.stalls)
        share = OthersShare()
        try:
            return self.program('peer_bench', '--carrier', case.system, '--push', peer.push,
                                '--receive', peer.receive, '--pid', peer.pid, '--events', events,
                                *case.options, *peer.bench_options()), share
        finally:
            self.peers.done(peer)

    def program(self, name, *words):
        command = [self.binaries / name, *map(str, words), '--json']
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
        except subprocess.TimeoutExpired as error:
            raise peers.Unavailable(f'a run was not over after {RUN_SECONDS_MAX} s') from error
        if not done.stdout:
            raise peers.Unavailable(done.stderr.strip() or f'{name} said nothing')
        return json.loads(done.stdout)


class OthersShare:
    """The share of the machine that neither the run nor its idle time had: the premise is that
    there is nobody else."""

    def __init__(self):
        self.since, self.busy_s, self.ours_s = time.monotonic(), self.busy(), self.ours()

    @staticmethod
    def busy():
        user, nice, system = pathlib.Path('/proc/stat').read_text().split()[1:4]
        return (int(user) + int(nice) + int(system)) / os.sysconf('SC_CLK_TCK')

    @staticmethod
    def ours():
        used = [resource.getrusage(who) for who in
                (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in used)

    def now(self, broker_s):
        seconds = (time.monotonic() - self.since) * os.cpu_count()
        others = self.busy() - self.busy_s - (self.ours() - self.ours_s) - broker_s
        return round(max(0, others / seconds), 3)


def figures(said, scenario):
    """One run as the report reads it; of the subscribers that were not stalled."""
    steady = [one for one in said['subscribers'] if not one['stalled']]
    run = {'events_per_s': said['events_per_s'], 'deliveries_per_s': said['deliveries_per_s'],
           'lost': sum(one['lost'] for one in steady),
           'duplicates': sum(one['duplicates_or_disorder'] + one['misrouted'] for one in steady),
           'gapped': sum(one['gapped'] for one in steady),
           'broker_cpu_s_per_million': said['relay_cpu_s_per_million'],
           'broker_peak_mib': said['relay_peak_bytes'] / 2**20}
    if scenario == 'S4':  # at full speed latency is queueing
        late = steady[0]['latency_us']
        run['latency_us'] = {'p50': late['p50'], 'p90': late['p90'], 'p99': late['p99'],
                             'p999': late['p99.9'], 'max': late['p100']}
        run['latency_curve'] = steady[0]['latency_curve']
    return run


def told(said):
    """What a stalled subscriber learned when it went on, in words; None if nobody was."""
    for one in said['subscribers']:
        if not one['stalled']:
            continue
        came = f"{one['received']:,} of {one['expected']:,} events came"
        if one['gapped']:
            untold = f"; {one['lost']:,} more are missing untold" if one['lost'] else ''
            return f"{came}, gap notices said that {one['gapped']:,} would not{untold}"
        if one['cut_off']:
            return f'{came}, then its connection was closed'
        return f"{came}, and nothing about the other {one['lost']:,}" if one['lost'] else came
    return None
