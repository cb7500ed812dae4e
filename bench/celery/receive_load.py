"""How fast does Celery's Receiver take in events that wait for it in a RabbitMQ queue?

    python3 -m bench.celery.receive_load URL EVENTS PER_MESSAGE [state]

Fills the Receiver's own queue first, so that nothing but the Receiver sets the pace. With `state`
each event also goes into Celery's State, as in Flower and the exporters. Prints JSON.
"""

import json
import sys
import time
import uuid

from amqp import Message
from celery import Celery

TYPES = ('task-received', 'task-started', 'task-succeeded')
EVENT_BYTES = 400
# Longer than any run; the 5 s of Celery's default would empty the queue behind our back.
QUEUE_SECONDS = 600


def events(count):
    """Three events of each task, as a worker sends them."""
    for number in range(count):
        if number % 3 == 0:
            task = str(uuid.UUID(int=number))
        event = {'hostname': 'celery@worker-17.example', 'utcoffset': 0, 'pid': 4711,
                 'clock': number, 'uuid': task, 'runtime': 0.02711, 'timestamp': time.time(),
                 'type': TYPES[number % 3], 'result': ''}
        event['result'] = 'x' * (EVENT_BYTES - len(json.dumps(event)))
        yield event


def fill(channel, queue, count, per_message):
    waiting = []
    headers = {'hostname': 'celery@worker-17.example'}
    for event in events(count):
        waiting.append(event)
        if len(waiting) == per_message:
            body = waiting if per_message > 1 else event
            channel.basic_publish(
                Message(json.dumps(body), content_type='application/json',
                        content_encoding='utf-8', delivery_mode=1, priority=0,
                        application_headers=headers),
                exchange='celeryev',
                routing_key='task.multi' if per_message > 1 else event['type'].replace('-', '.'))
            waiting = []
    deadline = time.monotonic() + 60
    while channel.queue_declare(queue, passive=True).message_count < count // per_message:
        if time.monotonic() > deadline:
            raise SystemExit('the queue did not fill')
        time.sleep(0.1)


def main():
    url, count, per_message, with_state = sys.argv[1], *map(int, sys.argv[2:4]), sys.argv[4:]
    app = Celery('monitor', broker=url)
    taken = [0]
    handle = app.events.State().event if with_state else lambda event: None

    def on_event(event):
        handle(event)
        taken[0] += 1
        if taken[0] == count:
            receiver.should_stop = True

    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={'*': on_event},
                                       queue_ttl=QUEUE_SECONDS, queue_expires=QUEUE_SECONDS)
        receiver.queue(connection.default_channel).declare()
        with app.connection_for_write() as filling:
            fill(filling.default_channel, receiver.queue.name, count, per_message)
        began, cpu = time.perf_counter(), time.process_time()
        receiver.capture(limit=None, timeout=10, wakeup=False)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    if taken[0] != count:
        raise SystemExit(f'{taken[0]} of {count} events came')
    print(json.dumps({'events_per_s': count / seconds,
                      'receiver_cpu_s_per_million': cpu / count * 1e6}))


if __name__ == '__main__':
    main()
