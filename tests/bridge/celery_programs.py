"""Celery's own programs, and scripts of this folder, each in a process group of its own."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

from relay_process import REPOSITORY, clean_environment
from waiting import until

BRIDGE = pathlib.Path(__file__).resolve().parent
PATHS = (BRIDGE, BRIDGE.parent / "system", REPOSITORY / "clients/python")
PLUGIN = "xylem.celery:Events"
#: What begins a record of `celery events --dump`; the traceback in one has lines of its own.
RECORD = re.compile(r"^(?=\S+ \[\d{4}-\d\d-\d\d )", re.MULTILINE)
NOT_THE_EVENTS = re.compile(
    r"\blocal_received=[\d.]+|\bclock=\d+"
    r"|(?<=\] task progress: ).*(?=, percent)|(?<=\] task revoked: ).*(?=, expired)", re.DOTALL)


class Program:
    """What it prints is in `out()`, its log in `log()`."""

    def __init__(self, folder, name, arguments, environment):
        self._out, self._log = folder / f"{name}.out", folder / f"{name}.log"
        with self._out.open("wb") as out, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *map(str, arguments)], cwd=folder, text=True, bufsize=1,
                stdin=subprocess.PIPE, stdout=out, stderr=log, start_new_session=True,
                env=clean_environment(
                    PYTHONPATH=os.pathsep.join(map(str, PATHS)), PYTHONDONTWRITEBYTECODE="1",
                    PROJ_FOLDER=str(folder), **environment))

    def out(self):
        return self._out.read_text(errors="replace")

    def log(self):
        return self._log.read_text(errors="replace")

    def ask(self, *words):
        """Its answer to a line on its stdin."""
        before = len(self.out())
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        until(lambda: self.out()[before:].endswith("\n") or not self.running(),
              lambda: f"it answers {words}: {self.log()}", 60)
        return json.loads(self.out()[before:])

    def running(self):
        return self._process.poll() is None

    def stop(self):
        """Ends it as an operator would; waits; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self, seconds=60):
        return self._process.wait(seconds)

    def kill(self):
        """With its children, as the end of their machine would."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        self._process.stdin.close()


class Programs:
    """Starts them on one broker. Use the fixture `start_programs`."""

    def __init__(self, folder, url):
        self.folder, self._url = folder, url
        self._started = []

    def script(self, name, *arguments, **environment):
        """`name.py`; an option `called` says how its files are."""
        return self._start(name, (BRIDGE / f"{name}.py", *arguments), environment)

    def celery(self, name, *arguments, **environment):
        return self._start(name, ("-m", "celery", "-A", "proj", *arguments), environment)

    def worker(self, name, *options, **environment):
        """`name`@test, which works off the queue `name` unless `options` say others, is ready."""
        log = self.folder / f"{name}.log"
        before = len(log.read_text()) if log.exists() else 0
        made = self.celery(name, "worker", "--hostname", f"{name}@test", "--queues", name,
                           "--loglevel", "INFO", "--without-mingle", *options, **environment)

        def ready():
            assert made.running(), made.log()
            return f"{name}@test ready." in made.log()[before:]
        until(ready, lambda: f"{name} is ready: {made.log()}", 60)
        return made

    def kill(self):
        for one in self._started:
            one.kill()

    def _start(self, name, arguments, environment):
        name = environment.pop("called", name)
        made = Program(self.folder, name, arguments, {"PROJ_BROKER": self._url, **environment})
        self._started.append(made)
        return made


def known_to_gossip(app, *workers):
    """{worker: {other: what its Gossip knows}} of those that answer."""
    replies = app.control.broadcast("gossip_workers", destination=[*workers], reply=True,
                                    limit=len(workers), timeout=5)
    return {worker: known for reply in replies for worker, known in reply.items()}


class Monitors:
    """Celery's monitors, unmodified, on one exchange."""

    def __init__(self, programs, exchange):
        self._folder, self._exchange = programs.folder, exchange
        self._state = programs.script("monitor", called=f"monitor-{exchange}",
                                      PROJ_EXCHANGE=exchange)
        self._dump = programs.celery(f"dump-{exchange}", "events", "--dump",
                                     PROJ_EXCHANGE=exchange)
        self._camera = programs.celery(
            f"camera-{exchange}", "events", "--camera", "monitor.Camera", "--frequency", "1",
            PROJ_EXCHANGE=exchange, PROJ_EVENTS="monitor:LargeEvents")

    def total(self):
        return self._state.ask("total")

    def count(self, event_type, subject):
        """Events of a type of the task with this id, or the worker with this name."""
        return self._state.ask("count", event_type, subject)

    def saved(self):
        """What the Receiver got and what its State became: events, tasks, left."""
        place = self._folder / f"{self._exchange}.json"
        self._state.ask("save", place)
        return json.loads(place.read_text())

    def records(self):
        """What `celery events --dump` printed, without what depends on how events of several
        connections fall together: clocks, and names of tasks whose client names them alone."""
        _, *found = RECORD.split(self._dump.out())
        return [NOT_THE_EVENTS.sub("", one) for one in found]

    def picture(self):
        """What `celery events --camera` saw last."""
        place = self._folder / f"{self._exchange}.picture"
        return json.loads(place.read_text()) if place.exists() else None
