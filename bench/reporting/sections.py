"""Each scenario as a section of the page: what was asked, the picture, how to repeat it."""

import html

from reporting.charts import Series, lines
from reporting.results import grouped, rounded, short

ABOUT = {
    'S1': ('One producer, one subscriber', 'How many 400-byte events a second get through when '
           'each is sent by itself?'),
    'S2': ('Two producers, four filters', 'How many when four subscribers want #, task.*, '
           'task.failed and worker.#, and each must get its own?'),
    'S3': ('Lists of 24', 'How many when they come as the lists that Celery sends? Others carry '
           'a list unread; Xylem routes each event inside.'),
    'S4': ('Latency', 'How late is an event at 10,000 events/s, from before its send to after its '
           'receipt?'),
    'S5': ('Growth', 'What do more subscribers, more patterns, larger events and longer lists '
           'cost?'),
    'S6': ('A subscriber that stalls', 'What do the others get when one stops reading, and what '
           'is it told?'),
    'S7': ('A fleet’s heartbeats', 'What do N workers that heartbeat every 2 s and gossip put on '
           'the broker?'),
    'S8': ('What send() costs a worker', 'How long is a worker held up for each event?'),
    'S9': ('What a monitor takes in', 'How many events a second can one monitor decode, and at '
           'what price?'),
}
THROUGHPUT_EXTRAS = (
    ('broker_cpu_s_per_million', 'broker CPU-s per million', grouped),
    ('broker_peak_mib', 'peak MiB', grouped),
    ('deliveries_per_s', 'deliveries/s', rounded),
    ('bytes_per_event', 'bytes per event', grouped),
)
FAULTS = (('lost', 'lost'), ('duplicates', 'doubled'), ('gapped', 'told as gaps'))
GROWTH = (
    ('subscribers', 'subscribers'), ('patterns', 'patterns per subscriber'),
    ('event_bytes', 'bytes per event'), ('batch', 'events per batch or list'),
)
LATENCIES = ('p50', 'p90', 'p99', 'p999', 'max')


def sections(results):
    parts = [_throughput(results, name) for name in ('S1', 'S2', 'S3')]
    parts += [_latency(results), _growth(results), _stalled(results), _fleet(results),
              _sending(results), _receiving(results)]
    known = set(ABOUT)
    for name in sorted({row.scenario for row in results.rows} - known):
        parts.append(_section(name, _bars(results.ranked(name, 'events_per_s'), 'events_per_s',
                                          'events/s'), results.of(name)))
    return ''.join(parts)


def _section(name, body, rows):
    title, question = ABOUT.get(name, (name, ''))
    if not rows:
        body = '<p class="none">not run</p>'
    return (f'<section id="{name}"><header><span class="number">{name}</span>'
            f'<h2>{title}</h2><p class="question">{question}</p></header>{body}'
            f'{_commands(rows)}</section>')


def _commands(rows):
    said = [(row, row.command) for row in rows if row.command]
    if not said:
        return ''
    seen, lines_ = set(), []
    for row, command in said:
        label = row.full_name + (f' · {row.group}' if row.group else '')
        if (label, command) not in seen:
            seen.add((label, command))
            lines_.append(f'<tr><th>{html.escape(label)}</th>'
                          f'<td><code>{html.escape(command)}</code></td></tr>')
    return (f'<details><summary>repeat one row alone</summary><table class="commands">'
            f'{"".join(lines_)}</table></details>')


def _who(row):
    client = f'<small>{html.escape(row.client)}</small>' if row.client else ''
    return f'<span class="who"><i class="dot of-{row.system}"></i>{row.name}{client}</span>'


def _bars(rows, figure, unit, extras=(), form=rounded, marker=None, log=False):
    """A table of bars with whiskers, one row each; `marker` is a second figure on the same axis."""
    extras = [extra for extra in extras if any(row.values(extra[0]) for row in rows)]
    extras += [(key, text, grouped) for key, text in FAULTS
               if any(value for row in rows for value in row.values(key))]
    values = [value for row in rows for key in (figure, marker) if key
              for value in row.values(key)]
    axis = _BarAxis(values, log)
    head = ''.join(f'<th class="n">{text}</th>' for _, text, _ in extras)
    body = ''.join(_bar_row(row, figure, axis, extras, form, marker) for row in rows)
    body = body.replace('class="n value"', f'class="n value" data-unit="{unit}"')
    repeated = any(len(row.values(figure)) > 1 for row in rows)
    return (f'<table class="bars"><thead><tr><th></th><th class="track">{axis.head()}</th>'
            f'<th class="n">{unit}</th><th class="n range">'
            f'{"least to most" if repeated else ""}</th>{head}</tr></thead>'
            f'<tbody>{body}</tbody></table>')


class _BarAxis:
    def __init__(self, values, log):
        import math
        self.log = log and values and min(values) > 0
        self.top = max(values, default=1) or 1
        self.bent = math.log10 if self.log else float
        self.floor = math.floor(math.log10(min(values))) if self.log else 0
        self.ceiling = math.ceil(math.log10(self.top)) if self.log else self.top * 1.03

    def percent(self, value):
        share = (self.bent(value) - self.floor) / (self.ceiling - self.floor)
        return f'{max(0, min(1, share)) * 100:.2f}%'

    def head(self):
        if not self.log:
            return ''
        ticks = range(self.floor, self.ceiling + 1)
        return '<span class="ticks">' + ''.join(
            f'<i style="left:{self.percent(10.0 ** tick)}">{short(10.0 ** tick)}</i>'
            for tick in ticks) + '</span>'


def _bar_row(row, figure, axis, extras, form, marker):
    classes = f'of-{row.system}' + (' ours' if row.ours else '') + (
        ' bound' if row.is_bound else '')
    spread = row.spread(figure)
    if spread is None:
        reason = html.escape(row.skipped or 'this figure was not measured')
        return (f'<tr class="{classes} skipped"><th>{_who(row)}</th>'
                f'<td colspan="{3 + len(extras)}">not run: {reason}</td></tr>')
    least, median, most = spread
    whisker = '' if least == most else (
        f'<b class="whisker" style="left:{axis.percent(least)};'
        f'right:calc(100% - {axis.percent(most)})"></b>')
    second = row.median(marker) if marker else None
    second = '' if second is None else f'<b class="p99" style="left:{axis.percent(second)}"></b>'
    range_ = '' if least == most else f'{form(least)} – {form(most)}'
    cells = ''.join(f'<td class="n" data-label="{text}">{one(row.median(key))}</td>'
                    for key, text, one in extras)
    return (f'<tr class="{classes}"><th>{_who(row)}</th><td class="track"><span>'
            f'<b class="bar" style="width:{axis.percent(median)}"></b>{whisker}{second}</span>'
            f'</td><td class="n value">{form(median)}</td><td class="n range">{range_}</td>'
            f'{cells}</tr>')


def _throughput(results, name):
    rows = results.ranked(name, 'events_per_s')
    return _section(name, _bars(rows, 'events_per_s', 'events/s', THROUGHPUT_EXTRAS), rows)


def nines(share):
    return f'{share * 100:g}%'


def _latency(results):
    rows = results.ranked('S4', 'latency_us.p99', least_first=True)
    series = [Series(row.system, row.name, row.client, row.curve(), dashed=row.is_bound)
              for row in rows]
    chart = lines('Latency by percentile', series, 'share of events that came sooner',
                  'µs', 'nines', ticks_of(series), nines)
    have = [key for key in LATENCIES if any(row.values(f'latency_us.{key}') for row in rows)]
    head = ''.join(f'<th class="n">{"p99.9" if key == "p999" else key}</th>' for key in have)
    body = ''.join(_latency_row(row, have) for row in rows)
    table = (f'<table class="figures"><thead><tr><th>µs, medians of the runs</th>{head}</tr>'
             f'</thead><tbody>{body}</tbody></table>')
    return _section('S4', f'<div class="beside"><figure>{chart}</figure>{table}</div>', rows)


def ticks_of(series):
    """The nines that the curves reach."""
    top = max((point[0] for one in series for point in one.points), default=0)
    return [share for share in (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999) if share <= top]


def _latency_row(row, have):
    if not row.runs:
        return (f'<tr class="skipped"><th>{_who(row)}</th><td colspan="{len(have)}">not run: '
                f'{html.escape(row.skipped)}</td></tr>')
    cells = ''
    for key in have:
        spread = row.spread(f'latency_us.{key}')
        title = f' title="{grouped(spread[0])} to {grouped(spread[2])}"' if spread else ''
        cells += f'<td class="n"{title}>{rounded(row.median(f"latency_us.{key}"))}</td>'
    return f'<tr class="{"ours" if row.ours else ""}"><th>{_who(row)}</th>{cells}</tr>'


def grown(rows, figure):
    """Series of rows over their x, one per system and client."""
    found = {}
    for row in rows:
        spread = row.spread(figure)
        if spread and row.x is not None:
            found.setdefault((row.system, row.name, row.client), []).append(
                (row.x, spread[1], spread[0], spread[2]))
    return [Series(system, name, client, sorted(points), dashed=system == 'zmq_blocks')
            for (system, name, client), points in found.items()]


def _growth(results):
    charts = ''
    for group, label in GROWTH:
        rows = results.of('S5', group)
        figure = 'deliveries_per_s' if group == 'subscribers' and any(
            row.values('deliveries_per_s') for row in rows) else 'events_per_s'
        unit = 'deliveries/s' if figure == 'deliveries_per_s' else 'events/s'
        charts += (f'<figure><figcaption>{label}</figcaption>'
                   f'{lines(label, grown(rows, figure), label, unit)}</figure>')
    rows = results.of('S5')
    return _section('S5', f'<div class="charts">{charts}</div>{_not_run(rows)}', rows)


def _not_run(rows):
    said = {f'{row.full_name}: {row.skipped}' for row in rows if row.skipped}
    return ''.join(f'<p class="none">not run · {html.escape(text)}</p>' for text in sorted(said))


def _stalled(results):
    rows = sorted(results.of('S6'), key=lambda row: (not row.ours, row.name))
    body = _bars(rows, 'events_per_s', 'events/s', THROUGHPUT_EXTRAS)
    told = {f'<b>{html.escape(row.full_name)}</b>: {html.escape(row.told)}'
            for row in rows if row.told}
    if told:
        body += '<h3>What the stalled subscriber was told</h3><ul class="told">' + ''.join(
            f'<li>{text}</li>' for text in sorted(told)) + '</ul>'
    return _section('S6', body, rows)


def _fleet(results):
    rows = results.of('S7')
    charts = ''
    for figure, needed, title, unit in (
            ('broker_messages_per_s', 'needed_messages_per_s', 'messages in and out of the broker',
             'messages/s'),
            ('broker_bytes_per_s', 'needed_bytes_per_s', 'bytes in and out', 'bytes/s'),
            ('broker_cpu_share', 'needed_cpu_share', 'processor', 'cores')):
        series = _would_take(rows, figure, needed) + grown(rows, figure)
        charts += (f'<figure><figcaption>{title}</figcaption>'
                   f'{lines(title, series, "workers", unit)}</figure>')
    notes = ''.join(f'<li><b>{html.escape(row.full_name)}'
                    f'{"" if row.x is None else f", {row.x:,} workers"}</b>: '
                    f'{html.escape(row.told)}</li>' for row in rows if row.told)
    notes = f'<div><ul class="told">{notes}</ul>{_not_run(rows)}</div>'
    return _section('S7', f'<div class="charts">{charts}{notes}</div>', rows)


def _would_take(rows, figure, needed):
    """For systems that fell behind: on from what was measured to what the fleet needs."""
    measured = {(one.system, one.client): one for one in grown(rows, figure)}
    found = []
    for one in grown(rows, needed):
        known = {point[0]: point for point in measured[one.system, one.client].points}
        known.update((point[0], point) for point in one.points)
        found.append(Series(one.system, one.label, 'what it would take', sorted(known.values()),
                            dashed=True, hollow=True))
    return found


def _sending(results):
    rows = results.ranked('S8', 'us_per_send', least_first=True)
    extras = (('cpu_us_per_send', 'CPU µs, its thread', grouped),
              ('process_cpu_us_per_send', 'CPU µs, all threads', grouped),
              ('p99_us_per_send', 'p99 at 1,000/s, µs', grouped))
    key = '<p class="key"><b class="p99"></b> p99 at 1,000 events/s; the scale is logarithmic</p>'
    return _section('S8', _bars(rows, 'us_per_send', 'µs per send()', extras, grouped,
                                'p99_us_per_send', log=True) + key, rows)


def _receiving(results):
    rows = results.ranked('S9', 'events_per_s')
    extras = (('receiver_cpu_s_per_million', 'monitor, CPU-s per million', grouped),)
    return _section('S9', _bars(rows, 'events_per_s', 'events/s', extras), rows)
