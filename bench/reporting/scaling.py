"""The tables of docs/scaling.md, from measured costs: fleets, what they emit, what that takes."""

import math

from reporting.markdown import markdown
from reporting.results import grouped, rounded

WORKERS = (30, 140, 1_000, 5_000)
TASK_EVENTS = (1, 10, 100)  # a worker's, a second
HEARTBEAT_SECONDS = 2
EVENT_BYTES = 400
# How much of what a relay was measured to do one plans with: the rest is for bursts.
PLANNED = 0.6
# A task's events that share a list, of which a worker's event loop sends one each turn.
LIST_EVENTS = 4
# Cores that waking can take: a relay that is always awake wakes no more.
WAKING_MOST = 1
# What is measured, where: name, scenario, system, the client's words, figure.
COSTS = (
    ('a single event through a busy relay, one monitor', 'S1', 'xylem', 'plain',
     'broker_cpu_s_per_million', 'µs of relay CPU'),
    ('an event in lists of 24 through a busy relay', 'S3', 'xylem', '',
     'broker_cpu_s_per_million', 'µs of relay CPU'),
    ('single events through one relay at most', 'S1', 'xylem', 'plain', 'events_per_s',
     'events/s'),
    ('task events in lists through one relay at most', 'S3', 'xylem', '', 'events_per_s',
     'events/s'),
)


class Costs:
    """Per event: CPU-seconds per million is µs per event."""

    def __init__(self, results):
        self.rows, found = [], []
        for name, scenario, system, words, figure, unit in COSTS:
            row = next((row for row in results.of(scenario)
                        if row.system == system and words in row.client
                        and row.median(figure) is not None), None)
            found.append(row.median(figure) if row else math.nan)
            self.rows.append([name, grouped(found[-1]) if unit.startswith('µs')
                              else rounded(found[-1]), unit, _command(row, scenario)])
        self.single, self.listed, self.single_most, self.listed_most = found
        gossip = self._gossip(results)
        self.delivery, self.delivery_bytes = gossip[:2]
        self.wake, command = self._wake(results)
        self.rows.append(['a message that wakes an idle relay', grouped(self.wake),
                          'µs of relay CPU', command])
        self.rows.append(['a gossip delivery through RabbitMQ', grouped(self.delivery),
                          'µs of broker CPU', gossip[2]])
        self.rows.append(['a gossip delivery through RabbitMQ', grouped(self.delivery_bytes),
                          'bytes', gossip[2]])

    def cores(self, messages, singles, listed):
        """What a relay takes: at most what waking costs, and what each event costs."""
        waking = min(messages * self.wake / 1e6, WAKING_MOST)
        return waking + (singles * self.single + listed * self.listed) / 1e6

    @staticmethod
    def _wake(results):
        """The largest fleet with one monitor: so few messages that each finds the relay asleep."""
        rows = [row for row in results.of('S7') if row.system == 'xylem' and row.x
                and 'monitor' in row.client and row.median('broker_cpu_share') is not None]
        if not rows:
            return math.nan, _command(None, 'S7')
        row = max(rows, key=lambda row: row.x)
        share = row.median('broker_cpu_share')
        return share / (row.x / HEARTBEAT_SECONDS) * 1e6, _command(row, 'S7')

    @staticmethod
    def _gossip(results):
        """The cheapest that it was at any fleet: under pressure a broker, too, wakes less."""
        found = []
        for row in results.of('S7'):
            share, messages, taken = (row.median(figure) for figure in (
                'broker_cpu_share', 'broker_messages_per_s', 'broker_bytes_per_s'))
            if row.system == 'celery' and messages:
                found.append((share / messages * 1e6, taken / messages, _command(row, 'S7')))
        return min(found, default=(math.nan, math.nan, _command(None, 'S7')))


def _command(row, scenario):
    return f'`{row.command}`' if row and row.command else f'`./dev bench --only {scenario}`'


def scaling(results):
    costs = Costs(results)
    broker, relays = [], []
    for workers in WORKERS:
        beats = workers / HEARTBEAT_SECONDS
        messages = beats + beats * workers
        broker.append([grouped(workers), rounded(beats), rounded(messages),
                       f'{rounded(messages * costs.delivery_bytes / 1e6)} MB/s',
                       grouped(messages * costs.delivery / 1e6), '0',
                       rounded(2 * beats), grouped(costs.cores(beats, beats, 0))])
        for rate in TASK_EVENTS:
            relays.append(_relay(costs, workers, rate))
    return '\n\n'.join((
        markdown(['cost', 'measured', 'of', 'by'], costs.rows),
        markdown(['workers', 'heartbeats/s', 'broker messages/s with gossip', 'bytes',
                  'broker cores', 'broker messages/s with Xylem', 'relay messages/s',
                  'relay cores'], broker),
        markdown(['workers', 'task events/s each', 'events/s', 'in', 'out per monitor',
                  'relay cores', 'share of one relay', 'relays'], relays)))


def _relay(costs, workers, rate):
    beats, tasks = workers / HEARTBEAT_SECONDS, workers * rate
    taken = f'{rounded((beats + tasks) * EVENT_BYTES / 1e6)} MB/s'
    share = beats / costs.single_most + tasks / costs.listed_most
    cores = costs.cores(beats + tasks / LIST_EVENTS, beats, tasks)
    needed = '–' if math.isnan(share) else f'{math.ceil(share / PLANNED)}'
    return [grouped(workers), grouped(rate), rounded(beats + tasks), taken, taken,
            grouped(cores), f'{grouped(share * 100)} %', needed]
