"""xylem top: a real relay, the real program, on a terminal that can be looked at."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from relay_process import XYLEM, clean_environment, xylem
from tmux_screen import TMUX, Terminal
from waiting import until

pytestmark = pytest.mark.skipif(TMUX is None, reason="tmux is not installed")


@pytest.fixture
def start_terminal(folder):
    terminals = []

    def start(**options):
        place = folder / f"terminal{len(terminals)}"
        place.mkdir()
        terminals.append(Terminal(place, **options))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.kill()


@pytest.fixture
def terminal(start_terminal):
    return start_terminal()


def tell_some_lives(relay, push):
    """A failed task with its child, one that runs, and two workers."""
    now = time.time()
    web = {"hostname": "celery@web-1", "pid": 7}
    push.event("worker-heartbeat", **web, timestamp=now, clock=1, freq=60, active=1)
    push.event("worker-offline", hostname="celery@web-2", pid=8, timestamp=now, clock=1, freq=2)
    push.event("task-received", **web, uuid="failed", clock=2, timestamp=now - 3, retries=0,
               name="mail.send", args="('a@b',)")
    push.event("task-started", **web, uuid="failed", clock=3, timestamp=now - 2)
    push.event("task-failed", **web, uuid="failed", clock=4, timestamp=now - 1,
               exception="ValueError('no')",
               traceback='Traceback:\n  File "mail.py", line 7, in send\nValueError: no\n')
    push.event("task-received", **web, uuid="child", clock=5, timestamp=now - 1, retries=0,
               name="mail.bounce", parent_id="failed", root_id="failed")
    push.event("task-started", **web, uuid="child", clock=6, timestamp=now)
    await_events(relay, 7)


def await_events(relay, events):
    until(lambda: json.loads(relay.get("/api/v1/status")[1])["events"] >= events,
          f"{events} events are in the state")


def test_it_shows_tasks_and_goes_where_keys_lead(relay, push, terminal):
    tell_some_lives(relay, push)
    terminal.top(relay)
    terminal.await_text("mail.send", "FAILURE", "1 alive, 1 dead", "[1 tasks]")
    shown = terminal.lines()
    assert len(shown) == 24 and all(len(line) <= 80 for line in shown)
    assert shown[5].split()[1:3] == [">", "STARTED"], "the last change comes first"
    terminal.keys("2")
    terminal.await_text("[2 workers]", "celery@web-2", "dead")
    terminal.keys("3")
    terminal.await_text("[3 names]", "RUN p50", "mail.bounce")
    terminal.keys("5")
    terminal.await_text("[5 failures]", "ValueError", "mail.py")
    terminal.keys("6")
    terminal.await_text("[6 gaps]", "before the relay began")
    terminal.keys("1")
    terminal.await_text("[1 tasks]", "mail.send")
    terminal.keys("Down", "Enter")
    terminal.await_text("uuid         failed", "task-received", "ValueError: no")
    terminal.keys("t", "G")
    terminal.await_text("FAMILY", "child   STARTED")
    terminal.keys("Enter")
    terminal.await_text("uuid         child", "parent  FAILURE  failed mail.send")
    terminal.keys("Escape")
    terminal.await_text("uuid         failed")
    terminal.keys("Escape")
    terminal.await_text("[1 tasks]", gone=["FAMILY"])
    terminal.keys("q")
    terminal.await_text("$", gone=["[1 tasks]"])


def test_it_filters_sorts_and_pauses(relay, push, terminal):
    tell_some_lives(relay, push)
    terminal.top(relay)
    terminal.await_text("mail.send", "mail.bounce")
    terminal.type("/stat:STARTED")
    terminal.keys("Enter")
    terminal.await_text("no key 'stat'; the nearest is 'state'")
    terminal.keys("C-u")
    terminal.type("state:STARTED")
    terminal.keys("Enter")
    terminal.await_text("mail.bounce", "filter state:STARTED", gone=["mail.send "])
    terminal.keys("Escape")
    terminal.await_text("mail.send")
    terminal.keys(">")
    terminal.await_text("by elapsed")
    terminal.keys("p")
    terminal.await_text("PAUSED")
    push.event("task-received", hostname="celery@web-1", pid=7, uuid="later", clock=9,
               timestamp=time.time(), name="later.task", retries=0)
    terminal.await_text("1 events held back", gone=["later.task"])
    terminal.keys("p", "<")
    terminal.await_text("later.task", gone=["PAUSED"])


def test_it_takes_the_size_that_there_is(relay, push, terminal):
    tell_some_lives(relay, push)
    terminal.top(relay)
    terminal.await_text("mail.send", gone=["ARGS"])
    terminal.resize(140, 40)
    terminal.await_text("ARGS", "('a@b',)")
    assert "q quit" in terminal.lines()[39]
    terminal.resize(60, 10)
    terminal.await_text("xylem top needs 80 x 24, this is 60 x 10", gone=["mail"])
    terminal.resize(80, 24)
    terminal.await_text("mail.send", gone=["ARGS"])


def pid_of_top(terminal):
    shell = terminal.tell("pane_pid")
    children = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", shell], capture_output=True,
                              text=True, check=False).stdout
    return next((int(line.split()[0]) for line in children.splitlines() if "xylem" in line), None)


@pytest.mark.parametrize("end, code", [
    ("q", 0), ("C-c", 0), (signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGSEGV, 128 + 11),
    (signal.SIGABRT, 128 + 6), ("C-\\", 128 + 3)])
def test_the_terminal_is_as_it_was_however_it_ends(relay, terminal, end, code):
    terminal.run("ulimit -c 0")
    before = terminal.modes()
    terminal.top(relay)
    terminal.await_text("[1 tasks]")
    assert terminal.tell("alternate_on") == "1"
    if isinstance(end, str):
        terminal.keys(end)
    else:
        os.kill(pid_of_top(terminal), end)
    until(lambda: terminal.tell("alternate_on") == "0", "the other screen is back")
    terminal.run("echo code $? end")
    terminal.await_text(f"code {code} end")
    assert terminal.modes() == before
    assert terminal.tell("cursor_flag") == "1"


def test_it_can_be_stopped_and_continued(relay, push, terminal):
    tell_some_lives(relay, push)
    before = terminal.modes()
    terminal.top(relay)
    terminal.await_text("mail.send")
    terminal.keys("C-z")
    until(lambda: terminal.tell("alternate_on") == "0", "the shell is back")
    assert terminal.modes() == before
    terminal.run("fg")
    terminal.await_text("mail.send", "[1 tasks]")
    terminal.keys("2")
    terminal.await_text("[2 workers]")
    process = pid_of_top(terminal)
    os.kill(process, signal.SIGSTOP)  # of which nobody is told
    until(lambda: terminal.tell("pane_current_command") != "xylem", "the shell has the terminal")
    terminal.type("fg")
    terminal.keys("C-j")  # in what it left of the terminal Enter ends no line
    terminal.await_text("[2 workers]", "q quit", gone=["fg"])
    terminal.keys("q")
    terminal.await_text("$", gone=["[2 workers]"])
    assert terminal.modes() == before


def test_a_relay_that_goes_and_comes_back_is_told(start_relay, terminal):
    relay = start_relay()
    terminal.top(relay)
    terminal.await_text("knows since")
    relay.stop()
    terminal.await_text("NO ANSWER for", "nobody answers at")
    start_relay({"http.listen": relay.http})
    terminal.await_text("the relay began anew", gone=["NO ANSWER"])
    terminal.keys("q")


def test_a_relay_that_hangs_holds_no_key_up(relay, terminal):
    terminal.top(relay)
    terminal.await_text("knows since")
    relay.signal(signal.SIGSTOP)
    try:
        terminal.await_text("NO ANSWER")
        terminal.keys("?")
        terminal.await_text("PgUp PgDn")
        terminal.keys("q")
        until(lambda: terminal.tell("alternate_on") == "0", "it has ended", seconds=1.5)
    finally:
        relay.signal(signal.SIGCONT)


COLOURS = re.compile(r"\x1b\[[0-9;]*\b(3[0-7]|4[0-7]|9[0-7])[0-9;]*m")


@pytest.mark.parametrize("variables, coloured", [({}, True), ({"NO_COLOR": "1"}, False)])
def test_there_are_colours_unless_somebody_wants_none(relay, push, start_terminal, variables,
                                                      coloured):
    tell_some_lives(relay, push)
    terminal = start_terminal(**variables)
    terminal.top(relay)
    terminal.await_text("FAILURE", "[1 tasks]")
    text = terminal.text(with_looks=True)
    assert bool(COLOURS.search(text)) == coloured
    assert "! FAILURE" in terminal.text(), "nothing is told by colour alone"


def test_what_strangers_write_does_nothing_to_the_terminal(relay, push, start_terminal):
    terminal = start_terminal(columns=160, lines=30)
    title = terminal.tell("pane_title")
    name = "x\x1b]0;owned\x07\x1b[2J\u202e\u200b日本"
    push.event("task-received", hostname="celery@\x9b31m", pid=7, uuid="\x1b[?1049l", clock=2,
               timestamp=time.time(), name=name, args="\n\n\n", retries=0)
    await_events(relay, 1)
    terminal.top(relay)
    terminal.await_text("RECEIVED")
    shown = terminal.text()
    for escape in (r"x\x1b]0;owned\x07\x1b", r"celery@\x9b31m", r"\x1b[?1049l", r"\n\n\n"):
        assert escape in shown, shown
    assert terminal.tell("pane_title") == title and terminal.tell("alternate_on") == "1"
    terminal.keys("Enter")
    terminal.await_text(r"\x1b]0;owned\x07\x1b[2J\u202e\u200b日本", r"args         \n\n\n")
    assert len(terminal.lines()) == 30


def test_a_screen_can_be_kept(relay, push, terminal, tmp_path):
    tell_some_lives(relay, push)
    terminal.run(f"cd {tmp_path}")
    terminal.top(relay)
    terminal.await_text("mail.send")
    terminal.keys("w")
    terminal.await_text("written to xylem-top-")
    (kept,) = tmp_path.iterdir()
    assert "mail.send" in kept.read_text()


def top(relay, *arguments, **options):
    return xylem("top", "--connect", relay.http, *arguments, **options)


def test_once_is_a_screen_as_text(relay, push):
    tell_some_lives(relay, push)
    done = top(relay, "--once")
    assert (done.returncode, done.stderr) == (0, "")
    assert "mail.send" in done.stdout and "\x1b" not in done.stdout
    assert top(relay, "--once", "--filter", "state:FAILURE").stdout.count("mail.") == 1
    longest = top(relay, "--once", "--sort", "elapsed", "--limit", "1").stdout
    assert longest.count("mail.") == 1
    assert "celery@web-2" in top(relay, "--view", "workers").stdout, "a pipe needs no --once"


def test_json_is_the_same_for_programs(relay, push, tmp_path):
    tell_some_lives(relay, push)
    file = tmp_path / "tasks.json"
    done = top(relay, "--json", "-o", str(file), "--filter", "name:mail.send")
    assert (done.returncode, done.stdout) == (0, "")
    page = json.loads(file.read_text())
    assert [task["uuid"] for task in page["tasks"]] == ["failed"]
    assert page["status"]["verdicts"]["dead"] == 1
    assert page["tasks"][0]["exception"] == "ValueError('no')"
    failures = json.loads(top(relay, "--json", "--view", "failures").stdout)
    assert failures["failures"][0]["exception"] == "ValueError"
    assert json.loads(top(relay, "--json", "--view", "gaps").stdout)["taps"]


@pytest.mark.parametrize("arguments, said", [
    (["--view", "task"], "--view: task not in"),
    (["--sort", "uuid"], "--view tasks is not sorted by 'uuid', but by changed, elapsed"),
    (["--filter", "stat:x"], "the nearest is 'state'"),
    (["--filter", "state:x", "--view", "names"], "--filter selects tasks"),
    (["--limit", "0"], "--limit: '0' is not a whole number from 1 to 1000"),
    (["--connect", "tcp://127.0.0.1:1"], "is not an http:// address"),
    (["--interval", "0"], "--interval"),
    (["--snort", "x"], "did you mean --sort?")])
def test_what_makes_no_sense_is_told(arguments, said):
    done = xylem("top", *arguments)
    assert done.returncode == 2 and said in done.stderr, done.stderr


def test_once_fails_where_nobody_answers(start_relay):
    relay = start_relay({"state.enabled": "false"})
    done = top(relay, "--once")
    assert done.returncode == 1 and "keeps no state (state.enabled)" in done.stderr
    relay.stop()
    done = top(relay, "--once")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nobody answers at" in done.stderr
    with open("/dev/full", "wb") as full:
        done = subprocess.run([XYLEM, "top", "--help"], stdout=full, stderr=subprocess.PIPE,
                              env=clean_environment(), timeout=10)
    assert done.returncode == 1


def test_a_terminal_that_cannot_be_drawn_on_gets_one_look(relay, start_terminal):
    terminal = start_terminal()
    terminal.run("export TERM=dumb")
    terminal.top(relay)
    terminal.await_text("cannot be drawn on (TERM); as with --once", "[1 tasks]")
    terminal.run("clear; TERM=nonsense " + f"{XYLEM} top --connect {relay.http}")
    terminal.await_text("TERM=nonsense is no terminal that can be drawn on; --once needs none")
