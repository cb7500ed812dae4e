"""What is measured end to end: scenarios S1 to S6 as cases, each of which is one row of the report.

A case names a program, its options and how many events make a run of about a second, guessed from
what two cores did before; the number scales the length of a run and nothing else.
"""

import dataclasses

SYSTEMS = ('xylem', 'raw_zmq', 'zmq_blocks', 'nats', 'redis', 'rabbitmq', 'mosquitto')
# A pattern each; S2's subscribers.
FOUR = ('#', 'task.*', 'task.failed', 'worker.#')
RATE = 10_000
# What Xylem's own ends are called, and their options.
LIBRARY = ('C++ library to stream', ['--lane', 'batch'])
PLAIN_TO_STREAM = ('plain PUSH to stream', ['--lane', 'single'])
PLAIN_TO_SUB = ('plain PUSH to SUB', ['--lane', 'single', '--sink', 'publish'])
# The same with native sockets: of the relay alone, and of producers and subscribers as well.
_RELAY = ['--set', 'transport.engine=native']
NATIVE_LIBRARY = ('C++ library to stream, all native', LIBRARY[1] + _RELAY + ['--ends', 'native'])
NATIVE_RELAY = ('plain PUSH to SUB, native relay', PLAIN_TO_SUB[1] + _RELAY)
NATIVE_ENDS = ('plain PUSH to SUB, all native', PLAIN_TO_SUB[1] + _RELAY + ['--ends', 'native'])
TWO_FRAMES = ('two frames', [])
ONE_FRAME = ('one frame', ['--frames', '1'])


@dataclasses.dataclass
class Case:
    scenario: str
    system: str
    client: str
    options: list
    events_in_a_second: float
    group: str = None
    x: float = None
    skipped: str = None
    stalls: bool = False  # a peer with its own limits for subscribers that do not read
    runs: list = dataclasses.field(default_factory=list)
    told: str = None

    def selector(self):
        parts = [self.scenario, self.system, self.group or self.client]
        return ':'.join(part for part in parts if part)

    def is_selected(self, only):
        """`only` is S1, S1:nats, or S1:xylem:words of the client or of the group."""
        scenario, system, words = (only.split(':', 2) + ['', ''])[:3]
        return (scenario in ('', self.scenario) and system in ('', self.system)
                and words in ('', self.client, self.group or ''))

    def name(self):
        x = '' if self.x is None else f' {self.group} {self.x:g}'
        return f'{self.scenario} {self.system} {self.client}'.rstrip() + x

    def row(self):
        return {'scenario': self.scenario, 'group': self.group, 'system': self.system,
                'client': self.client, 'x': self.x,
                'command': f"./dev bench --only '{self.selector()}'", 'skipped': self.skipped,
                'runs': self.runs, 'told': self.told}


def patterns(names):
    return [word for name in names for word in ('--pattern', name)]


def peers(scenario, options, rates, **more):
    """A case of each peer, raw libzmq in both forms."""
    found = []
    for system, rate in rates.items():
        forms = (TWO_FRAMES, ONE_FRAME) if system == 'raw_zmq' else (('', []),)
        found += [Case(scenario, system, client, options + extra, rate, **more)
                  for client, extra in forms]
    return found


def one_to_one():
    found = [Case('S1', 'xylem', *LIBRARY, 2_000_000),
             Case('S1', 'xylem', *PLAIN_TO_STREAM, 900_000),
             Case('S1', 'xylem', *PLAIN_TO_SUB, 600_000),
             Case('S1', 'xylem', *NATIVE_LIBRARY, 2_000_000),
             Case('S1', 'xylem', *NATIVE_RELAY, 600_000),
             Case('S1', 'xylem', *NATIVE_ENDS, 1_000_000)]
    return found + peers('S1', [], {
        'raw_zmq': 600_000, 'zmq_blocks': 2_000_000, 'nats': 900_000, 'redis': 700_000,
        'rabbitmq': 60_000, 'mosquitto': 120_000})


def four_filters():
    four = ['--producers', '2', *patterns(FOUR)]
    found = [Case('S2', 'xylem', LIBRARY[0], LIBRARY[1] + four, 1_000_000),
             Case('S2', 'xylem', 'plain PUSH to SUB (prefixes)', PLAIN_TO_SUB[1] + four, 300_000),
             Case('S2', 'xylem', NATIVE_LIBRARY[0], NATIVE_LIBRARY[1] + four, 1_000_000),
             Case('S2', 'xylem', NATIVE_RELAY[0], NATIVE_RELAY[1] + four, 300_000),
             Case('S2', 'xylem', NATIVE_ENDS[0], NATIVE_ENDS[1] + four, 500_000)]
    found += peers('S2', four, {'raw_zmq': 350_000, 'nats': 450_000, 'redis': 400_000,
                                'rabbitmq': 35_000, 'mosquitto': 60_000})
    return found + [Case('S2', 'zmq_blocks', '', [], 1, skipped='A block is carried blind: the '
                                                                'proxy cannot filter inside it.')]


def lists():
    found = [Case('S3', 'xylem', 'plain PUSH, lists, to stream', ['--lane', 'list'], 1_300_000),
             Case('S3', 'xylem', 'C++ library, groups, to stream', ['--lane', 'buffered'],
                  1_500_000),
             Case('S3', 'xylem', 'plain PUSH, lists, to SUB',
                  ['--lane', 'list', '--sink', 'publish'], 700_000)]
    return found + peers('S3', ['--lane', 'list'], {
        'raw_zmq': 1_000_000, 'zmq_blocks': 2_000_000, 'nats': 1_500_000, 'redis': 1_600_000,
        'rabbitmq': 600_000, 'mosquitto': 900_000})


def latency():
    paced = ['--rate', str(RATE)]
    return [Case('S4', 'xylem', client, options + paced, RATE)
            for client, options in (LIBRARY, PLAIN_TO_STREAM, PLAIN_TO_SUB, NATIVE_LIBRARY,
                                    NATIVE_RELAY, NATIVE_ENDS)] + peers(
                'S4', paced, dict.fromkeys(SYSTEMS[1:], RATE))


def growth(quick):
    """Grown: subscribers, the patterns of each, bytes of an event, events of a list or group."""
    found = []
    compared = {'xylem': 1_500_000, 'raw_zmq': 600_000, 'nats': 900_000, 'redis': 700_000}
    for subscribers in (1, 4, 16) if quick else (1, 2, 4, 8, 16, 32, 64):
        for system, rate in compared.items():
            found.append(Case('S5', system, LIBRARY[0] if system == 'xylem' else '',
                              patterns(['#'] * subscribers), rate / (0.5 + subscribers / 2),
                              'subscribers', subscribers))
    # A subscriber has at most 256 patterns, so the last two steps are two and four subscribers.
    for total, each, subscribers in ((1, 1, 1), (10, 10, 1), (100, 100, 1), (250, 250, 1),
                                     (1000, 250, 4)):
        if not quick or total in (1, 100, 1000):
            found.append(Case('S5', 'xylem', LIBRARY[0], patterns(['task.*'] * subscribers) +
                              ['--extra-patterns', str(each - 1)], 800_000, 'patterns', total))
    for size in (128, 1024, 8192) if quick else (128, 256, 512, 1024, 2048, 4096, 8192, 16384):
        for system, rate in compared.items():
            found.append(Case('S5', system, LIBRARY[0] if system == 'xylem' else '',
                              ['--size', str(size)], rate / (0.5 + size / 800), 'event_bytes',
                              size))
    for events in (1, 24, 1000) if quick else (1, 4, 12, 24, 50, 100, 250, 1000):
        for client, lane in (('plain PUSH, lists, to stream', 'list'),
                             ('C++ library, groups, to stream', 'buffered')):
            found.append(Case('S5', 'xylem', client,
                              ['--lane', lane, '--list-events', str(events)],
                              1_500_000 if events > 10 else 900_000, 'batch', events))
    return found


def stalled_subscriber():
    """Four subscribers that read, without and with a fifth that is stopped during the run."""
    found = []
    rates = {'xylem': 600_000, 'raw_zmq': 200_000, 'nats': 300_000, 'redis': 250_000,
             'rabbitmq': 15_000, 'mosquitto': 50_000}
    for system, rate in rates.items():
        fast = patterns(['#'] * 4)
        ends = LIBRARY[0] + ', ' if system == 'xylem' else ''
        found.append(Case('S6', system, ends + 'nobody stalls', fast, rate, stalls=True))
        found.append(Case('S6', system, ends + 'a fifth stalls',
                          fast + patterns(['#']) + ['--stalled', '1', '--patience', '20'], rate,
                          stalls=True))
    return found + [Case('S6', 'zmq_blocks', '', [], 1, skipped='It is the proxy of raw libzmq, '
                                                                'which is measured here already.')]


def all_cases(quick):
    return (one_to_one() + four_filters() + lists() + latency() + growth(quick)
            + stalled_subscriber())
