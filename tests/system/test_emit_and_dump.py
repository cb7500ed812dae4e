"""The commands people meet first: xylem emit and xylem dump."""
import io
import json
import subprocess

import pytest

from plain_clients import Push
from relay_process import XYLEM, clean_environment, xylem
from waiting import seconds_of, until


def test_dump_prints_what_emit_sends(relay, start_dump):
    dump = start_dump(relay, "all", metadata=False)
    done = xylem("emit", "task-sent", "uuid=t{n}", "retries=2", 'name="7"', "args=[1, {n}]",
                 "--count", 3, "--hostname", "celery@here", "--connect", relay.push)
    assert (done.returncode, done.stdout) == (0, "")
    assert "sent 3 events" in done.stderr
    dump.await_lines("\n", 3)
    events = dump.lines()
    assert [event["uuid"] for event in events] == ["t1", "t2", "t3"]
    assert [event["args"] for event in events] == [[1, 1], [1, 2], [1, 3]]
    assert {(e["type"], e["retries"], e["name"], e["hostname"]) for e in events} == {
        ("task-sent", 2, "7", "celery@here")}
    assert "3 events, 0 gaps" in dump.finish()


def test_dump_takes_a_tasks_later_events_by_its_name(relay, push, start_dump):
    dump = start_dump(relay, "filtered", "--filter", "name:proj.* OR state:FAILURE", metadata=False)
    push.event("task-received", uuid="a", name="proj.add")
    push.event("task-received", uuid="b", name="beat.tick")
    push.event("task-succeeded", uuid="b")
    push.event("task-succeeded", uuid="a")
    push.event("task-failed", uuid="b")
    dump.await_lines("\n", 3)
    assert [(e["type"], e["uuid"]) for e in dump.lines()] == [
        ("task-received", "a"), ("task-succeeded", "a"), ("task-failed", "b")]


def test_json_lines_are_the_bodies_byte_for_byte(relay, push, start_dump):
    dump = start_dump(relay, "bytes", metadata=False)
    body = b'{ "type" : "x","big":1180591620717411303424, "z":1.50}'
    push.frames(b"x", body)
    push.frames(b"x", b'{"type":"x",\n\r"n":\n2}')
    dump.await_lines("\n", 2)
    assert dump.out.read_bytes() == body + b'\n{"type":"x",  "n": 2}\n'


def test_metadata_wraps_each_event_with_its_place_in_the_order(relay, push, start_dump):
    dump = start_dump(relay, "meta", "task.#")
    for name in ("task-sent", "worker-online", "task-failed"):
        push.event(name)
    dump.await_lines("task-failed")
    lines = dump.lines()
    assert [(line["sequence"], line["key"]) for line in lines] == [(1, "task.sent"),
                                                                   (3, "task.failed")]
    assert {line["epoch"] for line in lines} == {int(lines[0]["epoch"])}
    assert all(line["received_us"] > lines[0]["epoch"] for line in lines)


def test_patterns_choose_by_words(relay, push, start_dump):
    dumps = {pattern: start_dump(relay, f"d{i}", pattern) for i, pattern in enumerate(
        ["task.*", "*.failed", "#.b.#", "task.#", "nothing"])}
    keys = ["task", "task-failed", "task-a-b", "worker-failed", "b", "end"]
    for name in keys:
        push.event(name)
    last = start_dump(relay, "last", "end")
    push.event("end")
    last.await_lines("end")
    wanted = {"task.*": ["task.failed"], "*.failed": ["task.failed", "worker.failed"],
              "#.b.#": ["task.a.b", "b"], "task.#": ["task", "task.failed", "task.a.b"],
              "nothing": []}
    for pattern, expected in wanted.items():
        until(lambda: len(dumps[pattern].lines()) >= len(expected), f"{pattern} printed its events")
        assert [line["key"] for line in dumps[pattern].lines()] == expected


def test_limit_stops_after_exactly_so_many_events_and_exits_0(relay, push, start_dump):
    dump = start_dump(relay, "limited", "--limit", "5")
    push.list([{"type": "task-sent", "n": n} for n in range(20)])
    assert "5 events" in dump.wait(0)
    assert dump.numbers() == [0, 1, 2, 3, 4]


def test_seconds_stops_after_so_long_and_exits_0(relay, start_dump):
    dump = start_dump(relay, "brief", "--seconds", "0.5")
    took, _ = seconds_of(lambda: dump.wait(0))
    assert took < 5


def text_dump(relay, limit):
    dump = subprocess.Popen([XYLEM, "dump", "--connect", relay.stream, "--format", "text",
                             "--limit", str(limit), "--name", "text"], stdout=subprocess.PIPE,
                            env=clean_environment(TZ="America/New_York"))
    relay.await_subscriber("text")
    return dump


EVENTS_OF_CELERY = [
    {"type": "worker-online", "hostname": "celery@a", "timestamp": 3661.25, "freq": 2.0,
     "sw_ident": "py-celery", "sw_ver": "5.2.6", "sw_sys": "Linux", "clock": 1, "pid": 7},
    {"type": "worker-heartbeat", "hostname": "celery@a", "timestamp": 1700000000.1234567,
     "loadavg": [0.5, 1, 2.25], "active": 0, "processed": 12345678901234567},
    {"type": "worker-offline", "hostname": "celery@a", "timestamp": 3661},
    {"type": "task-sent", "hostname": "gen@b", "uuid": "u1", "name": "proj.add",
     "args": "(1, 'é')", "kwargs": "{}", "timestamp": 3662, "eta": None, "parent_id": None},
    {"type": "task-started", "hostname": "celery@a", "uuid": "u1", "timestamp": 3663.999999},
    {"type": "task-succeeded", "hostname": "celery@a", "uuid": "u1", "timestamp": 3664.5,
     "result": "'it\\'s'", "runtime": 1e-07},
    {"type": "task-failed", "hostname": "celery@a", "uuid": "unknown", "timestamp": 3665,
     "exception": "ValueError(\"no\")", "expired": False, "signum": 9},
    {"type": "task-custom-one", "hostname": "celery@a", "uuid": "u1", "timestamp": 3666,
     "name": "stays", "deep": {"k": ["it's", 'say "x"', "both ' and \"", 1e22, 1e16, -0.0]}},
    {"type": "group-thing", "hostname": "celery@a", "timestamp": 3667, "Z": 1, "a": True},
]


def test_text_lines_are_those_of_celery_events_dump(relay, push):
    from celery.events.dumper import Dumper
    expected = io.StringIO()
    for event in EVENTS_OF_CELERY:
        Dumper(out=expected).on_event(dict(event))
    dump = text_dump(relay, len(EVENTS_OF_CELERY))
    for event in EVENTS_OF_CELERY:
        push.frames(event["type"].replace("-", ".").encode(), json.dumps(event).encode())
    assert dump.communicate(timeout=15)[0].decode() == expected.getvalue()


HOSTILE = "\x1b[2J\x1b]0;owned\x07\r\n\x00\x9b31m\x7f\u0085"


def test_text_output_is_harmless_to_a_terminal(relay, push):
    dump = text_dump(relay, 3)
    raw = json.dumps({"type": "x", "hostname": HOSTILE, "uuid": HOSTILE, "name": HOSTILE,
                      HOSTILE: HOSTILE}).encode()
    push.frames(b"x", raw)
    # What JSON lets through unescaped: DEL and the C1 controls as UTF-8.
    push.frames(b"x", '{"type":"x","hostname":"\x7f\u009b2J"}'.encode())
    push.frames(b"x", b'{"type":"x","t":"\\ud800\x7f"}')
    out = dump.communicate(timeout=15)[0]
    assert out.count(b"\n") == 3
    decoded = out.decode()
    assert not [c for c in decoded if c != "\n" and (ord(c) < 32 or 0x7F <= ord(c) < 0xA0)], out


def test_dump_waits_for_a_relay_that_comes_later(start_relay, start_dump, folder, context):
    endpoint = f"ipc://{folder}/stream"
    dump = start_dump(endpoint, "early")
    until(lambda: "waiting for a relay" in dump.err.read_text(), "dump says that it waits")
    relay = start_relay({"stream.listen": endpoint})
    relay.await_subscriber("early")
    Push(context, relay.push).event("task-sent", n=1)
    dump.await_lines("task-sent")
    dump.finish(0)


def test_dump_without_a_relay_fails_with_a_sentence(folder):
    done = xylem("dump", "--connect", f"ipc://{folder}/nobody", "--seconds", "0.3")
    assert done.returncode == 1
    assert f"there is no relay at ipc://{folder}/nobody" in done.stderr


def test_dump_survives_a_restart_of_the_relay_and_says_that_there_was_a_gap(
        start_relay, start_dump, context, folder):
    endpoint = f"ipc://{folder}/stream"
    first = start_relay({"stream.listen": endpoint})
    dump = start_dump(first, "follower")
    Push(context, first.push).event("task-sent", n=1)
    dump.await_lines("task-sent")
    first.stop()
    second = start_relay({"stream.listen": endpoint})
    second.await_subscriber("follower")
    Push(context, second.push).event("task-sent", n=2)
    dump.await_lines("task-sent", 2)
    epochs = [line["epoch"] for line in dump.lines() if "event" in line]
    assert epochs[0] < epochs[1]
    assert [(gap["epoch"], gap["first"], gap["count"], gap["reason"]) for gap in dump.gaps()] == [
        (epochs[0], 2, 0, "reconnect")]
    assert "2 events, 1 gap" in dump.finish()


def test_emit_keeps_to_its_rate(relay):
    took, done = seconds_of(lambda: xylem("emit", "task-sent", "--count", 100, "--rate", 100,
                                          "--connect", relay.push))
    assert done.returncode == 0
    assert 0.9 < took < 3
    relay.await_accepted(100)


def test_emit_without_a_relay_fails_with_a_sentence_after_its_timeout(folder):
    took, done = seconds_of(lambda: xylem("emit", "task-sent", "--connect",
                                          f"ipc://{folder}/nobody", "--timeout", "0.5"))
    assert done.returncode == 1
    assert "1 of 1 events were not sent" in done.stderr
    assert 0.4 < took < 5


@pytest.mark.parametrize("arguments, sentence", [
    (["emit", "task sent\n"], "no valid routing key"),
    (["emit", "x" * 300], "no valid routing key"),
    (["dump", "--connect", "nonsense"], "address 'nonsense' has no scheme"),
])
def test_what_cannot_be_sent_or_reached_is_refused_with_a_sentence(arguments, sentence):
    done = xylem(*arguments)
    assert done.returncode in (1, 2)
    assert sentence in done.stderr


def test_a_bad_pattern_is_refused_with_a_sentence(relay):
    done = xylem("dump", "task.a*", "--connect", relay.stream)
    assert done.returncode in (1, 2)
    assert "'task.a*' has '*' or '#' inside a word" in done.stderr


def test_the_environment_names_the_endpoints(relay):
    named = clean_environment(XYLEM_PUSH=relay.push, XYLEM_STREAM=relay.stream)
    dump = subprocess.Popen([XYLEM, "dump", "--name", "env", "--limit", "1"], env=named,
                            stdout=subprocess.PIPE, text=True)
    relay.await_subscriber("env")
    assert xylem("emit", "task-sent", env=named).returncode == 0
    assert json.loads(dump.communicate(timeout=15)[0])["type"] == "task-sent"


def test_dump_ends_quietly_when_its_reader_leaves(relay, push):
    dump = subprocess.Popen([XYLEM, "dump", "--connect", relay.stream, "--name", "piped"],
                            stdout=subprocess.PIPE, env=clean_environment())
    relay.await_subscriber("piped")
    dump.stdout.close()
    push.event("task-sent")
    push.event("task-sent")
    assert dump.wait(timeout=15) in (0, 1)


def test_dump_onto_a_full_disk_fails_and_says_so(relay, push):
    push.event("task-sent")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([XYLEM, "dump", "--connect", relay.stream, "--since", "1h",
                               "--no-follow"], stdout=full, stderr=subprocess.PIPE, text=True,
                              env=clean_environment(), timeout=20)
    assert done.returncode == 1
    assert "cannot write to standard output: No space left on device" in done.stderr


# As `dump | head -1`: it has its line, and no other event may come for hours.
def test_dump_ends_when_its_reader_has_gone_though_nothing_comes(relay, push):
    dump = subprocess.Popen([XYLEM, "dump", "--connect", relay.stream, "--name", "head"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=clean_environment())
    relay.await_subscriber("head")
    push.event("task-sent")
    assert "task-sent" in dump.stdout.readline()
    dump.stdout.close()
    assert dump.wait(timeout=10) == 0
    assert dump.stderr.read().endswith("the reader of the events has gone\n")


@pytest.mark.parametrize("endpoint", ["push", "http"])
def test_what_is_no_stream_is_told_apart_from_nobody(relay, endpoint):
    place = getattr(relay, endpoint).replace("http://", "tcp://")
    done = xylem("dump", "--connect", place, "--seconds", "1.5")
    assert done.returncode == 1
    assert "listens there, but does not answer as a relay's stream endpoint" in done.stderr


def test_what_is_no_push_endpoint_is_told_apart_from_nobody(relay):
    done = xylem("emit", "task-sent", "--connect", relay.stream, "--timeout", "0.5")
    assert done.returncode == 1 and "or no push endpoint" in done.stderr


@pytest.mark.parametrize("place, cause", [
    ("tcp://127.0.0.1:1", "Connection refused"), ("ipc:///nowhere/push", "No such file"),
    ("tcp://relay.invalid:7600", "'relay.invalid' has no address")])
def test_why_there_is_no_relay_is_told(place, cause):
    for command in (["emit", "task-sent", "--timeout", "0.5"], ["dump", "--seconds", "1.5"]):
        done = xylem(*command, "--connect", place)
        assert done.returncode == 1 and cause in done.stderr, done.stderr


def test_a_relay_is_found_by_a_name(start_relay):
    relay = start_relay({"push.listen": "tcp://localhost:0", "stream.listen": "tcp://localhost:0"})
    by_name = relay.push.replace("127.0.0.1", "localhost")
    done = xylem("emit", "task-sent", "--connect", by_name)
    assert (done.returncode, done.stderr) == (0, f"sent 1 event to {by_name}\n")
    relay.await_accepted(1)
