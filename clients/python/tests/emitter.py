"""A process that sends events and says what became of them.

    python emitter.py SCRIPT ARGUMENT...

Each script is a function below; it may print JSON, one value a line, and read lines.
"""

import json
import os
import sys

from celery import Celery
from until import until

from xylem.celery import Events

app = Celery('emitter', events=Events, broker='memory://')
FIELDS = {
    'uuid': '2bd8b0a5-2e1a-4b5c-9a0b-0d6e5a6f0d11', 'name': 'proj.tasks.add', 'args': '(1, 2)',
    'kwargs': '{}', 'retries': 0, 'eta': None, 'expires': None,
}


def say(value):
    print(json.dumps(value), flush=True)


def resident_bytes():
    """Return what the process holds in memory, bytes."""
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def flood(count):
    """Send `count` events; say the growth of memory and the counters at once and when none waits.

    Lives on until it is told, as libzmq's PULL socket, while it is full, forgets what it has not
    read of a connection that is closed.
    """
    dispatcher = app.events.Dispatcher(hostname='w@test')
    for number in range(100):
        dispatcher.send('task-warm-up', number=number, **FIELDS)
    before = resident_bytes()
    for number in range(int(count) - 100):
        dispatcher.send('task-received', number=number, **FIELDS)
    say({'grown': resident_bytes() - before, 'stats': dispatcher.stats})
    sys.stdin.readline()
    until(lambda: dispatcher.stats['waiting'] == 0)
    say({'grown': resident_bytes() - before, 'stats': dispatcher.stats})
    sys.stdin.readline()


def publish(count):
    """Do what a web server's process does that publishes some tasks and ends."""
    app.conf.task_send_sent_event = True
    for number in range(int(count)):
        app.send_task('proj.add', task_id=str(number))


def fork():
    """Send before a fork, in the child, and in the parent after; both end as Python ends."""
    dispatcher = app.events.Dispatcher(hostname='w@test')
    for number in range(3):
        dispatcher.send('parent-before', number=number)
    sys.stdin.readline()
    child = os.fork()
    for number in range(3):
        dispatcher.send('child-after' if child == 0 else 'parent-after', number=number)
    if child:
        os.waitpid(child, 0)
        dispatcher.send('parent-last', number=0)


if __name__ == '__main__':
    globals()[sys.argv[1]](*sys.argv[2:])
