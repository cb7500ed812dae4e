"""Line charts as SVG text whose colours and fonts come from the page's style sheet."""

import html
import math

from reporting.results import short

WIDTH, HEIGHT = 520, 300
LEFT, RIGHT, TOP, BOTTOM = 54, 132, 26, 44
LABEL_APART = 25
# One shape per system, so that a line is known without its colour.
MARKS = {
    'xylem': 'circle', 'raw_zmq': 'square', 'zmq_blocks': 'bar', 'nats': 'triangle',
    'redis': 'diamond', 'rabbitmq': 'cross', 'mosquitto': 'plus', 'celery': 'square',
}


class Scale:
    """From values to a length on the page, and the ticks on the way."""

    def __init__(self, values, start, end, kind='linear', ticks=None):
        self.kind, self.start, self.end = kind, start, end
        low, high = min(values), max(values)
        if kind == 'linear':
            low, high = min(0, low), high * 1.05 or 1
        elif low == high:
            low, high = low / 2, high * 2
        elif kind == 'log' and ticks is None:
            low, high = low / 1.15, high * 1.15
        self.low, self.high = self.bent(low), self.bent(high)
        self.ticks = ticks if ticks is not None else self._ticks(low, high)

    def bent(self, value):
        if self.kind == 'log':
            return math.log10(value)
        return -math.log10(1 - value) if self.kind == 'nines' else value

    def __call__(self, value):
        share = (self.bent(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def _ticks(self, low, high):
        if self.kind == 'log':
            decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            steps = (1,) if len(decades) > 4 else (1, 3) if len(decades) > 3 else (1, 2, 5)
            ticks = [step * 10.0 ** decade for decade in decades for step in steps]
        else:
            step = 10 ** math.floor(math.log10(high / 3))
            step *= next(factor for factor in (1, 2, 5, 10) if high / (step * factor) <= 5)
            ticks = [step * number for number in range(int(high / step) + 1)]
        return [tick for tick in ticks if low <= tick <= high]


class Series:
    """One line: its label (two lines of text), whose it is, and [(x, y, least y, most y)]."""

    def __init__(self, system, label, client, points, dashed=False, hollow=False):
        self.system, self.label, self.client = system, label, client
        self.points, self.dashed, self.hollow = points, dashed, hollow
        self.other = False  # not the first way of using the same system


def kind_for(values):
    """Logarithmic where the values differ so much that the small ones would lie on the floor."""
    above = [value for value in values if value > 0]
    return 'log' if above and max(above) / min(above) > 12 else 'linear'


def lines(title, series, x_label, y_label, x_kind='log', x_ticks=None, x_text=short):
    """A chart of `series`; a sentence where there is nothing to draw."""
    series = [one for one in series if one.points]
    if not series:
        return f'<p class="none">{html.escape(title)}: not run</p>'
    xs = [point[0] for one in series for point in one.points]
    ys = [value for one in series for point in one.points for value in point[1:]]
    x_ticks = x_ticks if x_ticks is not None else sorted(set(xs))
    x = Scale(xs, LEFT + 6, WIDTH - RIGHT, x_kind, thinned(x_ticks, x_kind))
    kind = kind_for(ys)
    if kind == 'log':  # which has no place for nothing
        for one in series:
            one.points = [point for point in one.points if min(point[1:]) > 0]
        series = [one for one in series if one.points]
        ys = [value for one in series for point in one.points for value in point[1:]]
    y = Scale(ys, HEIGHT - BOTTOM, TOP + 6, kind)
    # Ours first: it is the widest line, so one that lies on it leaves both to be seen.
    ordered = sorted(series, key=lambda one: one.system != 'xylem')
    for one in [one for one in ordered if one.system == 'xylem'][1:]:
        one.other = one.hollow = True
    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
             f'aria-label="{html.escape(title)}">', _axes(x, y, x_label, y_label, x_text)]
    parts += [_line(one, x, y) for one in ordered]
    parts.append(_labels(ordered, x, y))
    return ''.join(parts) + '</svg>'


def thinned(ticks, kind):
    """Of ticks that stand too close for their text, every second and so on."""
    if kind == 'nines' or len(ticks) <= 6:
        return ticks
    step = math.ceil(len(ticks) / 5)
    return ticks[::step]


def _axes(x, y, x_label, y_label, x_text):
    bottom = HEIGHT - BOTTOM
    parts = [f'<text class="unit" x="4" y="14">{html.escape(y_label)}'
             f'{" (log)" if y.kind == "log" else ""}</text>']
    for tick in y.ticks:
        at = y(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" '
                     f'y2="{at:.1f}"/><text class="tick" x="{LEFT - 6}" y="{at + 4:.1f}" '
                     f'text-anchor="end">{short(tick)}</text>')
    for tick in x.ticks:
        parts.append(f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{bottom}" '
                     f'y2="{bottom + 4}"/><text class="tick" x="{x(tick):.1f}" '
                     f'y="{bottom + 17}" text-anchor="middle">{x_text(tick)}</text>')
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" '
                 f'y2="{bottom}"/>')
    parts.append(f'<text class="unit" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 8}" '
                 f'text-anchor="middle">{html.escape(x_label)}</text>')
    return ''.join(parts)


def _line(one, x, y):
    places = [(x(point[0]), y(point[1])) for point in one.points]
    style = f'line of-{one.system}' + (' dashed' if one.dashed else '') + (
        ' other' if one.other else '')
    parts = [f'<polyline class="{style}" points="'
             + ' '.join(f'{left:.1f},{top:.1f}' for left, top in places) + '"/>']
    many = len(places) > 12
    for point, (left, top) in zip(one.points, places):
        if len(point) > 3 and point[2] != point[3]:
            parts.append(f'<line class="whisker of-{one.system}" x1="{left:.1f}" x2="{left:.1f}" '
                         f'y1="{y(point[2]):.1f}" y2="{y(point[3]):.1f}"/>')
        if not many or (left, top) == places[-1]:
            parts.append(mark(one.system, left, top, one.hollow))
    return ''.join(parts)


def mark(system, x, y, hollow=False):
    style = f'mark of-{system}' + (' hollow' if hollow else '')
    shape = MARKS.get(system, 'circle')
    if shape == 'circle':
        return f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    path = {
        'square': 'M-3.5-3.5h7v7h-7z', 'bar': 'M-1.5-5h3v10h-3z', 'triangle': 'M0-5L4.5 3.5h-9z',
        'diamond': 'M0-5L5 0 0 5-5 0z', 'cross': 'M-4-4L4 4M-4 4L4-4', 'plus': 'M-5 0H5M0-5V5',
    }[shape]
    return f'<path class="{style}" transform="translate({x:.1f} {y:.1f})" d="{path}"/>'


def _labels(series, x, y):
    """Each line's name at its end, pushed apart where they would lie on each other."""
    ends = sorted(((y(one.points[-1][1]), x(one.points[-1][0]), one) for one in series),
                  key=lambda end: end[:2])
    apart = [LABEL_APART if one.client else LABEL_APART * 0.62 for _, _, one in ends]
    tops = []
    for (at, _, _), gap in zip(ends, [0] + apart):
        tops.append(max(at, tops[-1] + gap) if tops else at)
    over = tops[-1] - (HEIGHT - BOTTOM - (8 if ends[-1][2].client else 0))
    for index in range(len(tops) - 1, -1, -1):
        if over <= 0:
            break
        tops[index] -= over
        over = apart[index - 1] - (tops[index] - tops[index - 1]) if index else 0
    parts, left = [], WIDTH - RIGHT + 16
    for (at, end, one), top in zip(ends, tops):
        parts.append(f'<path class="leader" d="M{end + 6:.1f} {at:.1f}L{left - 4} {top:.1f}"/>'
                     f'<text class="name of-{one.system}" x="{left}" y="{top + 4:.1f}">'
                     f'{html.escape(one.label)}</text>')
        if one.client:
            parts.append(f'<text class="client" x="{left}" y="{top + 15:.1f}">'
                         f'{html.escape(one.client)}</text>')
    return ''.join(parts)
