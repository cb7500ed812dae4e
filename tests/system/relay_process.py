"""A running `xylem serve`, what it shows of itself, and the ledger that must balance."""
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess

from waiting import until

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
XYLEM = os.environ.get("XYLEM_BIN", str(REPOSITORY / "build/release/bin/xylem"))
# What no program of ours may ever say, whatever happens to it.
NEVER_SAID = ("Sanitizer", "runtime error:", "broken promise", "terminate called", "Assertion")
SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


# Whose sockets relays have: native, the default, or libzmq.
ENGINE = os.environ.get("XYLEM_TEST_ENGINE", "native")


def clean_environment(**more):
    """Ours without a XYLEM_ variable of whoever runs the tests, but with the engine they want."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XYLEM_")}
    engine = {"XYLEM_TRANSPORT_ENGINE": ENGINE} if ENGINE != "native" else {}
    return {**kept, **engine, **more}


def xylem(*arguments, timeout=30, env=None, text=True):
    """Runs a command to its end; returncode, stdout, stderr."""
    given = [word if isinstance(word, bytes) else str(word) for word in arguments]
    done = subprocess.run([XYLEM, *given], capture_output=True, text=text,
                          timeout=timeout, env=env or clean_environment())
    said = done.stderr if text else done.stderr.decode(errors="replace")
    assert not any(bad in said for bad in NEVER_SAID), said
    return done


class Metrics:
    """One scrape of /metrics."""

    def __init__(self, text):
        self.text = text
        self.samples = []
        for line in text.splitlines():
            match = SAMPLE.match(line)
            if match:
                name, labels, value = match.groups()
                self.samples.append((name, dict(LABEL.findall(labels or "")), float(value)))

    def sum(self, name, **labels):
        """Of all samples that have these labels."""
        found = [value for known, have, value in self.samples
                 if known == name and labels.items() <= have.items()]
        assert found, f"{name} {labels} is not in /metrics"
        return int(sum(found)) if all(value == int(value) for value in found) else sum(found)

    def taps(self):
        """Those with a series, also of taps that left lately."""
        return {(labels["sink"], labels["tap"]) for name, labels, _ in self.samples
                if name == "xylem_tap_accepted_events_total"}

    def ledger(self, sink, tap):
        """accepted, delivered, filtered, dropped, held."""
        of = {"sink": sink, "tap": tap}
        return tuple(self.sum(f"xylem_tap_{what}", **of) for what in (
            "accepted_events_total", "delivered_events_total", "filtered_events_total",
            "dropped_events_total", "held_events"))

    def unbalanced(self):
        """The taps whose ledger does not add up, which must be none at any time."""
        ledgers = {tap: self.ledger(*tap) for tap in self.taps()}
        return {tap: rows for tap, rows in ledgers.items() if rows[0] != sum(rows[1:])}


class Relay:
    """`xylem serve` on endpoints of its own. Use the `relay` and `start_relay` fixtures."""

    def __init__(self, folder, settings=None, config=None, env=None, options=(), stderr=None):
        self.folder = pathlib.Path(folder)
        self.ended = False
        self.from_the_start = {("publish", "publish")}  # taps that every event must reach
        listen = {"push.listen": f"[tcp://127.0.0.1:0, ipc://{folder}/push]",
                  "acked.listen": "tcp://127.0.0.1:0",
                  "publish.listen": "tcp://127.0.0.1:0", "stream.listen": "tcp://127.0.0.1:0",
                  "http.listen": "http://127.0.0.1:0"}
        arguments = ["serve", *options]
        if config is not None:
            arguments += ["-c", str(config)]
        for key, value in {**listen, **(settings or {})}.items():
            if value is not None:
                arguments += ["--set", f"{key}={value}"]
        self.out = self.folder / "relay.out"
        self.err = self.folder / "relay.err"
        with open(self.out, "w") as out, open(self.err, "w") as err:
            self.process = subprocess.Popen([XYLEM, *arguments], stdout=out, stderr=stderr or err,
                                            env=clean_environment(**(env or {})))
        try:
            until(self._has_said_ready, "the relay says that it is ready")
        except AssertionError:
            self.kill()
            raise
        ready = json.loads(self.out.read_text())
        assert ready["ready"] is True
        first = {name: places[0] for name, places in ready.items() if name != "ready" and places}
        self.push, self.acked, self.publish, self.stream, self.http = (
            first.get(name) for name in ("push", "acked", "publish", "stream", "http"))
        self.push_ipc = next((place for place in ready["push"] if place.startswith("ipc")), None)

    def _has_said_ready(self):
        assert self.process.poll() is None, f"the relay ended: {self.log()}"
        return "\n" in self.out.read_text()

    def log(self):
        return self.err.read_text(errors="replace")

    def log_lines(self, *parts):
        """Those that have all of `parts`."""
        return [line for line in self.log().splitlines() if all(part in line for part in parts)]

    def await_lines(self, *parts):
        """Those that have all of `parts`, once there is one: a thread of its own writes them."""
        return until(lambda: self.log_lines(*parts), f"the relay says {parts}")

    def get(self, path, headers=None, method="GET", body=None):
        host, port = self.http.removeprefix("http://").replace("*", "127.0.0.1").rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        try:
            connection.request(method, path, body, {"Connection": "close", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metrics(self):
        status, text = self.get("/metrics")
        assert status == 200
        return Metrics(text)

    def metric(self, name, **labels):
        return self.metrics().sum(name, **labels)

    def accepted(self):
        return self.metric("xylem_source_accepted_events_total")

    def refused(self, reason):
        return self.metric("xylem_source_refused_total", reason=reason)

    def taps(self):
        """What each present tap was offered, by (sink, name)."""
        status, body = self.get("/api/taps")
        assert status == 200
        return {(row["sink"], row["name"]): row["ledger"]["accepted"]
                for row in json.loads(body)["taps"] if row["name"] != "(gone)"}

    def await_accepted(self, events, seconds=30):
        until(lambda: self.accepted() >= events, f"{events} events are accepted", seconds)
        assert self.accepted() == events

    def await_messages(self, messages):
        until(lambda: self.metric("xylem_source_messages_total") >= messages,
              f"{messages} messages have come")

    def await_subscriber(self, *names):
        until(lambda: {("stream", name) for name in names} <= self.taps().keys(),
              f"the stream has the subscribers {names}")
        if self.metric("xylem_pipeline_events_total") == 0:
            self.from_the_start |= {("stream", name) for name in names}

    def resident_bytes(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) * 1024

    def check_ledger(self):
        """THE LEDGER: every tap balances at any time, and what was accepted reaches every tap."""
        figures = {}

        def agree():
            now = self.metrics()
            assert not now.unbalanced(), now.unbalanced()
            figures["sources"] = now.sum("xylem_source_accepted_events_total")
            figures["pipeline"] = now.sum("xylem_pipeline_events_total")
            figures.update({tap: accepted for tap, accepted in self.taps().items()
                            if tap in self.from_the_start})
            return len(set(figures.values())) == 1
        until(agree, lambda: f"sources, pipeline and taps agree: {figures}\n{self.log()}")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, expected=0, seconds=20):
        code = self.process.wait(timeout=seconds)
        self.ended = True
        said = self.log()
        assert not any(bad in said for bad in NEVER_SAID), said
        assert code == expected, f"exit code {code} instead of {expected}:\n{said}"

    def stop(self, expected=0, ledger=True):
        """Holds the ledger against the figures, then ends it as an operator would."""
        if self.ended:
            return
        assert self.process.poll() is None, f"the relay died: {self.log()}"
        if ledger and self.http is not None:
            self.check_ledger()
        self.signal(signal.SIGTERM)
        self.wait(expected)

    def kill(self):
        """For a test that is over, one way or the other."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.ended = True
