"""Keeps submitting the demo's tasks until SIGTERM; one line of JSON for each on stdout.

    python submit.py TASKS_PER_SECOND
"""

import itertools
import json
import signal
import sys
import threading

import tasks


def main(rate):
    """Submit two tasks that succeed, one that fails, one that is retried, and again."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    for number in itertools.count():
        if number % 4 < 2:
            kind, result = 'ok', tasks.resize.delay(f'cat-{number}.png', 100 + number)
        elif number % 4 == 2:
            kind, result = 'fails', tasks.charge.delay(f'customer-{number}', number)
        else:
            kind, result = 'retried', tasks.fetch.delay(f'http://example.com/{number}')
        print(json.dumps({'uuid': result.id, 'kind': kind}), flush=True)
        if stopped.wait(1 / rate):
            return


if __name__ == '__main__':
    main(float(sys.argv[1]))
