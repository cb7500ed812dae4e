"""Runs one scenario of this folder by itself and prints its rows as JSON."""

import argparse
import contextlib
import json
import pathlib
import types

from bench.celery import rabbitmq
from bench.celery.processes import REPOSITORY


def run_alone(rows, scenario, needs_rabbitmq=True):
    parser = argparse.ArgumentParser(description=f'Measures {scenario} alone.')
    parser.add_argument('--quick', action='store_true', help='shorter')
    parser.add_argument('--binaries', type=pathlib.Path, default=REPOSITORY / 'build/release/bin')
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        broker = None
        if needs_rabbitmq and rabbitmq.installed():
            broker = stack.enter_context(rabbitmq.RabbitMQ())
        context = types.SimpleNamespace(binaries=arguments.binaries, rabbitmq=broker)
        print(json.dumps({'rows': rows(context, arguments.quick)}, indent=1))
