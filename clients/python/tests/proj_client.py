"""A client process: publishes tasks, waits for their results, ends.

    python proj_client.py ROUNDS      each kind of task so often
    python proj_client.py wait NAME   one that waits for a file; does not wait for its result
"""

import sys

import proj


def main(rounds):
    """Run each kind of task `rounds` times and check what comes back."""
    results = []
    for number in range(rounds):
        results += [
            (proj.add.delay(number, 1), number + 1),
            (proj.fail.delay(f'round {number}'), ValueError),
            (proj.retry_once.delay(), 'second time'),
            (proj.note.delay(f'round {number}'), f'round {number}'),
        ]
    for result, expected in results:
        if expected is ValueError:
            error = result.get(timeout=30, interval=0.02, propagate=False)
            assert isinstance(error, ValueError), error
        else:
            assert result.get(timeout=30, interval=0.02) == expected


if __name__ == '__main__':
    if sys.argv[1] == 'wait':
        proj.wait_for.delay(sys.argv[2])
    else:
        main(int(sys.argv[1]))
