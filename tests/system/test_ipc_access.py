"""Who may write to a relay's ipc sockets, and what those are told who may not."""
import os
import pwd
import shutil
import stat
import subprocess

import pytest

from relay_process import XYLEM, clean_environment

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def open_folder(folder):
    """One that everybody may enter, with all that is above it."""
    for path in (folder, *folder.parents):
        if path.stat().st_uid == os.geteuid() and str(path) not in ("/", "/tmp"):
            path.chmod(path.stat().st_mode | 0o055)
    # The checkout may be in a home that is closed to others.
    shutil.copy(XYLEM, folder / "xylem")
    return folder


def emit_as_nobody(folder, place):
    return subprocess.run(
        [folder / "xylem", "emit", "task-sent", "--connect", place, "--timeout", "2"],
        capture_output=True, text=True, timeout=20, env=clean_environment(), cwd="/",
        user=NOBODY.pw_uid, group=NOBODY.pw_gid, extra_groups=[])


def path_of(relay):
    return relay.push_ipc.removeprefix("ipc://")


def test_a_worker_of_another_user_is_told_that_it_may_not(start_relay, open_folder):
    relay = start_relay({"ipc.mode": "0600"})
    done = emit_as_nobody(open_folder, relay.push_ipc)
    assert done.returncode == 1
    assert f"permission denied: {relay.push_ipc} is root:root's with mode 0600" in done.stderr
    assert "ipc.mode" in done.stderr


def test_the_mode_lets_workers_of_another_user_in(start_relay, open_folder):
    relay = start_relay({"ipc.mode": "0666"})
    assert stat.S_IMODE(os.stat(path_of(relay)).st_mode) == 0o666
    done = emit_as_nobody(open_folder, relay.push_ipc)
    assert done.returncode == 0, done.stderr
    relay.await_accepted(1)


def test_the_group_lets_its_members_in(start_relay, open_folder):
    relay = start_relay({"ipc.mode": "0660", "ipc.group": "nogroup"})
    status = os.stat(path_of(relay))
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o660, NOBODY.pw_gid)
    done = emit_as_nobody(open_folder, relay.push_ipc)
    assert done.returncode == 0, done.stderr
    relay.await_accepted(1)


def test_a_folder_on_the_way_is_told_too(start_relay, open_folder):
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    start_relay({"push.listen": f"ipc://{closed}/push", "ipc.mode": "0666"})
    done = emit_as_nobody(open_folder, f"ipc://{closed}/push")
    assert done.returncode == 1 and "a folder on the way" in done.stderr
