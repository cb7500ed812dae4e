"""The log on disk as people meet it: `xylem spool`, a sidecar that restarts, a second relay."""
import json
import os
import subprocess

import pytest

from plain_clients import Push, unlike
from relay_process import XYLEM, clean_environment, xylem
from waiting import until


@pytest.fixture
def log(folder):
    return folder / "log"


@pytest.fixture
def spooling(start_relay, log):
    return lambda **settings: start_relay({"spool.directory": log, "spool.segment_bytes": "64KiB",
                                           "spool.bytes_max": "16MiB", **settings})


def send(context, relay, events, first=0):
    push = Push(context, relay.push)
    before = relay.accepted()
    for n in range(first, first + events):
        push.event("task-sent", hostname="w1", n=n, pad=unlike(n, 200))
    relay.await_accepted(before + events)


def listed(log, verb="ls"):
    done = xylem("spool", verb, log)
    return done.returncode, json.loads(done.stdout)


def written(relay):
    return relay.metric("xylem_spool_written_sequence")


def test_what_is_in_it_is_listed_while_the_relay_runs_and_after(context, spooling, log):
    relay = spooling()
    send(context, relay, 2000)
    until(lambda: written(relay) == 2000, "everything is written")
    code, found = listed(log)
    assert code == 0
    assert sum(segment["events"] for segment in found["segments"]) == 2000
    assert len(found["segments"]) > 1
    relay.stop()
    code, found = listed(log, "verify")
    assert code == 0
    assert all(segment["finished"] for segment in found["segments"])
    assert found["set_aside"] == []


def test_damage_is_found_and_passed_over(context, spooling, log):
    relay = spooling()
    send(context, relay, 2000)
    relay.stop()
    with open(sorted(log.glob("*.seg"))[0], "r+b") as segment:
        segment.seek(5000)
        segment.write(b"damage")
    done = xylem("spool", "verify", log)
    assert done.returncode == 1
    assert "damaged" in done.stderr
    again = spooling()
    send(context, again, 1, first=9999)


def test_a_second_relay_is_told_who_holds_it(spooling, log):
    relay = spooling()
    second = subprocess.run(
        [XYLEM, "serve", "--set", f"spool.directory={log}", "--set", "push.listen=off", "--set",
         f"acked.listen=ipc://{log.parent}/acked", "--set", "publish.listen=off", "--set",
         "stream.listen=off", "--set", "http.listen=off"],
        capture_output=True, text=True, timeout=20, env=clean_environment(), check=False)
    assert second.returncode == 1
    assert f"held by process {relay.process.pid}" in second.stderr
    done = xylem("spool", "drop", "--everything", log)
    assert done.returncode == 1
    assert f"held by process {relay.process.pid}" in done.stderr


def test_a_fifo_named_like_a_segment_is_set_aside(spooling, log):
    log.mkdir()
    os.mkfifo(log / "000000000005.seg")
    relay = spooling()
    assert relay.log_lines("warning", "spool set aside 000000000005.seg.quarantine", "is no file")


def test_a_folder_that_was_moved_away_is_said_and_nothing_acknowledged(context, spooling, log):
    relay = spooling()
    send(context, relay, 10)
    log.rename(log.parent / "elsewhere")
    until(lambda: relay.get("/readyz")[0] == 503 and
          f"the folder {log} was removed or replaced" in relay.get("/readyz")[1], "it is said")
    (log.parent / "elsewhere").rename(log)
    until(lambda: relay.get("/readyz")[0] == 200, "it was put back")


def test_segments_are_dropped_on_request(context, spooling, log):
    relay = spooling()
    for first in range(0, 2000, 200):  # what comes at once goes into one segment
        send(context, relay, 200, first)
    relay.stop()
    count = len(list(log.glob("*.seg")))
    assert count > 2
    assert xylem("spool", "drop", log).returncode == 2
    assert xylem("spool", "drop", "--before", 3, log).returncode == 0
    assert len(list(log.glob("*.seg"))) == count - 2
    assert xylem("spool", "drop", "--everything", log).returncode == 0
    assert not list(log.glob("*.seg"))


def test_a_directory_that_is_not_there_is_an_error(folder):
    done = xylem("spool", "ls", folder / "none")
    assert done.returncode == 1
    assert "none" in done.stderr


def test_an_upstream_without_a_spool_is_no_configuration():
    done = xylem("check", "--set", "upstream.connect=tcp://127.0.0.1:7601")
    assert done.returncode == 78
    assert "set spool.directory" in done.stderr + done.stdout


def test_a_relay_upstream_beyond_this_machine_takes_a_word(folder):
    settings = ("--set", "upstream.connect=tcp://192.0.2.1:7601", "--set",
                f"spool.directory={folder}/log")
    done = xylem("check", *settings)
    assert done.returncode == 78
    assert "another machine" in done.stderr + done.stdout


def test_a_sidecar_sends_on_what_waited_for_its_central(context, start_relay, spooling, start_dump,
                                                        folder):
    acked = f"ipc://{folder}/central"
    sidecar = spooling(**{"upstream.connect": acked})
    send(context, sidecar, 500)
    until(lambda: sidecar.metric("xylem_tap_held_events", sink="upstream") == 500,
          "the sidecar holds what it could not send")
    assert sidecar.get("/readyz")[0] == 200, "a sidecar whose central is away takes events"
    central = start_relay({"acked.listen": acked, "spool.directory": folder / "central-log"})
    central.from_the_start = set()
    dump = start_dump(central, "watch")
    until(lambda: sidecar.metric("xylem_tap_held_events", sink="upstream") == 0,
          "the central has everything")
    assert central.accepted() == 500
    send(context, sidecar, 100, first=500)
    until(lambda: len(dump.numbers()) >= 100, "what comes then is seen at once")
    until(lambda: sidecar.metric("xylem_tap_delivered_events_total", sink="upstream") == 600,
          "the central has that too")
    assert not sidecar.metrics().unbalanced()
    dump.finish()


# A state that began wrong is told like one that went wrong.
@pytest.mark.parametrize("place, cause", [
    ("ipc://{folder}/nobody", "nobody answers as a relay's acked endpoint"),
    ("tcp://central.invalid:7601", "'central.invalid' has no address")])
def test_a_sidecar_whose_central_never_was_says_so(folder, start_relay, log, place, cause):
    central = place.format(folder=folder)
    sidecar = start_relay({"spool.directory": log, "upstream.connect": central},
                          options=["--insecure"])
    until(lambda: sidecar.log_lines("warning", f"upstream {central} is away", cause),
          lambda: sidecar.log())
    status, page = sidecar.get("/readyz")
    checks = {check["name"]: check for check in json.loads(page)["checks"]}
    told = checks["upstream takes events"]
    assert (status, told["passed"], told["required"]) == (200, False, False)
    assert central in told["why"] and cause in told["why"]
    assert sidecar.metric("xylem_upstream_connected", upstream=central) == 0
    if central.startswith("ipc"):
        start_relay({"acked.listen": central, "spool.directory": folder / "central-log"})
        until(lambda: sidecar.log_lines(f"upstream {central} takes events"), "it is back")
        until(lambda: "is away" not in sidecar.get("/readyz")[1] and
              '"passed": false' not in sidecar.get("/readyz")[1], "it is told no more")


@pytest.mark.parametrize("before", ["-1", "0", "99999", "x", "0x1"])
def test_drop_refuses_a_segment_that_there_is_not(context, spooling, log, before):
    relay = spooling()
    send(context, relay, 10)
    relay.stop()
    here = sorted(log.glob("*.seg"))
    assert here
    done = xylem("spool", "drop", log, f"--before={before}")
    assert done.returncode == 2 and before in done.stderr
    assert sorted(log.glob("*.seg")) == here


def test_drop_reads_numbers_as_people_do(log):
    log.mkdir()
    for number in range(1, 12):
        (log / f"{number:012}.seg").touch()
    assert xylem("spool", "drop", log, "--before", "010").returncode == 0
    assert [int(file.stem) for file in sorted(log.glob("*.seg"))] == [10, 11]
    assert xylem("spool", "drop", log, "--before", "000000000011.seg").returncode == 0
    assert [int(file.stem) for file in log.glob("*.seg")] == [11]


def test_what_is_no_spool_is_neither_made_nor_called_sound(folder):
    done = xylem("spool", "drop", "--everything", folder / "none")
    assert done.returncode == 1 and not (folder / "none").exists()
    done = xylem("spool", "drop", "--everything", folder)
    assert done.returncode == 1 and "no segment" in done.stderr and not list(folder.iterdir())
    done = xylem("spool", "verify", folder)
    assert done.returncode == 1 and "is no spool" in done.stderr
