"""What boards for Flower and celery-exporter ask for, of a running relay."""
import json
import pathlib
import shutil
import subprocess
import warnings

import pytest

from plain_clients import Push
from waiting import until

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures" / "compat"
BOTH = {"metrics.compat": '["flower", "celery-exporter"]'}


def series_of(text):
    """Each series, its labels in order, with its value, of those programs."""
    found = {}
    for line in text.splitlines():
        if not line.startswith(("flower_", "celery_")):
            continue
        series, value = line.rsplit(" ", 1)
        name, labels = series[:-1].split("{", 1)
        found[name, tuple(sorted(split(labels)))] = float(value)
    return found


def split(labels):
    at = 0
    while at < len(labels):
        end = labels.index('"', at) + 1
        while labels[end] != '"':
            end += 2 if labels[end] == "\\" else 1
        yield labels[at:end + 1]
        at = end + 2


@pytest.fixture
def told(start_relay, context):
    """A relay with both, after the stream of events that both were recorded with."""
    relay = start_relay(BOTH)
    push = Push(context, relay.push)
    events = [json.loads(line) for line in (FIXTURES / "events.jsonl").read_text().splitlines()]
    for event in events:
        push.event(event.pop("type"), **event)
    until(lambda: relay.metrics().ledger("state", "state")[1] == len(events), "the state has all")
    return relay


def test_series_are_those_that_the_programs_print(told):
    theirs = {}
    for name in ("flower.txt", "celery_exporter.txt"):
        theirs.update(series_of((FIXTURES / name).read_text()))
    ours = series_of(told.metrics().text)
    assert ours.keys() == theirs.keys()
    assert {key: pytest.approx(value) for key, value in theirs.items()} == ours
    assert told.metric("xylem_compat_series") == len(ours)


def test_boards_find_what_they_ask_for(told, folder):
    if shutil.which("promtool") is None:
        warnings.warn("promtool is not installed: boards' series were NOT checked", stacklevel=1)
        pytest.skip("PROMTOOL IS MISSING (Debian: prometheus): boards' series were NOT checked")
    given = [{"series": f"{name}{{{','.join(labels)}}}", "values": str(value)}
             for (name, labels), value in series_of(told.metrics().text).items()]
    asked = []
    for line in (FIXTURES / "board_series.txt").read_text().splitlines():
        name, *labels = line.split("#")[0].split() or [""]
        if name:
            matchers = ",".join(f'{label}=~".+"' for label in labels if label != "exception")
            asked.append({"expr": f"count({name}{{{matchers}}}) > bool 0", "eval_time": "0m",
                          "exp_samples": [{"labels": "{}", "value": 1}]})
    assert len(asked) > 15
    tests = folder / "boards.yml"
    tests.write_text(json.dumps({"tests": [{"input_series": given, "promql_expr_test": asked}]}))
    done = subprocess.run(["promtool", "test", "rules", tests], text=True, capture_output=True,
                          timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_reads_them(told):
    if shutil.which("promtool") is None:
        warnings.warn("promtool is not installed: /metrics was NOT checked", stacklevel=1)
        pytest.skip("PROMTOOL IS MISSING (Debian: prometheus): /metrics was NOT checked")
    done = subprocess.run(["promtool", "check", "metrics"], input=told.metrics().text, text=True,
                          capture_output=True, timeout=30)
    # It reads all of it, and finds their names wanting, which are not ours to choose.
    complaints = (done.stdout + done.stderr).splitlines()
    assert [line for line in complaints if not line.startswith(("flower_", "celery_"))] == []


def test_they_are_off_unless_asked_for(relay, push):
    push.event("task-sent", uuid="t", hostname="A", timestamp=1)
    until(lambda: relay.metrics().ledger("state", "state")[1] == 1, "the state has it")
    assert series_of(relay.metrics().text) == {}
    assert "xylem_compat_series" not in relay.metrics().text
