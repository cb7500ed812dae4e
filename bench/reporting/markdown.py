"""The README's table, from the same file as the page."""

from reporting.results import grouped, rounded

COLUMNS = (
    ('S1 events/s', 'S1', 'events_per_s', rounded),
    ('S2 events/s', 'S2', 'events_per_s', rounded),
    ('S3 events/s', 'S3', 'events_per_s', rounded),
    ('S4 p50 µs', 'S4', 'latency_us.p50', rounded),
    ('S4 p99 µs', 'S4', 'latency_us.p99', rounded),
    ('S1 CPU-s per million', 'S1', 'broker_cpu_s_per_million', grouped),
)
SEND_COLUMNS = (
    ('µs per send()', 'us_per_send', grouped), ('CPU µs', 'cpu_us_per_send', grouped),
    ('p99 at 1,000/s, µs', 'p99_us_per_send', grouped),
)


def table(results):
    """Medians, with the least and the most where there was more than one run."""
    named = {}
    for _, scenario, _, _ in COLUMNS:
        for row in results.ranked(scenario, 'events_per_s'):
            named.setdefault((not row.ours, row.full_name), {}).setdefault(scenario, row)
    body = [[name] + [_cell(rows.get(scenario), figure, form)
                      for _, scenario, figure, form in COLUMNS]
            for (_, name), rows in sorted(named.items(), key=lambda item: item[0][0])]
    text = markdown([''] + [column[0] for column in COLUMNS], body)
    sends = results.ranked('S8', 'us_per_send', least_first=True)
    if sends:
        body = [[row.full_name] + [_cell(row, figure, form) for _, figure, form in SEND_COLUMNS]
                for row in sends]
        text += '\n\n' + markdown(
            ["what send() costs the worker"] + [column[0] for column in SEND_COLUMNS], body)
    return text


def _cell(row, figure, form):
    if row is None:
        return ''
    spread = row.spread(figure)
    if spread is None:
        return 'not run'
    least, median, most = map(form, spread)
    return median if least == most else f'{median} ({least} to {most})'


def markdown(head, body):
    lines = [head, ['---'] + ['---:'] * (len(head) - 1)] + body
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)
