"""The past: xylem dump --since, xylem record and xylem replay."""
import json
import os
import pty
import signal
import subprocess
import time

import pytest

from plain_clients import Push
from relay_process import NEVER_SAID, XYLEM, clean_environment, xylem
from waiting import seconds_of, until


class Command:
    """`xylem COMMAND ...` that runs beside the test."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([XYLEM, *map(str, arguments)], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True,
                                        env=clean_environment())

    def finish(self, expected=0, interrupt=True, seconds=20):
        """Ends it as Ctrl-C would; returns what it said."""
        if interrupt:
            self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=seconds)
        assert not any(bad in said for bad in NEVER_SAID), said
        assert self.process.returncode == expected, said
        return said

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def start_command():
    commands = []

    def start(*arguments):
        commands.append(Command(*arguments))
        return commands[-1]

    yield start
    for command in commands:
        command.kill()


def lines_of(file):
    """The whole lines of a recording so far, parsed."""
    if not file.exists():
        return []
    text = file.read_text()
    return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]


def numbers_in(file):
    return [line["event"]["n"] for line in lines_of(file) if "event" in line]


def gaps_in(file):
    return [line["gap"] for line in lines_of(file) if "gap" in line]


def record_all(relay, file, *arguments):
    """What the relay has."""
    done = xylem("record", file, "--connect", relay.stream, "--since", "1h", "--no-follow",
                 *arguments)
    assert done.returncode == 0, done.stderr
    return done.stderr


def send(push, first, count):
    for n in range(first, first + count):
        push.event("task-sent", n=n)


def record_over_a_restart(start_relay, context, start_command, folder, **settings):
    """Twenty events, a restart in their middle: (the relay, the recorder, its file)."""
    settings = {"stream.listen": f"ipc://{folder}/stream", "push.listen": f"ipc://{folder}/push",
                **settings}
    first = start_relay(settings)
    file = folder / "restart.jsonl"
    recorder = start_command("record", file, "--connect", first.stream, "--name", "recorder")
    first.await_subscriber("recorder")
    send(Push(context, first.push), 0, 10)
    until(lambda: len(numbers_in(file)) == 10, "ten events are in the file")
    first.stop()
    second = start_relay(settings)
    # What comes before the recorder is back is what the new relay has.
    send(Push(context, second.push), 10, 10)
    until(lambda: len(numbers_in(file)) == 20, "twenty events are in the file")
    assert numbers_in(file) == list(range(20))
    return second, recorder, file


def test_dump_since_tells_the_past_and_then_goes_on(relay, push, start_dump):
    send(push, 0, 20)
    relay.await_accepted(20)
    dump = start_dump(relay, "late", "--since", "5m")
    dump.await_lines("task-sent", 20)
    send(push, 20, 5)
    dump.await_lines("task-sent", 25)
    assert dump.numbers() == list(range(25))
    assert dump.sequences() == list(range(1, 26))
    assert "25 events, 0 gaps" in dump.finish()


def test_dump_since_a_moment_begins_there(relay, push):
    push.event("task-sent", n=1)
    relay.await_accepted(1)
    first = json.loads(dump_all(relay, "--since", "1h", "--metadata")[0])["received_us"]
    until(lambda: time.time() * 1e6 > first + 1000, "a millisecond is over")
    push.event("task-sent", n=2)
    relay.await_accepted(2)
    second = json.loads(dump_all(relay, "--since", "1h", "--metadata")[1])["received_us"]
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second // 1_000_000))
    lines = dump_all(relay, "--since", f"{moment}.{second % 1_000_000:06}Z")
    assert [json.loads(line)["n"] for line in lines] == [2]


def dump_all(relay, *arguments):
    done = xylem("dump", "--connect", relay.stream, "--no-follow", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_no_follow_ends_at_the_present_also_if_what_is_newest_does_not_match(relay, push):
    push.event("task-failed", n=1)
    send(push, 2, 50)
    relay.await_accepted(51)
    took, lines = seconds_of(lambda: dump_all(relay, "task.failed", "--since", "1h"))
    assert [json.loads(line)["n"] for line in lines] == [1]
    assert took < 1.5, "it asks how far the relay has come"
    assert dump_all(relay, "nothing.matches", "--since", "1h") == []


def test_dump_since_says_what_is_no_longer_kept(start_relay, context):
    relay = start_relay({"stream.retention_bytes": "64KiB", "push.batch_bytes": "64KiB"})
    push = Push(context, relay.push)
    events = push.lists(200)
    relay.await_accepted(events)
    lines = [json.loads(line) for line in dump_all(relay, "--since", "1h", "--metadata")]
    gap, rest = lines[0], lines[1:]
    assert (gap["type"], gap["first"], gap["count"], gap["reason"]) == (
        "xylem-gap", 1, 0, "retention")
    assert [line["sequence"] for line in rest] == list(range(gap["last"] + 1, events + 1))


def test_with_a_spool_the_past_reaches_over_a_restart(start_relay, context, start_command, folder):
    second, _, file = record_over_a_restart(start_relay, context, start_command, folder,
                                            **{"spool.directory": folder / "spool"})
    assert gaps_in(file) == []
    lines = [json.loads(line) for line in dump_all(second, "--since", "1h", "--metadata")]
    assert [line["event"]["n"] for line in lines] == list(range(20))


def test_dump_since_says_that_the_spool_begins_later(start_relay, context, folder):
    settings = {"stream.retention_bytes": "0", "spool.directory": folder / "spool",
                "spool.bytes_max": "512KiB", "spool.segment_bytes": "64KiB"}
    relay = start_relay(settings)
    events = Push(context, relay.push).lists(200)
    until(lambda: relay.metric("xylem_spool_written_sequence") == events, "all is written")
    [gap, *rest] = [json.loads(line) for line in dump_all(relay, "--since", "1h", "--metadata")]
    assert (gap["type"], gap["first"], gap["count"], gap["reason"]) == (
        "xylem-gap", 1, 0, "retention")
    assert [line["sequence"] for line in rest] == list(range(gap["last"] + 1, events + 1))


@pytest.mark.parametrize("arguments, sentence", [
    (["dump", "--since", "yesterday"], "'yesterday' is no time"),
    (["dump", "--no-follow"], "--no-follow goes with --since"),
    (["record", "-", "--since", "5"], "'5' is no time"),
    (["record", "-", "task.a*"], "'task.a*' has '*' or '#' inside a word"),
    (["replay", "x", "--speed", "0"], "'0' is no speed"),
    (["replay", "x", "--speed", "fast"], "'fast' is no speed"),
    (["replay", "x", "task.a*"], "'task.a*' has '*' or '#' inside a word"),
])
def test_what_makes_no_sense_is_a_usage_error(arguments, sentence):
    done = xylem(*arguments, timeout=5)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_a_recording_has_every_event_byte_for_byte(relay, push, folder):
    bodies = [b'{ "type" : "x","big":1180591620717411303424, "z":1.50}',
              '{"type":"x","s":"\\"}, \u00e9\\u00e9"}'.encode()]
    for body in bodies:
        push.frames(b"x", body)
    relay.await_accepted(2)
    file = folder / "all.jsonl"
    assert "recorded 2 events" in record_all(relay, file)
    lines = file.read_bytes().splitlines()
    for n, (line, body) in enumerate(zip(lines, bodies), 1):
        assert line.endswith(b'"event":' + body + b"}")
        head = json.loads(line)
        assert (head["sequence"], head["key"]) == (n, "x")
        assert head["received_us"] > head["epoch"]
    assert len(lines) == 2


def test_a_recording_is_not_overwritten_unless_that_is_wanted(relay, push, folder):
    push.event("task-sent", n=1)
    relay.await_accepted(1)
    file = folder / "kept.jsonl"
    file.write_text("kept")
    done = xylem("record", file, "--connect", relay.stream, "--since", "1h", "--no-follow")
    assert done.returncode == 1 and "--force writes over it" in done.stderr
    assert file.read_text() == "kept"
    record_all(relay, file, "--force")
    assert numbers_in(file) == [1]


def test_record_to_stdout_is_for_pipes(relay, push):
    send(push, 0, 3)
    relay.await_accepted(3)
    done = xylem("record", "-", "--connect", relay.stream, "--since", "1h", "--limit", "2")
    assert done.returncode == 0
    assert [json.loads(line)["event"]["n"] for line in done.stdout.splitlines()] == [0, 1]


def test_record_without_a_relay_fails_and_leaves_no_file(folder):
    done = xylem("record", folder / "none.jsonl", "--connect", f"ipc://{folder}/nobody",
                 "--seconds", "0.3")
    assert done.returncode == 1 and "there is no relay at" in done.stderr
    assert not (folder / "none.jsonl").exists()


def test_record_that_cannot_write_says_so(relay, push):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    send(push, 0, 3)
    relay.await_accepted(3)
    done = xylem("record", "/dev/full", "--force", "--connect", relay.stream, "--since", "1h",
                 "--no-follow")
    assert done.returncode == 1 and "No space left" in done.stderr


def test_record_goes_on_after_a_relay_that_stood_still(start_relay, context, start_command, folder):
    relay = start_relay({"stream.listen": f"ipc://{folder}/stream"})
    push = Push(context, relay.push)
    file = folder / "still.jsonl"
    recorder = start_command("record", file, "--connect", relay.stream, "--name", "recorder")
    relay.await_subscriber("recorder")
    send(push, 0, 10)
    until(lambda: numbers_in(file) == list(range(10)), "ten events are in the file")
    relay.signal(signal.SIGSTOP)
    send(push, 10, 10)
    # The recorder's patience with a silent relay is 5 s; then it makes a new connection.
    silent_since = time.monotonic()
    until(lambda: time.monotonic() - silent_since > 5.5, "the recorder has lost its patience", 10)
    relay.signal(signal.SIGCONT)
    send(push, 20, 10)
    until(lambda: len(numbers_in(file)) >= 30, "thirty events are in the file")
    assert numbers_in(file) == list(range(30)) and gaps_in(file) == []
    assert len(relay.log_lines("subscriber 'recorder' wants")) == 2, "it did come back"
    assert "recorded 30 events" in recorder.finish()


def test_record_that_stood_still_itself_goes_on_where_it_was(start_relay, context, start_command,
                                                            folder):
    relay = start_relay({"stream.heartbeat": "100ms", "stream.idle_timeout": "500ms"})
    push = Push(context, relay.push)
    file = folder / "still.jsonl"
    recorder = start_command("record", file, "--connect", relay.stream, "--name", "recorder")
    relay.await_subscriber("recorder")
    send(push, 0, 10)
    until(lambda: numbers_in(file) == list(range(10)), "ten events are in the file")
    recorder.process.send_signal(signal.SIGSTOP)
    until(lambda: relay.log_lines("'recorder' is let go (silent)"), "the relay lets it go")
    send(push, 10, 10)
    relay.await_accepted(20)
    recorder.process.send_signal(signal.SIGCONT)
    until(lambda: len(numbers_in(file)) >= 20, "twenty events are in the file")
    assert numbers_in(file) == list(range(20)) and gaps_in(file) == []
    recorder.finish()


def test_record_over_a_restart_says_what_it_cannot_know(start_relay, context, start_command,
                                                        folder):
    _, recorder, file = record_over_a_restart(start_relay, context, start_command, folder)
    epochs = sorted({line["epoch"] for line in lines_of(file) if "event" in line})
    assert gaps_in(file) == [{"epoch": epochs[0], "first": 11, "last": 0, "count": 0,
                              "reason": "reconnect"}]
    assert [line["sequence"] for line in lines_of(file) if line.get("epoch") == epochs[1]] == (
        list(range(1, 11)))
    assert "20 events" in (said := recorder.finish()) and "1 gap, 1 of unknown size" in said


def test_a_replay_is_the_same_events_in_the_same_order_for_the_stream_alone(
        relay, push, subscribe, start_dump, folder):
    plain = subscribe("")
    events = push.lists(40)
    send(push, events, 10)
    relay.await_accepted(events + 10)
    file = folder / "all.jsonl"
    record_all(relay, file)
    plain.receive(events + 10)
    dump = start_dump(relay, "again")
    some = start_dump(relay, "some", "task.sent")
    done = xylem("replay", file, "--connect", relay.push, "--speed", "max")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert f"replayed {events + 10} events to {relay.push}" in done.stderr
    dump.await_lines("replayed", events + 10)
    some.await_lines("replayed", 10)
    assert dump.numbers() == list(range(events + 10))
    assert some.numbers() == list(range(events, events + 10))
    again = dump.out.read_bytes().splitlines()
    for before, after in zip(file.read_bytes().splitlines(), again):
        assert before.split(b'"event":', 1)[1] == after.split(b'"event":', 1)[1]
        assert b'"replayed":true' in after and b'"replayed":true' not in before
    # A SUB gets the live event that follows, and nothing of the past.
    push.event("task-sent", n=-1)
    assert json.loads(plain.receive(1)[0][1])["n"] == -1
    assert relay.metrics().ledger("publish", "publish")[1:4] == (
        events + 11, events + 10, 0), "delivered, filtered, dropped"


def test_a_replay_may_be_of_some_patterns_and_from_stdin(relay, push, start_dump, folder):
    for name in ("task-sent", "task-failed", "worker-online", "task-failed"):
        push.event(name, n=1)
    relay.await_accepted(4)
    file = folder / "all.jsonl"
    record_all(relay, file)
    dump = start_dump(relay, "again")
    done = subprocess.run([XYLEM, "replay", "-", "task.failed", "--connect", relay.push],
                          input=file.read_text(), capture_output=True, text=True, timeout=15,
                          env=clean_environment())
    assert done.returncode == 0, done.stderr
    dump.await_lines("replayed", 2)
    assert [line["key"] for line in dump.lines()] == ["task.failed", "task.failed"]


def recording(file, *seconds, epoch=7):
    """A recording of events so many seconds apart from its first."""
    file.write_text("".join(
        '{"epoch":%d,"sequence":%d,"key":"a","received_us":%d,"event":{"type":"a","n":%d}}\n'
        % (epoch, n + 1, 1_700_000_000_000_000 + int(after * 1e6), n)
        for n, after in enumerate(seconds)))
    return file


@pytest.mark.parametrize("speed, apart", [("1", 0.4), ("10", 4)])
def test_a_replay_keeps_the_distances_in_time(relay, start_dump, folder, speed, apart):
    file = recording(folder / "apart.jsonl", 0, apart, 2 * apart)
    dump = start_dump(relay, "again")
    took, done = seconds_of(lambda: xylem("replay", file, "--connect", relay.push, "--speed",
                                          speed))
    assert done.returncode == 0, done.stderr
    assert 0.8 <= took < 3
    dump.await_lines('"n":2')
    assert dump.numbers() == [0, 1, 2]
    at = [line["received_us"] / 1e6 for line in dump.lines()]
    assert 0.2 < at[1] - at[0] < 1.5 and 0.2 < at[2] - at[1] < 1.5


def test_a_replay_at_full_speed_waits_for_nothing(relay, folder):
    file = recording(folder / "apart.jsonl", 0, 3600, 7200)
    done = xylem("replay", file, "--connect", relay.push, "--speed", "max", timeout=10)
    assert done.returncode == 0, done.stderr
    relay.await_accepted(3)


def test_a_replay_passes_over_gaps_and_says_so(relay, start_dump, folder):
    file = recording(folder / "gaps.jsonl", 0)
    with open(file, "a") as more:
        more.write('{"gap":{"epoch":7,"first":2,"last":9,"count":8,"reason":"overflow"}}\n')
        more.write('{"gap":{"epoch":7,"first":10,"last":0,"count":0,"reason":"reconnect"}}\n')
    done = xylem("replay", file, "--connect", relay.push)
    assert done.returncode == 0
    assert "replayed 1 event to" in done.stderr
    assert "passed over 2 gaps, 8 events missing in the recording" in done.stderr
    relay.await_accepted(1)


def test_a_bad_line_ends_a_replay_and_is_named(relay, folder):
    file = recording(folder / "torn.jsonl", 0, 0)
    file.write_text(file.read_text() + '{"epoch":7,"seq')
    done = xylem("replay", file, "--connect", relay.push)
    assert done.returncode == 1
    assert "line 3: it is not a JSON object" in done.stderr
    assert "replayed 2 events" in done.stderr
    relay.await_accepted(2)


def test_a_replay_of_what_is_not_there_fails_with_a_sentence(folder):
    done = xylem("replay", folder / "nothing.jsonl")
    assert done.returncode == 1 and "No such file" in done.stderr
    done = xylem("replay", folder)
    assert done.returncode == 1 and str(folder) in done.stderr


def test_a_replay_says_what_was_left_unsent_and_exits_3(folder):
    file = recording(folder / "left.jsonl", 0, 0, 0)
    done = xylem("replay", file, "--connect", f"ipc://{folder}/nobody", "--timeout", "0.3")
    assert done.returncode == 3
    assert "3 of 3 events were not sent: is a relay at" in done.stderr
    assert "replayed 0 events" in done.stderr


def test_ctrl_c_ends_a_replay_where_it_is(relay, start_command, folder):
    file = recording(folder / "slow.jsonl", 0, 3600)
    player = start_command("replay", file, "--connect", relay.push)
    relay.await_accepted(1)
    said = player.finish(3)
    assert "replayed 1 event" in said and "stopped at line 2" in said


def on_a_terminal(*arguments):
    """What a command says on stderr if that is a terminal, and its exit code."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([XYLEM, *map(str, arguments)], stderr=theirs,
                               stdout=subprocess.DEVNULL, env=clean_environment())
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 4096):
            said += piece
    except OSError:
        pass  # the terminal has gone with its last owner
    os.close(ours)
    return said.decode(), process.wait(timeout=15)


def test_progress_is_for_terminals(relay, push, folder):
    send(push, 0, 5)
    relay.await_accepted(5)
    file = folder / "shown.jsonl"
    said, code = on_a_terminal("record", file, "--connect", relay.stream, "--since", "1h",
                               "--no-follow")
    assert code == 0
    assert "\r\x1b[K" in said and "events/s" in said and "recorded 5 events" in said
    recording(file, 0, 0.3)
    said, code = on_a_terminal("replay", file, "--connect", relay.push)
    assert code == 0
    assert "next in" in said and "replayed 2 events" in said


def test_record_that_finds_no_relay_leaves_what_was_there(folder):
    nobody = ("--connect", f"ipc://{folder}/nobody", "--seconds", "0.1")
    old, link, new = folder / "old.jsonl", folder / "link", folder / "new.jsonl"
    old.write_text("precious\n")
    link.symlink_to("/dev/null")
    for file in (old, link, new):
        assert xylem("record", file, "--force", *nobody).returncode == 1
    assert old.read_text() == "precious\n"
    assert link.is_symlink()
    assert not new.exists()


def test_a_relay_that_went_meanwhile_is_told(relay, push, start_dump):
    dump = start_dump(relay, "watch", "--seconds", "2")
    push.event("task-sent", n=1)
    dump.await_lines("task-sent")
    relay.stop()
    said = dump.wait(expected=1)
    assert "lost the relay at" in said and "there is no relay any more" in said
    assert "1 event, 0 gaps" in said


def test_replay_says_why_it_replayed_nothing(relay, folder):
    file = folder / "recording.jsonl"
    file.write_text("")
    assert "the recording is empty" in xylem("replay", file, "--connect", relay.push).stderr
    file.write_text('{"received_us":1,"event":{"type":"task-sent"}}\n')
    said = xylem("replay", file, "worker.#", "--connect", relay.push).stderr
    assert "no event of the recording is under these patterns" in said
    done = xylem("replay", folder, "--connect", relay.push)
    assert done.returncode == 1 and "it is a folder" in done.stderr
