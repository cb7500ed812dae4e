"""The results in words for a terminal, and the bounds that Xylem must keep (docs of its speed)."""

import statistics


def median(row, figure):
    """The median over a row's runs, or None. 'latency_us.p50' looks inside."""
    values = []
    for run in row['runs']:
        value = run
        for part in figure.split('.'):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            values.append(value)
    return statistics.median(values) if values else None


def spread(row, figure, form):
    values = [run[figure] for run in row['runs'] if figure in run]
    if not values:
        return ''
    if len(values) == 1:
        return form(values[0])
    return f'{form(statistics.median(values))} ({form(min(values))} to {form(max(values))})'


def print_micro(found):
    for name, rows in found.items():
        print(f'\n{name}')
        for row in rows:
            if 'error_message' in row:
                continue
            items = row.get('items_per_second')
            each = f'{1e9 / items:10.1f} ns/item' if items else f'{row["real_time"]:10.1f} ns'
            print(f'  {row["name"]:<48}{each}')


def print_rows(rows):
    for scenario in dict.fromkeys(row['scenario'] for row in rows):
        print_scenario(scenario, [row for row in rows if row['scenario'] == scenario])


def print_scenario(scenario, rows):
    late = any('latency_us' in run for row in rows for run in row['runs'])
    head = ('p50 us', 'p90 us', 'p99 us', 'p99.9 us') if late else (
        'events/s', 'deliveries/s', 'CPU-s per million', 'peak MiB', 'lost')
    widths = (11, 11, 11, 11) if late else (36, 14, 19, 10, 10)
    print(f'\n{scenario:<52}' + ''.join(f'{word:>{width}}' for word, width in zip(head, widths)))
    for row in rows:
        x = '' if row['x'] is None else f"{row['group'] or ''} {row['x']:g}"
        name = f"  {row['system']:<11}{row['client']} {x}".rstrip()
        if row['skipped']:
            print(f"{name:<52}  skipped: {row['skipped']}")
            continue
        if late:
            cells = [number(median(row, f'latency_us.{part}')) for part in
                     ('p50', 'p90', 'p99', 'p999')]
        else:
            cells = [spread(row, 'events_per_s', '{:,.0f}'.format),
                     number(median(row, 'deliveries_per_s')),
                     number(median(row, 'broker_cpu_s_per_million'), '{:.2f}'),
                     number(median(row, 'broker_peak_mib'), '{:.0f}'),
                     number(sum(run.get('lost', 0) for run in row['runs']))]
        print(f'{name:<52}' + ''.join(f'{cell:>{width}}' for cell, width in zip(cells, widths)))
        if row.get('told'):
            print(f"    the stalled one: {row['told']}")


def number(value, form='{:,.0f}'):
    return '' if value is None else form.format(value)


# name, what must be at least (or at most) the bound, the two rows and the figure.
AT_LEAST, AT_MOST = 'at least', 'at most'
BOUNDS = (
    ('S1 C++ client to stream against raw libzmq', AT_LEAST, 3.0, 'S1', 'C++ library to stream',
     'raw_zmq', 'events_per_s'),
    ('S1 C++ client to stream against blind libzmq blocks', AT_LEAST, 0.9, 'S1',
     'C++ library to stream', 'zmq_blocks', 'events_per_s'),
    ('S1 plain PUSH to SUB against raw libzmq', AT_LEAST, 0.95, 'S1', 'plain PUSH to SUB',
     'raw_zmq', 'events_per_s'),
    ('S2 C++ client to stream against the best peer', AT_LEAST, 3.0, 'S2', 'C++ library to stream',
     'best', 'events_per_s'),
    ('S3 plain lists to stream against raw libzmq', AT_LEAST, 1.2, 'S3',
     'plain PUSH, lists, to stream', 'raw_zmq', 'events_per_s'),
    ('S4 C++ client to stream, p50 against raw libzmq', AT_MOST, 1.0, 'S4',
     'C++ library to stream', 'raw_zmq', 'latency_us.p50'),
    ('S4 C++ client to stream, p99 against raw libzmq', AT_MOST, 1.0, 'S4',
     'C++ library to stream', 'raw_zmq', 'latency_us.p99'),
    ('S1 relay CPU-seconds per million events, C++ client to stream', AT_MOST, 0.30, 'S1',
     'C++ library to stream', None, 'broker_cpu_s_per_million'),
)


def targets(rows):
    """The bounds whose rows were measured, met or not."""
    found = []
    for name, sense, must, scenario, client, other, figure in BOUNDS:
        ours = of(rows, scenario, 'xylem', client, figure)
        theirs = 1.0 if other is None else reference(rows, scenario, other, figure)
        if ours is None or not theirs:
            continue
        got = ours / theirs
        found.append({'name': name, 'must': must, 'got': round(got, 3),
                      'met': got >= must if sense == AT_LEAST else got <= must,
                      'how': f'{"median" if other is None else "median / median"}, {sense}'})
    return found


def reference(rows, scenario, other, figure):
    if other == 'best':
        values = [median(row, figure) for row in rows
                  if row['scenario'] == scenario and row['system'] != 'xylem']
        return max((value for value in values if value), default=None)
    return of(rows, scenario, other, 'two frames' if other == 'raw_zmq' else '', figure)


def of(rows, scenario, system, client, figure):
    for row in rows:
        if (row['scenario'], row['system'], row['client']) == (scenario, system, client):
            return median(row, figure)
    return None


def print_targets(found):
    if found:
        print('\nbounds')
    for one in found:
        print(f"  {one['name']:<64}{one['got']:>8.2f}  {one['how'].split(', ')[1]} {one['must']:g}"
              f"  {'met' if one['met'] else 'NOT MET'}")
