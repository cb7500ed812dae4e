"""What does a fleet of gossiping workers cost RabbitMQ, and what with a relay before it?

140 simulated workers beat every 2 s and run tasks; RabbitMQ has a queue of Gossip for each, and one
monitor of everything. Without Xylem they publish by Celery's dispatcher; with it they push by the
plug-in to a relay, whose sink publishes for all, in each mode of `amqp_sink.worker_events`. Every
row has a broker of its own. Premise: with `mirror` all heartbeats reach all queues, and no event is
dropped.

    python3 -m bench.amqp.fleet build/release/bin [--workers 140] [--tasks 700] [--seconds 20]
"""

import argparse
import contextlib
import json
import pathlib
import sys
import tempfile
import time

from bench.celery.processes import Load, Relay, cpu_seconds, resident_bytes
from bench.celery.rabbitmq import RabbitMQ

MODES = (None, 'mirror', 'decimate', 'elect_only')
WARM_SECONDS = 8
INTERVAL = '10s'  # of decimate, its default
# A fleet is behind if it gets less than this share of its heartbeats.
BEHIND = 0.97


def measure(options, mode):
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(RabbitMQ())
        time.sleep(2)  # of what its start leaves it to do
        idle = resident_bytes(broker.pid)
        relay, system, push = None, 'rabbitmq', broker.amqp_url
        if mode:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            relay = stack.enter_context(Relay(
                options.binaries, folder, f'spool.directory={folder}/spool',
                'amqp_sink.exchange=celeryev', f'amqp_sink.worker_events={mode}',
                f'amqp_sink.heartbeat_interval={INTERVAL}', XYLEM_AMQP_URL=broker.amqp_url))
            system, push = 'xylem', relay.push
        loads = {
            'gossip': ('gossip', 'rabbitmq', broker.amqp_url, options.workers),
            'monitor': ('gossip', 'rabbitmq', broker.amqp_url, 1, '#'),
            'beats': ('beats', system, push, options.workers),
            'tasks': ('tasks', system, push, options.workers, options.tasks)}
        for name, words in loads.items():
            loads[name] = stack.enter_context(Load('fleet_load', *words))
            loads[name].answer()
        time.sleep(WARM_SECONDS)
        began = counters(loads, broker, relay)
        time.sleep(options.seconds)
        ended = counters(loads, broker, relay)
        return row(mode, began, ended, {
            'rabbitmq_resident_mib': resident_bytes(broker.pid) / 2**20,
            'rabbitmq_resident_mib_idle': idle / 2**20,
            'dropped': relay.metric('xylem_tap_dropped_events_total') if relay else 0,
            'workers': options.workers})


def counters(loads, broker, relay):
    said = {name: load.ask('count') for name, load in loads.items()}
    return {'at': said['beats']['at'], 'beats': said['beats']['sent'],
            'tasks': said['tasks']['sent'], 'gossip': said['gossip']['events'],
            'monitor': said['monitor']['events'] + said['monitor']['lists'],
            'cpu': cpu_seconds(broker.pid), 'relay_cpu': cpu_seconds(relay.pid) if relay else 0}


def row(mode, began, ended, more):
    changed = {name: ended[name] - began[name] for name in began}
    events = changed['beats'] + changed['tasks']
    seconds = changed['at']
    if mode in (None, 'mirror') and changed['gossip'] < BEHIND * changed['beats'] * more['workers']:
        sys.exit(f'the premise failed: {mode}: {changed["gossip"]} heartbeats came of '
                 f'{changed["beats"]} to {more["workers"]} each')
    if more['dropped']:
        sys.exit(f'the premise failed: {mode}: {more["dropped"]} events were dropped')
    # The monitor gets each message once, so it tells how many the broker took in.
    return {'worker_events': mode or 'no relay', 'events_per_s': events / seconds,
            'messages_in_per_s': changed['monitor'] / seconds,
            'messages_out_per_s': (changed['monitor'] + changed['gossip']) / seconds,
            'rabbitmq_cpu_share': changed['cpu'] / seconds,
            'rabbitmq_cpu_s_per_million_events': changed['cpu'] / events * 1e6,
            'relay_cpu_s_per_million_events': changed['relay_cpu'] / events * 1e6,
            'rabbitmq_resident_mib': more['rabbitmq_resident_mib'],
            'rabbitmq_resident_mib_idle': more['rabbitmq_resident_mib_idle']}


def main():
    words = argparse.ArgumentParser(description=__doc__.split('\n\n', maxsplit=1)[0])
    words.add_argument('binaries', help='where xylem is', type=pathlib.Path)
    words.add_argument('--workers', type=int, default=140)
    words.add_argument('--tasks', type=float, default=700, help='a second, of three events each')
    words.add_argument('--seconds', type=float, default=20, help='of each row')
    options = words.parse_args()
    for mode in MODES:
        print(json.dumps(measure(options, mode)), flush=True)


if __name__ == '__main__':
    main()
