"""Writes fail as the schedule says, where it says, and nowhere else; and the counts tell."""
import json
import os
import signal
import subprocess
import sys

import pytest

from waiting import seconds_of

TIMEOUT_S = 10
# Does what it is told, a line each, and answers with what it got: a number or an errno's name.
WRITER = r'''
import ctypes, errno, json, os, sys
os.chdir(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
fds = {name: os.open(name, os.O_RDWR) for name in ("a.log", "b.idx", "../outside")}
class Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("length", ctypes.c_size_t)]
def plain(name, *arguments):
    result = getattr(libc, name)(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result
def pwritev(fd):
    return plain("pwritev", fd, (Part * 2)(Part(b"01234", 5), Part(b"56789", 5)), 2,
                 ctypes.c_long(0))
acts = {
    "write": lambda fd: os.write(fd, b"0123456789"),
    "writev": lambda fd: os.writev(fd, [b"01234", b"56789"]),
    "pwrite": lambda fd: os.pwrite(fd, b"0123456789", 0),
    "pwritev": pwritev,
    "pwritev2": lambda fd: os.pwritev(fd, [b"01234", b"56789"], 0, 0),
    "fallocate": lambda fd: plain("fallocate", fd, 0, ctypes.c_long(0), ctypes.c_long(4096)),
    "posix_fallocate": lambda fd: os.posix_fallocate(fd, 0, 4096),
    "ftruncate": lambda fd: os.ftruncate(fd, 5000),
    "fdatasync": os.fdatasync,
    "fsync": os.fsync,
    "open": lambda fd: os.close(os.open("new", os.O_CREAT | os.O_WRONLY)),
    "reopen": lambda fd: os.close(os.open("a.log", os.O_WRONLY)),
    "openat": lambda fd: os.close(os.open("new", os.O_CREAT | os.O_WRONLY, dir_fd=os.open(".", 0))),
    "open outside": lambda fd: os.close(os.open("../new", os.O_CREAT | os.O_WRONLY)),
    "rename": lambda fd: os.rename("b.idx", "c.idx"),
    "rename in": lambda fd: os.rename("../loose", "in"),
    "rename out": lambda fd: os.rename("in", "../loose"),
    "unlink": lambda fd: os.unlink("new"),
}
for line in sys.stdin:
    act, _, name = line.strip().partition("@")
    try:
        answer = acts[act](fds[name or "a.log"])
    except OSError as error:
        answer = errno.errorcode[error.errno]
    print(json.dumps(answer or 0), flush=True)
'''


class Writer:
    """A process that writes files with the library before it."""

    def __init__(self, faults):
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(faults.directory)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **faults.environment()})

    def does(self, act):
        self.process.stdin.write(act + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def does_last(self, act):
        """How it ended, and what it said."""
        _, said = self.process.communicate(act + "\n", timeout=TIMEOUT_S)
        return self.process.returncode, said

    def end(self):
        self.process.kill()
        self.process.communicate(timeout=TIMEOUT_S)


@pytest.fixture
def faults(write_faults, folder):
    spool = folder / "spool"
    spool.mkdir()
    for name in ("a.log", "b.idx", "../outside", "../loose"):
        (spool / name).touch()
    return write_faults(spool)


@pytest.fixture
def start(faults):
    writers = []

    def start():
        writers.append(Writer(faults))
        return writers[-1]

    yield start
    for each in writers:
        each.end()


@pytest.fixture
def writer(start):
    return start()


@pytest.mark.parametrize("act, call, fine", [
    ("write", "write", 10), ("writev", "write", 10), ("pwrite", "pwrite", 10),
    ("pwritev", "pwritev", 10), ("pwritev2", "pwritev", 10), ("fallocate", "fallocate", 0),
    ("posix_fallocate", "fallocate", 0), ("ftruncate", "ftruncate", 0),
    ("fdatasync", "fdatasync", 0), ("fsync", "fsync", 0), ("open", "open", 0),
    ("openat", "open", 0), ("rename", "rename", 0), ("rename in", "rename", 0)])
def test_each_call_fails_by_its_name_and_by_any_and_is_counted(writer, faults, act, call, fine):
    faults.set(f"{call} ENOSPC")
    assert writer.does(act) == "ENOSPC"
    faults.set("any EIO once")
    assert writer.does(act) == "EIO"
    assert writer.does(act) == fine
    counts = faults.counts()
    assert counts.calls(call) == counts.calls() == 3, str(counts)
    assert counts.injected(call, "error") == counts.injected() == 2, str(counts)


def test_a_failed_call_has_done_nothing(writer, faults):
    faults.set("any EIO")
    for act in ("pwrite", "ftruncate", "open", "rename"):
        assert writer.does(act) == "EIO"
    assert sorted(path.name for path in faults.directory.iterdir()) == ["a.log", "b.idx"]
    assert (faults.directory / "a.log").read_bytes() == b""


def test_moves_over_the_border_and_removals_are_seen_too(writer, faults):
    assert writer.does("rename in") == writer.does("rename out") == 0
    faults.set("unlink EROFS once")
    assert writer.does("open") == 0
    assert writer.does("unlink") == "EROFS" and writer.does("unlink") == 0
    assert faults.counts().calls("rename") == 2 and faults.counts().calls("unlink") == 2


def test_what_is_outside_or_only_opened_is_left_alone_and_not_counted(writer, faults):
    faults.set("any EIO")
    assert writer.does("write@../outside") == writer.does("pwritev@../outside") == 10
    assert writer.does("fdatasync@../outside") == writer.does("open outside") == 0
    assert writer.does("reopen") == 0
    assert faults.counts().calls() == 0


def test_faults_can_be_switched_on_and_off_while_it_runs(writer, faults):
    for _ in range(5):
        faults.set("pwritev ENOSPC")
        assert writer.does("pwritev") == "ENOSPC"
        faults.set("pwritev EDQUOT")  # as long as the one before
        assert writer.does("pwritev") == "EDQUOT"
        faults.clear()
        assert writer.does("pwritev") == 10


def test_a_short_write_writes_the_beginning(writer, faults):
    faults.set("any short once", "any short 7 once")
    assert (writer.does("pwritev"), writer.does("pwritev2"), writer.does("pwrite")) == (5, 7, 10)
    faults.set("any short 3")
    assert writer.does("write") == writer.does("writev") == 3
    assert writer.does("fsync") == 0  # can be no shorter
    assert (faults.directory / "a.log").read_bytes() == b"0120126789"
    assert faults.counts().injected(act="short") == 4


def test_options_say_from_when_how_often_and_which_files(writer, faults):
    faults.set("pwrite EIO after=3 times=2")
    assert [writer.does("pwrite") for _ in range(6)] == [10, 10, "EIO", "EIO", 10, 10]
    faults.set("pwrite EIO file=.idx  # not the log", "", "# nothing")
    assert writer.does("pwrite") == 10 and writer.does("pwrite@b.idx") == "EIO"

    def by_chance(seed):
        faults.set(f"pwrite EIO one-in=4 seed={seed}")
        return [writer.does("pwrite") for _ in range(60)]
    first = by_chance(1)
    assert 5 <= first.count("EIO") <= 30
    assert by_chance(1) == first != by_chance(2)


def test_slow_calls_take_their_time_and_then_work(writer, faults):
    faults.set("fdatasync slow 150", "fdatasync EIO after=2")
    assert seconds_of(lambda: writer.does("fdatasync"))[0] >= 0.15
    seconds, answer = seconds_of(lambda: writer.does("fdatasync"))
    assert seconds >= 0.15 and answer == "EIO"
    assert faults.counts().injected("fdatasync", "slow") == 2


@pytest.mark.parametrize("act, size", [("kill", 5), ("kill-after", 15)])
def test_it_is_killed_before_or_after_the_call_and_the_counts_survive(start, faults, act, size):
    faults.set("write short 5 once", f"write {act} after=2")
    for life in (1, 2):
        writer = start()
        assert writer.does("write") == 5
        assert writer.does_last("write")[0] == -signal.SIGKILL
        assert (faults.directory / "a.log").stat().st_size == size
        assert faults.counts().calls("write") == 2 * life
        assert faults.counts().injected("write", "kill") == life
        os.truncate(faults.directory / "a.log", 0)


def test_a_write_can_be_torn_by_the_kill(writer, faults):
    faults.set("pwritev short 6", "pwritev kill-after")
    assert writer.does_last("pwritev")[0] == -signal.SIGKILL
    assert (faults.directory / "a.log").read_bytes() == b"012345"


def test_every_step_of_a_program_can_be_its_last(start, faults):
    steps = ["open", "fallocate", "write", "fdatasync"]
    writer = start()
    assert all(writer.does(step) in (0, 10) for step in steps)
    assert faults.counts().calls() == len(steps)
    for last in range(1, len(steps) + 1):
        faults.set(f"any kill after={last}")
        writer = start()
        for step in steps[:last - 1]:
            writer.does(step)
        assert writer.does_last(steps[last - 1])[0] == -signal.SIGKILL


@pytest.mark.parametrize("rule, complaint", [
    ("pwriteev EIO", "no call 'pwriteev'"), ("pwrite EBROKEN", "no act 'EBROKEN'"),
    ("pwrite", "no act ''"), ("pwrite EIO twice", "no option 'twice'"),
    ("pwrite EIO after=x", "no number 'x'"), ("fsync slow", "slow by how much")])
def test_a_schedule_that_makes_no_sense_is_not_passed_over(writer, faults, rule, complaint):
    faults.set(rule)
    code, said = writer.does_last("pwrite")
    assert code == -signal.SIGABRT and complaint in said


def test_without_an_environment_the_library_does_nothing(fault_library, folder):
    done = subprocess.run([sys.executable, "-c", "open('x', 'w').write('x')"], cwd=folder,
                          env={**os.environ, "LD_PRELOAD": str(fault_library)}, timeout=TIMEOUT_S)
    assert done.returncode == 0 and (folder / "x").read_text() == "x"
