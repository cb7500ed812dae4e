"""What a relay can be told, and how it says that it cannot be told that."""
import os
import socket
import subprocess

import pytest

from plain_clients import Push
from relay_process import REPOSITORY, XYLEM, clean_environment, xylem

QUIET = ("--set", "acked.listen=off", "--set", "publish.listen=off", "--set", "stream.listen=off",
         "--set", "http.listen=off")
PROFILES = sorted((REPOSITORY / "configs").glob("*.toml"))


def check(*arguments, **options):
    done = xylem("check", *arguments, **options)
    return done.returncode, done.stderr


@pytest.fixture
def file(folder):
    def write(text):
        path = folder / "relay.toml"
        path.write_text(text)
        return path
    return write


def test_an_unknown_key_is_named_with_its_file_and_line_and_a_suggestion(file):
    path = file('[push]\n# a comment\nlisten = "tcp://127.0.0.1:7600"\nrecieve_hwm = 5\n')
    assert check("-c", path) == (78, f"{path}:4: 'push.recieve_hwm' is not an option; did you mean "
                                     "'push.receive_hwm'?\n1 problem\n")


def test_all_problems_are_reported_at_once_each_with_its_place(file):
    path = file('[stream]\nheartbeat = "5 bananas"\ntap_bytes_max = "64MB"\n'
                'tap_events_max = "many"\n[log]\nlevel = "loud"\n[nowhere]\nx = 1\n')
    code, said = check("-c", path, "--set", "push.listen=nonsense", "--set", "push")
    assert code == 78
    for line, problem in ((2, "'5 bananas' is not a duration"), (3, "'64MB' is not a size"),
                          (4, "'many' is not a whole number"), (6, "'loud' is not a log level"),
                          (8, "'nowhere.x' is not an option")):
        assert [row for row in said.splitlines()
                if row.startswith(f"{path}:{line}: ") and problem in row], said
    assert "--set push.listen: push.listen: address 'nonsense' has no scheme" in said
    assert "--set push: needs KEY=VALUE" in said
    assert said.endswith("7 problems\n")


@pytest.mark.parametrize("setting, sentence", [
    ("push.message_bytes_max=1", "must be from 65536 to 67108864 bytes"),
    ("push.receive_hwm=-1", "'-1' is not a whole number"),
    ("push.receive_hwm=1.5", "'1.5' is not a whole number"),
    ("node.drain_deadline=10", "'10' is not a duration"),
    ("node.drain_deadline=-1s", "'-1s' is not a duration"),
    ("publish.overflow=spill", "'spill' is not one of drop_newest, block"),
    ("push.listen=http://127.0.0.1:1", "is not a tcp:// or ipc:// address"),
    ("http.listen=tcp://127.0.0.1:1", "is not an http:// address"),
    ("push.listen=tcp://127.0.0.1:99999", "has no port from 0 to 65535"),
    ("push.listen=ipc://" + "x" * 200, "has a path longer than 107 bytes"),
    ("push.event_bytes_max=2MiB", "below push.message_bytes_max"),
    ("pipeline.ring_batches=[8, 9]", "takes one value, not a list"),
    ("publish.listen=tcp://127.0.0.1:7600", "127.0.0.1:7600 is already taken by push.listen"),
    ("stream.idle_timeout=1s", "stream.heartbeat"),
])
def test_a_wrong_value_is_refused_with_a_sentence(setting, sentence):
    code, said = check("--set", setting)
    assert code == 78 and sentence in said and setting.split("=")[0] in said


def test_a_relay_without_a_source_is_refused():
    code, said = check("--set", "push.listen=off", "--set", "acked.listen=off")
    assert code == 78 and "no source listens" in said


def test_impossible_combinations_are_named_with_their_file_and_line(file):
    path = file('[push]\nmessage_bytes_max = "64KiB"\nevent_bytes_max = "1MiB"\n')
    code, said = check("-c", path)
    assert code == 78 and "below push.message_bytes_max" in said
    assert f"{path}:3: " in said


@pytest.mark.parametrize("address", ["tcp://0.0.0.0:7600", "tcp://*:7600", "tcp://192.0.2.1:7600",
                                     "tcp://example.org:7600", "tcp://127.example.org:7600"])
def test_other_machines_are_kept_out_unless_insecure_is_said(address):
    code, said = check("--set", f"push.listen={address}")
    assert code == 78
    assert "can be reached from other machines" in said and "--insecure" in said
    assert "--insecure" not in check("--set", f"push.listen={address}", "--insecure")[1]


# What serve would die of, check says; and the other way round.
@pytest.mark.parametrize("endpoint", ["push.listen", "http.listen"])
@pytest.mark.parametrize("host, code, sentence", [
    ("localhost", 0, ""), ("127.0.0.1", 0, ""), ("*", 0, ""),
    ("192.0.2.1", 78, "192.0.2.1 is no address of this machine"),
    ("relay.invalid", 78, "'relay.invalid' has no address: "),
    ("[::g]", 78, "no IPv6 address in its brackets"),
    ("300.1.1.1", 78, "no IPv4 address of four numbers"),
    ("a b", 78, "neither a name nor an address")])
def test_check_says_fine_exactly_where_serve_can_listen(
        start_relay, endpoint, host, code, sentence):
    scheme = "http" if endpoint == "http.listen" else "tcp"
    setting = f"{endpoint}={scheme}://{host}:0"
    checked, said = check("--set", setting, "--insecure")
    assert checked == code and sentence in said
    if code == 0:
        relay = start_relay({endpoint: f"{scheme}://{host}:0"}, options=["--insecure"])
        assert relay.push and relay.http
    else:
        served = xylem("serve", "--set", setting, "--insecure", *(QUIET if scheme == "tcp" else ()))
        assert served.returncode == 78 and sentence in served.stderr


@pytest.mark.parametrize("address, sentence", [
    ("tcp://*:7601", "name the one to connect to"),
    ("tcp://127.0.0.1:0", "on which nobody listens"),
    ("http://127.0.0.1:7680", "is not a tcp:// or ipc:// address")])
def test_an_upstream_that_nobody_can_connect_to_is_refused(address, sentence):
    code, said = check("--insecure", "--set", f"upstream.connect={address}",
                       "--set", "spool.directory=/nowhere")
    assert code == 78 and sentence in said
    done = xylem("emit", "task-sent", "--connect", address)
    assert done.returncode == 2 and sentence in done.stderr


def test_what_is_not_there_at_the_moment_is_noted(folder):
    code, said = check("--insecure", "--set", "upstream.connect=tcp://central.invalid:7601",
                       "--set", f"spool.directory={folder}/log",
                       "--set", "amqp.url=amqps://rabbit.invalid",
                       "--set", "amqp.heartbeat=7s")
    assert code == 0 and said.endswith("the configuration is fine\n")
    assert "note: upstream.connect: 'central.invalid' has no address: " in said
    assert "note: amqp.url: 'rabbit.invalid' has no address: " in said
    assert "note: amqp.heartbeat: means nothing without amqp_source.exchange, " in said


# One place, however it is written.
@pytest.mark.parametrize("settings, sentence", [
    (["push.listen=tcp://127.0.0.1:7690", "stream.listen=tcp://localhost:7690"],
     "localhost:7690 is already taken by push.listen (tcp://127.0.0.1:7690)"),
    (["push.listen=tcp://127.0.0.1:7690", "stream.listen=tcp://*:7690"],
     "*:7690 is already taken by push.listen"),
    (["push.listen=ipc:///tmp/xylem-a", "stream.listen=ipc:///tmp//xylem-a"],
     "ipc:///tmp//xylem-a is already taken by push.listen"),
    (["spool.directory=/tmp/xylem-b", "upstream.connect=tcp://localhost:7601"],
     "tcp://localhost:7601 is this relay's own acked.listen"),
    (["spool.directory=/tmp/xylem-b", "acked.listen=ipc:///tmp/xylem-c",
      "upstream.connect=ipc:///tmp/./xylem-c"], "is this relay's own acked.listen"),
    (["spool.directory=/tmp/xylem-b",
      "upstream.connect=[tcp://localhost:1, tcp://127.0.0.1:1]"], "is there twice"),
])
def test_two_spellings_of_one_place_are_one(settings, sentence):
    options = [part for setting in settings for part in ("--set", setting)]
    code, said = check("--insecure", *options)
    assert code == 78 and sentence in said, said
    assert xylem("serve", "--insecure", *options).returncode == 78


def test_what_serve_would_die_of_is_a_problem_for_check(folder):
    (folder / "plain").touch()
    for setting, sentence in (
            (f"push.listen=ipc://{folder}/missing/push", f"there is no folder {folder}/missing"),
            (f"push.listen=ipc://{folder}/plain/push", f"{folder}/plain is not a folder"),
            (f"push.listen=ipc://{folder}/plain", "is there and is no socket"),
            (f"spool.directory={folder}/a/b", f"there is no folder {folder}/a"),
            (f"spool.directory={folder}/plain", f"{folder}/plain is not a folder"),
            ("push.listen=ipc://@abstract", "begins with @ or *, which is no file")):
        code, said = check("--set", setting)
        assert code == 78 and sentence in said, said


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_what_another_user_may_not_do_is_found(folder):
    folder.chmod(0o755)
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    for setting, sentence in ((f"spool.directory={folder}/log", "Permission denied"),
                              (f"push.listen=ipc://{folder}/push", "Permission denied"),
                              ("ipc.group=root", "this user is not in the group 'root'")):
        done = subprocess.run(
            [XYLEM, "check", "--set", f"acked.listen=ipc://{folder}/open/a", "--set", setting],
            capture_output=True, text=True, user=65534, group=65534, extra_groups=[],
            env=clean_environment())
        assert done.returncode == 78 and sentence in done.stderr, done.stderr


@pytest.mark.parametrize("text, sentence", [
    ("[nosuch]\n", "'nosuch' is not an option"),
    ("[stream.foo]\n", "'stream.foo' is not an option"),
    ("[push]\nreceive_hwm = 1000.0\n", "'1000.0' is not a whole number"),
    ("push = 1\n", "did you mean 'push.listen'?"), ("[[push]]\n", "did you mean 'push.listen'?"),
    ("[spool]\ndir = '/x'\n", "did you mean 'spool.directory'?"),
    ("[amqp]\npassword = 'x'\n", "did you mean 'amqp.password_file'?"),
    ("[stream]\nretention_x = 1\n", "did you mean 'stream.retention_"),
    ("listen = 'off'\n", "did you mean 'push.listen'?")])
def test_what_a_file_cannot_say_is_refused(file, text, sentence):
    code, said = check("-c", file(text))
    assert code == 78 and sentence in said, said


def test_a_file_without_a_name_is_not_no_file():
    for command in ("check", "serve"):
        done = xylem(command, "-c", "", "--set", "push.listen=nonsense")
        assert done.returncode == 2 and "needs the name of a file" in done.stderr


def test_a_variable_that_is_wrong_is_named_and_an_empty_one_is_none():
    done = xylem("emit", "task-sent", env=clean_environment(XYLEM_PUSH="foo"))
    assert done.returncode == 2
    assert "XYLEM_PUSH: address 'foo' has no scheme; write tcp://HOST:PORT or ipc://PATH" in \
        done.stderr
    assert "http://" not in done.stderr
    done = xylem("emit", "task-sent", "--wait", "0.1", env=clean_environment(XYLEM_PUSH=""))
    assert "XYLEM_PUSH" not in done.stderr


def test_a_variable_that_is_nearly_an_option_is_told_by_commands_that_read_none():
    done = xylem("emit", "task-sent", "--connect", "nonsense",
                 env=clean_environment(XYLEM_PUSH_LISTE="3"))
    assert "note: XYLEM_PUSH_LISTE is not an option; did you mean 'XYLEM_PUSH_LISTEN'?" in \
        done.stderr


def test_options_of_what_is_off_are_said_by_serve(start_relay):
    relay = start_relay({"spool.bytes_max": "512MiB"})
    assert relay.await_lines("warning", "spool.bytes_max means nothing without spool.directory")


def test_a_variable_that_is_nearly_an_option_is_refused_with_the_one_that_was_meant():
    env = clean_environment(XYLEM_PUSH_LISTN="tcp://127.0.0.1:0")
    code, said = check(env=env)
    assert code == 78
    assert "XYLEM_PUSH_LISTN: is not an option; did you mean 'XYLEM_PUSH_LISTEN'?" in said
    assert xylem("serve", env=env).returncode == 78


@pytest.mark.parametrize("variable, sentence", [
    ("XYLEM_PUHS", "XYLEM_PUHS means nothing to xylem; did you mean 'XYLEM_PUSH'?"),
    ("XYLEM_COLOUR_OF_THE_SKY", "XYLEM_COLOUR_OF_THE_SKY means nothing to xylem")])
def test_any_other_variable_that_means_nothing_is_noted(variable, sentence):
    for command in (["check"], ["emit", "task-sent", "--connect", "nonsense"]):
        done = xylem(*command, env=clean_environment(**{variable: "1"}))
        assert f"note: {sentence}\n" in done.stderr
    kubernetes = clean_environment(XYLEM_SERVICE_HOST="10.0.0.1", XYLEM_PORT="tcp://10.0.0.1:7600",
                                   XYLEM_PORT_7600_TCP_ADDR="10.0.0.1", XYLEM_PUSH="tcp://a:1")
    assert check(env=kubernetes) == (0, "the configuration is fine\n")


@pytest.mark.parametrize("setting, sentence", [
    ("ipc.mode=0668", "'0668' is not a mode"), ("ipc.mode=432", "'432' is not a mode"),
    ("ipc.mode=rw", "'rw' is not a mode"), ("ipc.mode=0000", "lets nobody write"),
    ("ipc.group=nobodys", "there is no group 'nobodys'"),
    ('amqp_sink.patterns=["task-failed"]', "did you mean 'task.failed'?")])
def test_what_can_mean_nothing_is_refused_by_check(setting, sentence):
    code, said = check("--set", setting)
    assert code == 78 and sentence in said


def test_serve_refuses_other_machines_unless_insecure_is_said(start_relay, context):
    place = "tcp://0.0.0.0:0"
    done = xylem("serve", "--set", f"push.listen={place}", *QUIET)
    assert done.returncode == 78 and "--insecure" in done.stderr
    relay = start_relay({"push.listen": place}, options=["--insecure"])
    assert relay.push.startswith("tcp://0.0.0.0:")


@pytest.mark.parametrize("key, scheme", [("push", "tcp"), ("publish", "tcp"), ("stream", "tcp"),
                                         ("http", "http")])
def test_a_port_in_use_is_named_and_the_exit_code_is_1(key, scheme):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"{scheme}://127.0.0.1:{taken.getsockname()[1]}"
        settings = {name: "off" for name in ("acked", "publish", "stream", "http")}
        settings["push"] = "tcp://127.0.0.1:0"
        settings[key] = place
        done = xylem("serve", *(part for name, value in settings.items()
                                for part in ("--set", f"{name}.listen={value}")))
    assert done.returncode == 1
    assert f"xylem: {place} is in use by another program" in done.stderr


def test_an_ipc_path_in_use_is_refused_and_the_first_relay_goes_on(relay, context):
    try:
        done = xylem("serve", "--set", f"push.listen={relay.push_ipc}", *QUIET, timeout=3)
    except subprocess.TimeoutExpired:
        pytest.fail("the second relay took the path over")
    assert done.returncode == 1
    assert f"{relay.push_ipc} is in use by another program" in done.stderr
    Push(context, relay.push_ipc).event("task-sent")
    relay.await_accepted(1)


def test_an_ipc_path_that_a_killed_relay_left_is_taken_over(start_relay, folder, context):
    place = f"ipc://{folder}/push"
    first = start_relay({"push.listen": place})
    first.kill()
    second = start_relay({"push.listen": place})
    Push(context, second.push_ipc).event("task-sent")
    second.await_accepted(1)


def test_ipv6_loopback_works_as_an_address(start_relay):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    relay = start_relay({"push.listen": "tcp://[::1]:0"})
    assert relay.push.startswith("tcp://[::1]:")


def test_a_missing_file_is_named():
    code, said = check("-c", "/nowhere/relay.toml")
    assert code == 78 and "/nowhere/relay.toml: cannot be read" in said


def test_a_broken_file_is_named_with_its_line(file):
    path = file('[push]\nlisten = "tcp\n')
    code, said = check("-c", path)
    assert code == 78 and said.startswith(f"{path}:2: ")


def shown(*arguments, **options):
    done = xylem("check", "--show", *arguments, **options)
    assert done.returncode == 0, done.stderr
    return dict(line.split(" = ", 1) for line in done.stdout.splitlines())


def test_the_command_line_beats_the_environment_and_that_beats_the_file(file):
    path = file('[push]\nreceive_hwm = 11\n[stream]\nheartbeat = "11s"\nidle_timeout = "99s"\n')
    env = clean_environment(XYLEM_PUSH_RECEIVE_HWM="22", XYLEM_STREAM_HEARTBEAT="22s")
    assert shown()["push.receive_hwm"] == "1000"
    assert shown("-c", path)["push.receive_hwm"] == "11"
    values = shown("-c", path, "--set", "push.receive_hwm=33", env=env)
    assert (values["push.receive_hwm"], values["stream.heartbeat"],
            values["stream.idle_timeout"]) == ("33", '"22s"', '"99s"')


def test_a_wrong_environment_variable_is_named():
    code, said = check(env=clean_environment(XYLEM_PUSH_RECEIVE_HWM="x"))
    assert code == 78 and said.startswith("XYLEM_PUSH_RECEIVE_HWM: push.receive_hwm: 'x'")


def test_serve_follows_the_environment(start_relay):
    relay = start_relay({"http.listen": None}, env={"XYLEM_HTTP_LISTEN": "http://127.0.0.1:0",
                                                    "XYLEM_PIPELINE_RING_BATCHES": "64"})
    assert relay.metric("xylem_ring_capacity_batches", ring="push") == 64


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.name)
def test_every_profile_is_a_valid_configuration(profile, folder):
    code, said = check("-c", profile, *(part for key, place in (
        ("push.listen", f"ipc://{folder}/push"), ("spool.directory", folder / "spool"))
        if "/run/xylem" in profile.read_text() or "/var/lib/xylem" in profile.read_text()
        for part in ("--set", f"{key}={place}")))
    assert code == 0, said


def test_there_are_profiles():
    assert REPOSITORY / "configs/relay.toml" in PROFILES


def test_relay_toml_is_what_check_prints_as_defaults():
    done = xylem("check", "--defaults")
    assert done.stdout == (REPOSITORY / "configs/relay.toml").read_text()
    assert shown("-c", REPOSITORY / "configs/relay.toml") == shown()
