"""S7: what the heartbeats of a fleet cost the broker, and what they cost a relay.

    python3 -m bench.celery.fleet [--quick]

N workers beat every 2 s. With gossip each also has a queue bound to `worker.#`, so a broker takes
in N/2 messages/s and delivers N²/2. Measured: Celery over RabbitMQ; a relay with one monitor, which
is how Xylem is used (workers run --without-gossip); and a relay to which all N subscribe, the same
fan-out for both. Where a system falls behind, `told` says so, and `needed_*` what would be needed.
"""

import contextlib
import sys
import tempfile
import time

from bench.celery.alone import run_alone
from bench.celery.processes import Load, Relay, cpu_seconds

FLEETS = (30, 140, 1000)
WARM_SECONDS = 4
# A fleet is behind if it gets less than this share of its heartbeats.
BEHIND = 0.97
GOSSIPING_PROCESSES = 2


def rows(context, quick):
    found = []
    for workers in FLEETS:
        windows = (5,) if quick else (6, 6, 6)
        measure = None
        if context.rabbitmq:
            url, pid = context.rabbitmq.amqp_url, context.rabbitmq.pid
            measure = lambda: _measure('rabbitmq', url, url, pid, (workers, workers), windows)
        found.append(_row('celery', 'gossip over RabbitMQ', workers, 'celery', measure))
        for client, subscribers in (('one monitor', 1), ('all workers subscribe', workers)):
            found.append(_row('xylem', client, workers, 'xylem', lambda: _measure_relay(
                context.binaries, (workers, subscribers), windows)))
    return found


def _row(system, client, workers, only, measure):
    row = {'scenario': 'S7', 'group': None, 'system': system, 'client': client, 'x': workers,
           'command': f'./dev bench --only S7:{only}', 'skipped': None, 'runs': []}
    if measure is None:
        return {**row, 'skipped': 'rabbitmq-server is not installed'}
    try:
        runs = measure()
    except (RuntimeError, OSError) as error:
        return {**row, 'skipped': str(error)}
    row['told'] = max(run.pop('told') for run in runs)
    return {**row, 'runs': runs}


def _measure_relay(binaries, fleet, windows):
    with tempfile.TemporaryDirectory() as folder, Relay(binaries, folder) as relay:
        return _measure('xylem', relay.push, relay.publish, relay.pid, fleet, windows)


def _measure(system, push, receive, pid, fleet, windows):
    """`fleet` is how many beat and how many subscribe; a run for each of `windows`, in seconds."""
    workers, subscribers = fleet
    with contextlib.ExitStack() as stack:
        shares = [subscribers // GOSSIPING_PROCESSES] * GOSSIPING_PROCESSES
        shares[0] += subscribers - sum(shares)
        gossip = [stack.enter_context(Load('fleet_load', 'gossip', system, receive, share))
                  for share in shares if share]
        for one in gossip:
            one.answer()
        beats = stack.enter_context(Load('fleet_load', 'beats', system, push, workers))
        beats.answer()
        time.sleep(WARM_SECONDS)
        runs, began = [], _counters(beats, gossip, pid)
        for window in windows:
            time.sleep(window)
            ended = _counters(beats, gossip, pid)
            runs.append(_run(fleet, began, ended))
            began = ended
        return runs


def _counters(beats, gossip, pid):
    sent, taken = beats.ask('count'), [one.ask('count') for one in gossip]
    lags = [one['lag_s'] for one in taken if one['lag_s'] is not None]
    return {'at': sent['at'], 'sent': sent['sent'], 'cpu': cpu_seconds(pid),
            'events': sum(one['events'] for one in taken),
            'bytes': sum(one['bytes'] for one in taken), 'lag': max(lags, default=0)}


def _run(fleet, began, ended):
    workers, subscribers = fleet
    seconds = ended['at'] - began['at']
    sent, events, taken, cpu = ((ended[key] - began[key]) / seconds
                                for key in ('sent', 'events', 'bytes', 'cpu'))
    needed_in, needed_out = workers / 2, workers / 2 * subscribers
    # What comes in has the size of what goes out, within some bytes of framing.
    each = taken / events if events else 0
    run = {'broker_messages_per_s': sent + events, 'broker_bytes_per_s': taken + sent * each,
           'broker_cpu_share': cpu, 'delivered_per_s': events, 'lag_s': ended['lag'],
           'told': ''}
    if events < BEHIND * needed_out:
        times = (needed_in + needed_out) / (sent + events) if sent + events else 0
        run.update(
            needed_messages_per_s=needed_in + needed_out,
            needed_bytes_per_s=run['broker_bytes_per_s'] * times, needed_cpu_share=cpu * times,
            told=f'fell behind: {events:,.0f} of {needed_out:,.0f} deliveries/s, with '
                 f'{cpu:.2f} cores of a machine that the load shares; heartbeats came '
                 f'{ended["lag"]:.1f} s late or expired. What it would take is extrapolated '
                 f'from the cost of each delivery, {cpu / max(events, 1) * 1e6:.1f} µs.')
    return run


if __name__ == '__main__':
    sys.exit(run_alone(rows, 'S7'))
