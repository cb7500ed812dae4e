"""Usage errors, xylem route, xylem check: what the shell is told."""
import http.server
import json
import subprocess
import threading

import pytest

from relay_process import XYLEM, clean_environment, xylem


def test_without_a_command_usage_is_an_error():
    done = xylem()
    assert done.returncode == 2 and "subcommand" in done.stderr + done.stdout
    assert "--help" in done.stderr + done.stdout


@pytest.mark.parametrize("arguments", [
    ["nonsense"], ["serve", "--nonsense"], ["emit"], ["emit", "task-sent", "--count", "0"],
    ["emit", "task-sent", "--count", "many"], ["emit", "task-sent", "no-equals-sign"],
    ["dump", "--format", "xml"], ["dump", "--limit", "x"], ["record"], ["replay"], ["route"],
    ["check", "extra"],
    ["bench", "--lane", "fast"], ["bench", "--push", "tcp://127.0.0.1:1"],
    ["bench", "--events", "0"], ["bench", "--rate", "-1"], ["bench", "--patience", "nan"],
    ["emit", "task-sent", "--rate", "-1"], ["emit", "task-sent", "--rate", "0"],
    ["emit", "task-sent", "--rate", "inf"], ["emit", "task-sent", "--count", "-1"],
    ["emit", "task-sent", "--count", "1.5"], ["emit", "task-sent", "--timeout", "-1"],
    ["dump", "--limit", "0"], ["dump", "--limit", "-1"], ["dump", "--seconds", "-1"],
    ["dump", "--seconds", "nan"], ["replay", "x", "--timeout", "-1"],
    ["record", "x", "--force", "--append"], ["bench", "--events", "1e3"],
    ["bench", "--stalled", "-1"], ["spool", "drop", "x", "--everything", "--before", "1"]])
def test_a_usage_error_exits_2_and_says_what_is_wrong(arguments):
    done = xylem(*arguments)
    said = done.stderr + done.stdout
    assert done.returncode == 2 and len(said) > 10
    assert done.stdout == "", "errors go to stderr"


@pytest.mark.parametrize("arguments, meant", [
    (["chek"], "there is no chek; did you mean check?"),
    (["dump", "--conect", "tcp://127.0.0.1:1"], "there is no --conect; did you mean --connect?"),
    (["dump", "task.*", "--limt=5"], "there is no --limt; did you mean --limit?"),
    (["spool", "vrify", "x"], "there is no vrify; did you mean verify?"),
    (["--verson"], "there is no --verson; did you mean --version?")])
def test_a_misspelt_word_is_told_with_the_one_that_was_meant(arguments, meant):
    done = xylem(*arguments)
    assert done.returncode == 2 and done.stderr.endswith(f"xylem: {meant}\n")


@pytest.mark.parametrize("arguments", [["nonsense"], ["dump", "--nothing"],
                                       ["route", "--", "--conect"]])
def test_a_word_that_is_near_nothing_gets_no_suggestion(arguments):
    assert "did you mean" not in xylem(*arguments, timeout=5).stderr


@pytest.mark.parametrize("arguments", [
    ["dump", "--overflow", "spil"], ["dump", "--connect", "nonsense"], ["dump", "task.a*"],
    ["emit", "task-sent", "--connect", "nonsense"], ["bench", "--overflow", "spill"],
    ["bench", "--pattern", "a*b"], ["route", "task-sent", "--pattern", "a*b"],
    ["emit", "task-sent", "type=oops"], ["emit", "task-sent", "hostname=here"],
    ["emit", "task-sent", "timestamp=1"], ["emit", "task-sent", "clock=1"],
    ["emit", "task-sent", "a=1", "a=2"], ["emit", "task-sent", "=1"],
    ["emit", "task-\n"], ["emit", "a" * 246], ["emit", ".".join("a" * 33)],
    ["dump", "--since", "2999-01-01T00:00:00Z"], ["dump", "--connect", "tcp://*:7603"],
    ["replay", "x", "task-failed"], ["route", ""], ["bench", "--pattern", "task-failed"],
    ["bench", "--list-events", "3"], ["control", "heart-beat"],
    ["emit", "task-sent", "--hostname", b"\xff"],
    ["emit", "task-sent", "a=" + "[" * 32 + "]" * 32]])
def test_an_argument_that_makes_no_sense_is_a_usage_error(arguments):
    done = xylem(*arguments, timeout=5)
    assert done.returncode == 2 and "xylem: " in done.stderr


@pytest.mark.parametrize("command", [["dump"], ["route", "task-sent", "--pattern"],
                                     ["record", "/tmp/never-written"]])
def test_a_pattern_that_can_match_nothing_is_told_with_the_one_that_was_meant(command):
    done = xylem(*command, "task-failed", timeout=5)
    assert done.returncode == 2
    assert "'task-failed' can match nothing" in done.stderr
    assert "did you mean 'task.failed'?" in done.stderr


# Success is said and returned only for what was done.
@pytest.mark.parametrize("command", [
    ["check", "--defaults"], ["check", "--show"],
    ["route", "task-sent", "--set", "http.listen=off"],
    ["spool", "ls", "."], ["--version"], ["--help"], ["emit", "--help"]])
def test_a_command_whose_output_is_lost_has_failed(command, tmp_path):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([XYLEM, *command], stdout=full, stderr=subprocess.PIPE, text=True,
                              cwd=tmp_path, env=clean_environment(), timeout=10)
    assert done.returncode == 1
    assert "standard output: No space left on device" in done.stderr
    assert "is fine" not in done.stderr


@pytest.mark.parametrize("command", [[], ["serve"], ["emit"], ["dump"], ["record"], ["replay"],
                                     ["route"], ["check"], ["bench"], ["top"]])
def test_help_is_complete_and_exits_0(command):
    done = xylem(*command, "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert "Usage: xylem" in done.stdout


def test_version_is_told():
    done = xylem("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "xylem")


NO_RELAY = ("--set", "http.listen=off")


def route(*arguments):
    done = xylem("route", *arguments, *NO_RELAY)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("what", ["task.failed", "task-failed"])
def test_route_takes_a_key_or_a_type(what):
    code, out, _ = route(what, "--pattern", "task.*", "--pattern", "worker.#")
    assert code == 0
    assert "routing key task.failed\n" in out
    rows = {" ".join(line.split()) for line in out.splitlines()}
    assert {"--pattern task.* yes 'task.*' matches", "--pattern worker.# no worker.#"} <= rows


def test_route_explains_a_filter():
    code, out, _ = route("task-failed", "--filter", "-has:name (state:FAILURE OR queue:x)",
                         "--explain")
    assert code == 0
    assert "--filter                     yes  it matches\n    yes  all of\n" in out
    assert "        no   queue:x\n" in out
    code, _, err = route("task-failed", "--filter", "stat:FAILURE")
    assert (code, "the nearest is 'state'" in err) == (2, True)


def test_route_takes_a_file_with_an_event_or_a_list(folder):
    event = folder / "event.json"
    event.write_text(json.dumps({"type": "task-sent", "uuid": "a"}))
    assert "routing key task.sent\n" in route(event)[1]
    event.write_text(json.dumps([{"type": "task-sent"}, {"type": "worker-online"}]))
    code, out, _ = route(event)
    assert code == 0
    assert [line for line in out.splitlines() if line.startswith("routing key")] == [
        "routing key task.sent", "routing key worker.online"]
    event.write_text("[]")
    code, out, _ = route(event)
    assert code == 0 and "an empty list: nothing to route" in out


@pytest.mark.parametrize("text, reason", [
    ('{"type":', "malformed_json"), ("", "malformed_json"), ("{}", "missing_type"),
    ('[{"type":"a"},3]', "not_an_event"), ('{"type":"a\\u0000"}', "bad_key"),
    ("[" * 5000, "malformed_json"), ("x" * (2 << 20), "message_too_large")],
    ids=lambda value: value[:20])
def test_route_says_why_a_file_would_be_refused(folder, text, reason):
    event = folder / "event.json"
    event.write_text(text)
    code, out, _ = route(event)
    assert code == 1 and f"refused: {reason}" in out


def test_route_of_nothing_it_knows_fails_with_a_sentence(folder):
    code, _, said = route("no such\x1bfile")
    assert code == 1 and "'no such\\x1bfile' is neither a file nor a routing key" in said
    code, out, said = route(folder)
    assert code == 1 and "malformed" not in out and str(folder) in said


def test_route_asks_a_running_relay_for_its_subscribers(relay, stream):
    one, two = stream(), stream()
    one.open("task.*", name="one")
    two.open("worker.#", "custom", name="two")
    done = xylem("route", "task-sent", "--set", f"http.listen={relay.http}")
    rows = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert "one yes 'task.*' matches" in rows and "two no custom, worker.#" in rows


def test_route_with_a_bad_configuration_exits_78():
    done = xylem("route", "task-sent", "--set", "no.such=1")
    assert done.returncode == 78 and "'no.such' is not an option" in done.stderr


def test_check_of_a_good_configuration_says_so_and_exits_0():
    done = xylem("check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "the configuration is fine\n")


@pytest.mark.parametrize("count", ["1e3", "0x10", "-1", "99999999999999999999"])
def test_a_number_that_is_none_is_told_with_what_is_wanted(count):
    done = xylem("emit", "task-sent", "--count", count)
    assert done.returncode == 2
    assert f"'{count}' is not a whole number from 1 to 1000000000000000000" in done.stderr


@pytest.mark.parametrize("name", ["a" * 300, "a/b/c", "event.json"])
def test_route_of_a_path_that_leads_nowhere_is_no_crash_and_no_key(name):
    code, _, said = route(name)
    assert code == 1 and "xylem: " in said


def test_route_tells_of_every_sink_and_why_no_subscriber_is_named(folder):
    _, out, _ = route("task-sent", "--set", f"spool.directory={folder}")
    rows = {" ".join(line.split()) for line in out.splitlines()}
    assert {"spool yes every event", "upstream off", "amqp off"} <= rows
    assert "http.listen is off" in out


def test_route_is_not_taken_in_by_somebody_elses_page():
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b'{"taps":[1,{"sink":3,"name":[]}]}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_port}"
        done = xylem("route", "task-sent", "--set", f"http.listen={place}")
        server.shutdown()
    assert done.returncode == 0 and "no stream subscriber is connected" in done.stdout


def test_an_ipc_address_that_is_a_folder_is_told_as_one(folder):
    done = xylem("dump", "--connect", f"ipc://{folder}", "--seconds", "0.1")
    assert done.returncode == 1 and "that is a folder" in done.stderr
