"""The Celery app that workers, clients and monitors of these tests run.

By the environment: PROJ_BROKER, PROJ_EXCHANGE (Celery's `event_exchange`), PROJ_QUEUE, PROJ_FOLDER,
and PROJ_EVENTS, the class of `app.events` if it is not Celery's own.
"""
import os
import pathlib

from celery import Celery
from celery.exceptions import Reject
from celery.worker.control import inspect_command

from waiting import until

folder = pathlib.Path(os.environ["PROJ_FOLDER"])

app = Celery("proj", events=os.environ.get("PROJ_EVENTS"))
app.conf.update(
    broker_url=os.environ["PROJ_BROKER"],
    event_exchange=os.environ.get("PROJ_EXCHANGE", "celeryev"),
    # A busy monitor must not lose what waits for it: the broker drops after 5 s by default.
    event_queue_ttl=600, event_queue_expires=600,
    task_default_queue=os.environ.get("PROJ_QUEUE", "nobodys"),
    task_send_sent_event=True,
    task_acks_late=True,
    task_ignore_result=True,
)


@app.task
def add(x, y):
    return x + y


@app.task
def fail(reason):
    raise ValueError(reason)


@app.task(bind=True, max_retries=1)
def retry_once(self, x):
    """Some time later, or a worker with several processes may say that it was retried only after
    it says that the retry succeeded."""
    if not self.request.retries:
        raise self.retry(countdown=1, exc=KeyError("again"))
    return x


@app.task
def reject():
    raise Reject("not this one", requeue=False)


@app.task(bind=True)
def note(self, text):
    self.send_event("custom-note", text=text, parts=[1, 2.5, None, {"deep": "ä\"\u2028"}])
    self.send_event("task-progress", percent=50)
    return text


@app.task(bind=True)
def hang(self):
    """Until its worker is killed: the second time it comes it returns."""
    if not self.request.delivery_info["redelivered"]:
        until(lambda: False, "it is killed", seconds=600)


@app.task(bind=True)
def elected(self, name):
    """Leaves who ran it."""
    with (folder / f"elected-{name}").open("a") as file:
        file.write(self.request.hostname + "\n")


@inspect_command()
def gossip_workers(state):
    """What this worker's Gossip knows of the others."""
    return {worker.hostname: {
        "pid": worker.pid, "freq": worker.freq, "active": worker.active,
        "processed": worker.processed, "software": [worker.sw_ident, worker.sw_ver,
                                                    worker.sw_sys]}
        for worker in state.consumer.gossip.state.alive_workers()}
