"""What stands in results.json, as the report wants it: rows with medians and spreads.

Nothing in the file is taken for granted: a scenario, a row or a figure that is missing is None or
empty here, because a run of one scenario must give a page too.
"""

import statistics

SYSTEMS = {
    'xylem': 'Xylem', 'raw_zmq': 'libzmq proxy', 'zmq_blocks': 'libzmq, blind blocks',
    'nats': 'NATS', 'redis': 'Redis', 'rabbitmq': 'RabbitMQ', 'mosquitto': 'Mosquitto',
    'celery': 'Celery',
}
# Not a system that anybody could use instead: what the machine can do at best.
BOUNDS = ('zmq_blocks',)


class Row:
    """One system, in one way of use, doing one piece of work; several runs of it."""

    def __init__(self, row):
        self.scenario = row.get('scenario') or '?'
        self.group = row.get('group')
        self.system = row.get('system') or '?'
        self.client = row.get('client') or ''
        self.x = row.get('x')
        self.command = row.get('command') or ''
        self.told = row.get('told') or ''
        self.runs = [run for run in row.get('runs') or () if run]
        self.skipped = row.get('skipped') or (None if self.runs else 'no figures in the file')

    @property
    def name(self):
        return SYSTEMS.get(self.system, self.system)

    @property
    def full_name(self):
        return f'{self.name}, {self.client}' if self.client else self.name

    @property
    def is_bound(self):
        return self.system in BOUNDS or self.client.startswith('floor')

    @property
    def ours(self):
        return self.system == 'xylem'

    def values(self, figure):
        """The figure of every run that has it; `latency_us.p99` looks one level down."""
        found = []
        for run in self.runs:
            value = run
            for part in figure.split('.'):
                value = value.get(part) if isinstance(value, dict) else None
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                found.append(value)
        return found

    def median(self, figure):
        values = self.values(figure)
        return statistics.median(values) if values else None

    def spread(self, figure):
        """Least, median, most; None without a value."""
        values = self.values(figure)
        return (min(values), statistics.median(values), max(values)) if values else None

    def curve(self):
        """[(share of events, µs)]: the median over the runs at each share, in order."""
        at = {}
        for run in self.runs:
            for share, latency in run.get('latency_curve') or ():
                at.setdefault(share, []).append(latency)
        return [(share, statistics.median(found)) for share, found in sorted(at.items())]


class Results:
    def __init__(self, file):
        self.made = file.get('made') or ''
        self.commit = file.get('commit')
        self.quick = bool(file.get('quick'))
        self.seed = file.get('seed')
        self.machine = file.get('machine') or {}
        self.peers = file.get('peers') or {}
        self.micro = file.get('micro') or {}
        self.targets = file.get('targets') or []
        self.rows = [Row(row) for row in file.get('rows') or ()]

    def of(self, scenario, group=None):
        return [row for row in self.rows if row.scenario == scenario
                and (group is None or row.group == group)]

    def ranked(self, scenario, figure, least_first=False):
        """The scenario's rows, best first; those without the figure last."""
        rows = self.of(scenario)
        have = [row for row in rows if row.median(figure) is not None]
        have.sort(key=lambda row: row.median(figure), reverse=not least_first)
        return have + [row for row in rows if row not in have]

    def rounds(self):
        return max((len(row.runs) for row in self.rows), default=0)


def grouped(value, digits=None):
    """A number for people: three significant digits below a thousand, separators above."""
    if value is None or value != value:
        return '–'
    if digits is not None:
        return f'{value:,.{digits}f}'
    size = abs(value)
    if size >= 100 or value == int(value):
        return f'{value:,.0f}'
    if size >= 10:
        return f'{value:,.1f}'
    return f'{value:,.2f}' if size >= 0.1 else f'{value:.2g}'


def rounded(value):
    """Like `grouped`, without digits that the next run would change."""
    if value is None or value != value or abs(value) < 1000:
        return grouped(value)
    step = 10 ** (len(str(int(abs(value)))) - 3)
    return f'{round(value / step) * step:,.0f}'


def short(value):
    """A tick of an axis: 20 k, 1.5 M."""
    for size, letter in ((1e9, 'G'), (1e6, 'M'), (1e3, 'k')):
        if abs(value) >= size:
            return f'{value / size:g} {letter}'
    return f'{value:g}'


def least_wanted(target):
    """Whether more is better; the file says only what was wanted, what was got, and if it is met.
    """
    must, got = target.get('must'), target.get('got')
    if must is None or got is None or got == must:
        return None
    return (got > must) == bool(target.get('met'))
