"""A process that sends events and says what became of them.

    python emitter.py SCRIPT ARGUMENT...

Each script is a function below; it may print JSON, one value a line, and read lines.
"""

import atexit
import importlib
import json
import multiprocessing.util
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

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


def send_one(number, late=False):
    """What a child does: its first event, and nothing behind it that would give it time."""
    if late:
        threading.Thread(target=send_after_the_main_thread, args=(number,)).start()
    else:
        app.events.Dispatcher(hostname='w@test').send('child', number=number)


def send_after_the_main_thread(number):
    """Send once the finalizers of a multiprocessing child have run, in a thread it waits for."""
    until(multiprocessing.util.is_exiting)
    app.events.Dispatcher(hostname='w@test').send('child', number=number)


def children(count, module, method, late=''):
    """Have processes of multiprocessing or billiard send one event each and end."""
    context = importlib.import_module(module).get_context(method)
    for number in range(int(count)):
        child = context.Process(target=send_one, args=(number, bool(late)))
        child.start()
        child.join()


def pooled(count, kind):
    """Have a pool of processes send; it is closed and waited for, not terminated."""
    if kind == 'executor':
        with ProcessPoolExecutor(2) as executor:
            list(executor.map(send_one, range(int(count))))
    else:
        pool = multiprocessing.Pool(2)
        pool.map(send_one, range(int(count)))
        pool.close()
        pool.join()


def send_at_exit(count):
    """Send from an exit handler that runs behind the outbox's own."""
    atexit.register(lambda: [dispatcher.send('late', number=n) for n in range(int(count))])
    dispatcher = app.events.Dispatcher(hostname='w@test')
    dispatcher.send('early')


def leave_gathered(count):
    """End with a list that nobody flushed."""
    dispatcher = app.events.Dispatcher(hostname='w@test', buffer_group=['task'])
    for number in range(int(count)):
        dispatcher.send('task-started', number=number)


def end_by(way):
    """Send one event and end in one of Python's ways."""
    send_one(0)
    if way == 'sys.exit':
        sys.exit(3)
    elif way == 'exception':
        raise ValueError('an end')
    elif way == 'SIGINT':
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.kill(os.getpid(), signal.SIGINT)
    elif way == 'SIGTERM made sys.exit':
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == '__main__':
    globals()[sys.argv[1]](*sys.argv[2:])
