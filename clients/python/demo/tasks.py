"""A small Celery app whose events go to a Xylem relay; its broker is a folder.

The two lines that matter are the import of ``Events`` and ``events=Events``. ``DEMO_FOLDER`` says
where the queue lies, ``XYLEM_PUSH`` where the relay is.
"""

import os
import pathlib
import random

import folder_transport  # noqa: F401  (registers the broker)
from celery import Celery

from xylem.celery import Events

queue = str(pathlib.Path(os.environ['DEMO_FOLDER']) / 'queue')

app = Celery('demo', events=Events)
app.conf.update(
    broker_url='folder://',
    broker_transport_options={
        'data_folder_in': queue, 'data_folder_out': queue, 'polling_interval': 0.05,
    },
    task_send_sent_event=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=0,
)


@app.task
def resize(picture, width):
    """Succeeds."""
    return f'{picture} at {width} pixels'


@app.task
def charge(customer, cents):
    """Fails."""
    raise ValueError(f'card of {customer} declined for {cents / 100:.2f}')


@app.task(bind=True, max_retries=1)
def fetch(self, url):
    """Is retried once, then succeeds."""
    if not self.request.retries:
        raise self.retry(countdown=random.uniform(0.1, 0.5), exc=TimeoutError(url))
    return 200
