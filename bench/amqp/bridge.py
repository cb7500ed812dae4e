"""How many events a second go through the sink and the source, beside Celery's own ends?

Events of 400 bytes, singly and in lists of 24. The sink publishes what is pushed to its relay, and
counts what RabbitMQ has confirmed; Celery's dispatcher publishes without confirms, and its time
ends when RabbitMQ has answered a call after the last event. The source takes a queue that was
filled before, as Celery's Receiver does. A round measures each once. Premise: all events arrive.

    python3 -m bench.amqp.bridge build/release/bin [--rounds 3]
"""

import argparse
import contextlib
import itertools
import json
import pathlib
import statistics
import sys
import tempfile
import time

import zmq
from celery import Celery

from bench.celery import receive, receive_load
from bench.celery.processes import Relay, cpu_seconds
from bench.celery.rabbitmq import RabbitMQ

LIST = 24
RELAYED, DISPATCHED, RECEIVED = 480_000, 48_000, 48_000  # events of a run; singly a third
# RabbitMQ routes to one queue, which keeps little.
QUEUE = {'x-max-length': 1000}
LOOK_EVERY_S = 0.01
PATIENCE_S = 120


def bind_queue(broker):
    """A queue of everything on `celeryev`."""
    with Celery('bench', broker=broker.amqp_url).connection_for_write() as connection:
        channel = connection.default_channel
        channel.exchange_declare('celeryev', 'topic', durable=True, auto_delete=False)
        channel.queue_declare('everything', durable=True, auto_delete=False, arguments=QUEUE)
        channel.queue_bind('everything', 'celeryev', '#')


@contextlib.contextmanager
def relay_of(options, broker, *settings):
    with tempfile.TemporaryDirectory() as folder:
        with Relay(options.binaries, folder, f'spool.directory={folder}/spool', *settings,
                   XYLEM_AMQP_URL=broker.amqp_url) as relay:
            yield relay


def await_count(relay, name, count):
    """[(when, how many)] until all are there; the first with any."""
    found = []
    deadline = time.monotonic() + PATIENCE_S
    while not found or found[-1][1] < count:
        if time.monotonic() > deadline:
            sys.exit(f'the premise failed: {found[-1:]} of {count} {name}')
        there = relay.metric(name)
        if there:
            found.append((time.monotonic(), there))
        time.sleep(LOOK_EVERY_S)
    return found


def message_of(events):
    """Routing key and body."""
    if len(events) > 1:
        return b'task.multi', json.dumps(events).encode()
    return events[0]['type'].replace('-', '.').encode(), json.dumps(events[0]).encode()


def through_sink(options, broker, events, per_message):
    with relay_of(options, broker, 'amqp_sink.exchange=celeryev') as relay, \
            zmq.Context() as context, context.socket(zmq.PUSH) as push:
        push.connect(relay.push)
        ready = list(receive_load.events(10_000 // per_message * per_message))
        messages = [message_of(ready[at:at + per_message])
                    for at in range(0, len(ready), per_message)]
        began, cpu = time.monotonic(), cpu_seconds(relay.pid)
        for message in itertools.islice(itertools.cycle(messages), events // per_message):
            push.send_multipart(message)
        ended = await_count(relay, 'xylem_tap_delivered_events_total{sink="amqp"', events)[-1][0]
        published = relay.metric('xylem_amqp_published_messages_total')
        return {'events_per_s': events / (ended - began),
                'cpu_s_per_million': (cpu_seconds(relay.pid) - cpu) / events * 1e6,
                'events_per_message': events / published}


def through_source(options, broker, events, per_message):
    settings = 'amqp_source.exchange=celeryev'
    with relay_of(options, broker, settings) as relay:
        await_count(relay, 'xylem_amqp_connected', 1)  # and so it has made its queue
    with Celery('bench', broker=broker.amqp_url).connection_for_write() as connection:
        receive_load.fill(connection.default_channel, 'xylem.celeryev', events, per_message)
    with relay_of(options, broker, settings) as relay:
        counts = await_count(relay, 'xylem_source_accepted_events_total', events)
        (began, had), (ended, _) = counts[0], counts[-1]
        if ended == began:
            sys.exit('the premise failed: too few events to see them come')
        result = {'events_per_s': (events - had) / (ended - began),
                  'cpu_s_per_million': cpu_seconds(relay.pid) / events * 1e6}
    with Celery('bench', broker=broker.amqp_url).connection_for_write() as connection:
        connection.default_channel.queue_delete('xylem.celeryev')
    return result


def dispatched(broker, events, per_message):
    """By Celery's dispatcher, in the tightest loop there is."""
    app = Celery('bench', broker=broker.amqp_url)
    with app.connection_for_write() as connection:
        dispatcher = app.events.Dispatcher(connection, hostname='celery@worker-17.example',
                                           buffer_group=['task'] if per_message > 1 else None)
        ready = list(receive_load.events(10_000))
        kinds = [(one.pop('type'), {name: one[name] for name in ('uuid', 'runtime', 'result')})
                 for one in ready]
        began, cpu = time.monotonic(), time.process_time()
        for kind, fields in itertools.islice(itertools.cycle(kinds), events):
            dispatcher.send(kind, **fields)
        dispatcher.flush()
        dispatcher.producer.channel.queue_declare('everything', passive=True)
        return {'events_per_s': events / (time.monotonic() - began),
                'cpu_s_per_million': (time.process_time() - cpu) / events * 1e6}


def received(broker, events, per_message):
    found = receive.by_celery(broker, events, per_message)
    return {'events_per_s': found['events_per_s'],
            'cpu_s_per_million': found['receiver_cpu_s_per_million']}


def ways(options, broker):
    """{name: function that measures once}"""
    found = {}
    for words, size, share in (('singly', 1, 3), (f'lists of {LIST}', LIST, 1)):
        found[f"Celery's dispatcher, {words}"] = (
            lambda size=size, share=share: dispatched(broker, DISPATCHED // share, size))
        found[f'sink, {words}'] = (
            lambda size=size, share=share: through_sink(options, broker, RELAYED // share, size))
        found[f"Celery's Receiver, {words}"] = (
            lambda size=size, share=share: received(broker, RECEIVED // share, size))
        found[f'source, {words}'] = (
            lambda size=size, share=share: through_source(options, broker, RELAYED // share, size))
    return found


def main():
    words = argparse.ArgumentParser(description=__doc__.split('\n\n', maxsplit=1)[0])
    words.add_argument('binaries', help='where xylem is', type=pathlib.Path)
    words.add_argument('--rounds', type=int, default=3)
    options = words.parse_args()
    with RabbitMQ() as broker:
        bind_queue(broker)
        measures = ways(options, broker)
        runs = {name: [] for name in measures}
        for _ in range(options.rounds):
            for name, measure in measures.items():
                runs[name].append(measure())
    for name, found in runs.items():
        print(json.dumps({'way': name, **{
            key: statistics.median(run[key] for run in found) for key in found[0]}}))


if __name__ == '__main__':
    main()
