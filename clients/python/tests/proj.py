"""The Celery app that the workers and clients of the tests run, on kombu's filesystem transport.

Configured by the environment: ``PROJ_FOLDER`` (queue, results, records) and ``PROJ_BROKER``
(``folder`` or ``polled``, see `polled_transport`).
"""

import os
import pathlib

from celery import Celery
from celery.signals import worker_init, worker_ready
from kombu import Exchange, Queue
from recording import RecordingEvents
from until import until

import polled_transport  # noqa: F401  (registers both transports)

folder = pathlib.Path(os.environ['PROJ_FOLDER'])

app = Celery('proj', events=RecordingEvents)
app.conf.update(
    broker_url=os.environ.get('PROJ_BROKER', 'folder') + '://',
    broker_transport_options={
        'data_folder_in': str(folder / 'queue'), 'data_folder_out': str(folder / 'queue'),
        'polling_interval': 0.02,
    },
    result_backend=f'file://{folder}/results',
    task_send_sent_event=True,
    task_acks_late=False,
    # Unlimited: at its limit a worker looks for room once in 2 s only, outside the event loop.
    worker_prefetch_multiplier=0,
)


@app.task
def add(x, y):
    return x + y


@app.task
def fail(reason):
    raise ValueError(reason)


@app.task(bind=True, max_retries=1)
def retry_once(self):
    if not self.request.retries:
        raise self.retry(countdown=0, exc=KeyError('again'))
    return 'second time'


@app.task(bind=True)
def note(self, text):
    self.send_event('custom-note', text=text, parts=[1, 2.5, None, {'deep': 'ä"\u2028'}])
    self.send_event('task-progress', percent=50)
    return text


@app.task
def wait_for(name):
    until((folder / name).exists)


@worker_init.connect
def watch_broker(**kwargs):
    """Bind a queue to Celery's event exchange, so that an event on the broker leaves a file."""
    with app.connection_for_write() as connection:
        queue = Queue('watch', Exchange('celeryev', type='topic'), routing_key='#', durable=False)
        queue(connection.default_channel).declare()


@worker_ready.connect
def say_ready(**kwargs):
    (folder / 'ready').touch()
