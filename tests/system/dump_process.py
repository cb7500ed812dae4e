"""A running `xylem dump --format json --metadata`, and what it printed."""
import json
import signal
import subprocess

from relay_process import NEVER_SAID, XYLEM, clean_environment
from waiting import until


class Dump:
    """Use the `start_dump` fixture, which ends it."""

    def __init__(self, folder, stream, name, *arguments, metadata=True):
        self.name = name
        self.out = folder / f"{name}.out"
        self.err = folder / f"{name}.err"
        command = [XYLEM, "dump", "--connect", stream, "--name", name, "--format", "json",
                   *(["--metadata"] if metadata else []), *arguments]
        with open(self.out, "w") as out, open(self.err, "w") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err,
                                            env=clean_environment())

    def lines(self):
        """The whole lines printed so far, parsed."""
        text = self.out.read_text()
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def sequences(self):
        return [line["sequence"] for line in self.lines() if "sequence" in line]

    def gaps(self):
        return [line for line in self.lines() if line.get("type") == "xylem-gap"]

    def numbers(self):
        """The field `n` of the events that have one."""
        return [line["event"]["n"] for line in self.lines() if "n" in line.get("event", {})]

    def await_lines(self, part, count=1, seconds=30):
        until(lambda: self.out.read_bytes().count(part.encode()) >= count,
              f"{self.name} has printed {count} times {part}", seconds)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def finish(self, expected=0, seconds=20):
        """As Ctrl-C would; returns what it said last."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.wait(expected, seconds)

    def wait(self, expected=0, seconds=20):
        code = self.process.wait(timeout=seconds)
        said = self.err.read_text()
        assert not any(bad in said for bad in NEVER_SAID), said
        assert code == expected, f"exit code {code} instead of {expected}: {said}"
        return said

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
