"""Sends a seeded mixture of tasks: ``python3 proj_client.py PREFIX COUNT SEED QUEUE...``

The ids are PREFIX-0, PREFIX-1 and so on; the worker WORKER@test reads the queue WORKER. Prints how
many it has sent.
"""
import random
import sys
from datetime import datetime, timedelta, timezone

from proj import add, app, fail, note, reject, retry_once
from waiting import until

#: A queue holds fewer, for `celery events --dump` remembers the names of 4,095 tasks.
WAITING_MAX = 300
ROUND = 200
KINDS = {"add": 80, "fail": 6, "retry": 5, "expire": 2, "reject": 2, "note": 2, "revoke": 3}
LONG_AGO = datetime(2020, 1, 1, tzinfo=timezone.utc)


def send(kind, number, **options):
    calls = {
        "fail": lambda: fail.apply_async((f"nein, {number} ≠ 1 \U0001f600",), **options),
        "retry": lambda: retry_once.apply_async((number,), **options),
        "expire": lambda: add.apply_async(
            (1, number), expires=LONG_AGO + timedelta(seconds=number), **options),
        "reject": lambda: reject.apply_async(**options),
        "note": lambda: note.apply_async((f"note {number}\n",), **options),
    }
    calls.get(kind, lambda: add.apply_async((1, number), **options))()


def await_room(channel, queues):
    for queue in queues:
        until(lambda: channel.queue_declare(queue, passive=True).message_count < WAITING_MAX,
              f"{queue} is worked off", seconds=120)


def main():
    prefix, count, seed, queues = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    chance = random.Random(seed)
    workers = [f"{queue}@test" for queue in queues]
    with app.connection_for_write() as connection:
        for first in range(0, count, ROUND):
            numbers = range(first, min(first + ROUND, count))
            kinds = chance.choices(list(KINDS), KINDS.values(), k=len(numbers))
            revoked = [f"{prefix}-{n}" for n, kind in zip(numbers, kinds) if kind == "revoke"]
            # The answers say that a worker knows of them before it gets them.
            app.control.revoke(revoked, destination=workers, reply=True, limit=len(workers),
                               timeout=5)
            for number, kind in zip(numbers, kinds):
                send(kind, number, task_id=f"{prefix}-{number}", queue=chance.choice(queues))
            print(numbers[-1] + 1, flush=True)
            await_room(connection.default_channel, queues)


if __name__ == "__main__":
    main()
