"""What the relay says of a real worker that is killed, and of one that it could not hear."""

import time

from until import until

EXPIRED_S = 4  # of a worker that beats every two seconds


def verdict(relay):
    workers = relay.ask('workers')['workers']
    return next((each['verdict'] for each in workers if each['hostname'] == 'w1@test'), None)


def tasks(relay, query):
    return relay.ask(f'tasks?q={query}')['tasks']


def test_a_worker_that_was_killed_under_load_is_dead_and_its_running_tasks_are_orphans(
        relay, start_worker):
    relay.start()
    worker = start_worker(relay.push, 'prefork', 'polled')
    worker.run_tasks(10)
    worker.run_tasks('wait', 'never')
    started = until(lambda: tasks(relay, 'name:proj.wait_for+state:STARTED'))
    assert [task['orphaned'] for task in started] == [False]
    assert verdict(relay) == 'alive'
    begun = time.monotonic()
    worker.kill()
    until(lambda: verdict(relay) == 'dead', 2 * EXPIRED_S)
    assert time.monotonic() - begun > EXPIRED_S / 2, 'a single beat that is late is no death'
    orphans = [task['uuid'] for task in tasks(relay, '') if task['orphaned']]
    assert orphans == [started[0]['uuid']]
    (worker.folder / 'never').touch()  # for the process of its pool that is in it


def test_a_relay_that_was_stopped_calls_nobody_dead_for_it(relay, start_worker):
    relay.start()
    worker = start_worker(relay.push, 'prefork', 'polled')
    until(lambda: verdict(relay) == 'alive')
    relay.suspend()
    begun = time.monotonic()
    until(lambda: time.monotonic() > begun + 2.5 * EXPIRED_S, 3 * EXPIRED_S)
    relay.resume()
    begun = time.monotonic()
    seen = set()
    until(lambda: seen.add(verdict(relay)) or time.monotonic() > begun + 1.5 * EXPIRED_S)
    assert seen <= {'alive', 'unknown'} and verdict(relay) == 'alive'
    assert len(relay.ask('gaps')['gaps']) == 2, 'before it began, and while it was stopped'
