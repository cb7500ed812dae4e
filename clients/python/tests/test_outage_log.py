"""How seldom the plug-in writes to the log, and what."""

import pytest

from xylem.endpoint import Endpoint
from xylem.outage_log import INTERVAL_SECONDS, QUIET_SECONDS, OutageLog

TAKES_NONE = 'xylem: relay at ipc:///nowhere/push takes no events (No such file or directory)'


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def log(now):
    return OutageLog(Endpoint('ipc:///nowhere/push'), lambda: now[0])


def stats(waiting, dropped=0):
    return {'waiting': waiting, 'waiting_bytes': 400 * waiting, 'dropped': {'buffer_full': dropped}}


def lines(caplog):
    return [record.getMessage() for record in caplog.records]


def test_an_outage_that_lasts_has_one_line_a_minute_and_its_end_has_one(log, now, caplog):
    log.note(stats(3))
    now[0] += QUIET_SECONDS - 0.1
    log.note(stats(4))
    assert lines(caplog) == []
    for _ in range(100):
        now[0] += 0.5
        log.note(stats(5, dropped=2))
    assert lines(caplog) == [
        f'{TAKES_NONE}, 5 waiting (2000 bytes), 2 dropped']
    now[0] += INTERVAL_SECONDS
    log.note(stats(6, dropped=7))
    log.note(stats(0, dropped=9))
    log.note(stats(0, dropped=9))
    assert lines(caplog)[1:] == [
        f'{TAKES_NONE}, 6 waiting (2400 bytes), 7 dropped',
        'xylem: relay at ipc:///nowhere/push takes events again, 9 dropped meanwhile']


def test_a_restart_or_a_burst_is_not_worth_a_line(log, now, caplog):
    for _ in range(50):
        log.note(stats(3))
        now[0] += QUIET_SECONDS / 2
        log.note(stats(0))
    assert lines(caplog) == []


def test_a_relay_that_comes_and_goes_does_not_flood_the_log(log, now, caplog):
    for _ in range(10):
        log.note(stats(3))
        now[0] += QUIET_SECONDS + 0.1
        log.note(stats(3))
        log.note(stats(0))
    assert len(lines(caplog)) == 2


def test_events_that_cannot_be_sent_have_one_line_a_minute(log, now, caplog):
    for _ in range(10):
        log.unsendable('task-x', 'its JSON has 70000 bytes')
    assert lines(caplog) == ['xylem: event task-x dropped: its JSON has 70000 bytes']
