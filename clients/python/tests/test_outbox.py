"""The outbox: order, bounds, exact counts, recovery, threads, the end of a process."""

import threading

import pytest
import zmq
from stranger import Stranger
from until import until

from xylem.outage_log import QUIET_SECONDS
from xylem.outbox import MESSAGE_OVERHEAD_BYTES, REOPEN_SECONDS, Outbox
from xylem.push_socket import PushSocket


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make_outbox(push, closing):
    """Return a function that makes an outbox; it ends without giving anything a chance."""
    def make(url=push, buffer_bytes=1 << 20, **options):
        return closing(Outbox(url, buffer_bytes, **options), 0)

    return make


def put(outbox, *numbers):
    for number in numbers:
        outbox.put(b'key', b'%d' % number)


def balanced(outbox, offered):
    """Return whether the ledger has every event that was offered exactly once."""
    stats = outbox.stats
    accounted = stats['sent'] + stats['waiting'] + sum(stats['dropped'].values())
    return stats['offered'] == accounted == offered


def test_what_waits_for_a_relay_that_starts_later_arrives_whole_and_in_order(
        make_outbox, open_sink, push):
    outbox = make_outbox()
    put(outbox, *range(1000))
    assert outbox.stats['waiting'] == 1000 and outbox.stats['sent'] == 0
    sink = open_sink(push)
    assert sink.bodies(1000) == list(range(1000))
    until(lambda: outbox.stats['sent'] == 1000)
    assert sink.nothing_more() and balanced(outbox, 1000)
    assert outbox.stats['waiting_bytes'] == 0


def test_a_single_event_leaves_without_another_that_pushes_it(make_outbox, open_sink, push):
    sink, outbox = open_sink(push), make_outbox()
    put(outbox, 7)
    assert sink.bodies(1) == [7]


def test_an_event_never_overtakes_those_that_wait(make_outbox, open_sink, push):
    outbox = make_outbox(background=False)
    put(outbox, *range(300))
    sink, got = open_sink(push), []
    until(outbox.flush, what='the connection')
    for number in range(300, 3000):
        put(outbox, number)
        got += sink.bodies(1, seconds=0)
    until(lambda: outbox.flush() == outbox.stats['waiting'] == 0)
    got += sink.bodies(3000 - len(got))
    assert got == list(range(3000))


def test_a_full_buffer_drops_the_oldest_and_counts_each_event_of_a_list(make_outbox, open_sink,
                                                                        push):
    message_bytes = len(b'key') + 4 + MESSAGE_OVERHEAD_BYTES
    outbox = make_outbox(buffer_bytes=10 * message_bytes)
    for number in range(1000, 1030):
        outbox.put(b'key', b'%d' % number, 3)
    stats = outbox.stats
    assert stats['waiting'] == 30 and stats['waiting_bytes'] == 10 * message_bytes
    assert stats['dropped']['buffer_full'] == 60
    assert balanced(outbox, 90)
    assert open_sink(push).bodies(10) == list(range(1020, 1030))


def test_a_message_larger_than_the_buffer_is_dropped_and_counted_alone(make_outbox):
    outbox = make_outbox(buffer_bytes=1000)
    put(outbox, 1, 2)
    outbox.put(b'key', b'x' * 2000)
    stats = outbox.stats
    assert (stats['waiting'], stats['dropped']['buffer_full']) == (2, 1) and balanced(outbox, 3)


def test_an_interrupted_send_is_counted_and_the_next_one_works(make_outbox, open_sink, push):
    sink, outbox = open_sink(push), make_outbox(background=False)
    until(lambda: put(outbox, 1) or outbox.stats['waiting'] == 0)
    offered = outbox.stats['offered']
    assert sink.bodies(offered) == [1] * offered
    real_send = outbox._socket._send

    def interrupted(frame, flags):
        if frame == b'2':
            raise TimeoutError
        return real_send(frame, flags)

    outbox._socket._send = interrupted
    with pytest.raises(TimeoutError):
        put(outbox, 2)
    assert outbox.stats['dropped']['interrupted'] == 1
    put(outbox, 3)
    until(lambda: outbox.flush() or outbox.stats['waiting'] == 0)
    assert sink.bodies(1) == [3] and balanced(outbox, offered + 2)


def test_a_signal_handler_may_send_while_its_thread_is_sending(make_outbox, open_sink, push):
    sink = open_sink(push)

    class Interrupted(PushSocket):
        """Calls a "signal handler" from within a send, in the same thread."""

        def send(self, key, body):
            taken = super().send(key, body)
            if taken and body == b'1':
                put(outbox, 2)
            return taken

    outbox = make_outbox(open_socket=Interrupted)
    put(outbox, 1)
    assert sink.bodies(2) == [1, 2]
    until(lambda: balanced(outbox, 2) and outbox.stats['sent'] == 2)


def test_a_dead_socket_is_started_over_after_some_seconds_of_refusals(
        make_outbox, closing, open_sink, clock):
    stranger = Stranger()
    url = f'tcp://127.0.0.1:{stranger.port}'
    outbox = make_outbox(url, clock=clock, background=False)
    put(outbox, 1)
    assert stranger.left.wait(10)
    stranger.close()
    sink = open_sink(url)
    clock.now += REOPEN_SECONDS - 0.5
    put(outbox, 2)
    if zmq.zmq_version_info() < (4, 3, 5):
        assert sink.nothing_more(0.5)
    clock.now += 1
    put(outbox, 3)

    def flushed():
        clock.now += 0.1
        outbox.flush()
        return outbox.stats['waiting'] == 0

    until(flushed)
    assert sink.bodies(3) == [1, 2, 3] and balanced(outbox, 3)


def test_a_relay_that_pushes_back_keeps_its_connection_and_loses_nothing(
        make_outbox, open_sink, push, clock):
    sockets = []

    class Counted(PushSocket):
        def reopen(self, url):
            sockets.append(self)
            super().reopen(url)

    sink = open_sink(push, receive_hwm=1)
    outbox = make_outbox(buffer_bytes=1 << 26, clock=clock, background=False, open_socket=Counted)
    body = b'"' + b'x' * 60_000 + b'"'

    def connected():
        clock.now += 1
        outbox.put(b'key', body)
        return outbox.stats['sent']

    until(connected)
    while outbox.stats['waiting'] < 50:
        outbox.put(b'key', body)
    for _ in range(20):
        clock.now += REOPEN_SECONDS + 1
        outbox.put(b'key', body)
    offered = outbox.stats['offered']
    assert outbox.stats['waiting'] > 50 and len(sockets) == 1
    read = 0
    while read < offered:
        clock.now += 1
        outbox.flush()
        read += len(sink.messages(10, seconds=0.05))
    assert sink.nothing_more() and balanced(outbox, offered)
    assert sum(outbox.stats['dropped'].values()) == 0 and len(sockets) == 1


def test_threads_may_send_at_once(make_outbox, open_sink, push):
    """Every event arrives once, each thread's in its order, although the socket is not
    thread-safe and refuses now and then.
    """
    sink, outbox = open_sink(push, receive_hwm=10), make_outbox(buffer_bytes=1 << 23)
    barrier = threading.Barrier(8)

    def send(thread):
        barrier.wait()
        put(outbox, *range(thread * 10_000, thread * 10_000 + 2_000))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    got = sink.bodies(16_000)
    for thread in threads:
        thread.join()
    assert len(got) == 16_000 and sink.nothing_more()
    for number in range(8):
        assert [n for n in got if n // 10_000 == number] == list(
            range(number * 10_000, number * 10_000 + 2_000))
    until(lambda: outbox.stats['sent'] == 16_000)
    assert balanced(outbox, 16_000)


def test_closing_lets_what_waits_leave_within_its_time(make_outbox, open_sink, push):
    sink, outbox = open_sink(push), make_outbox(background=False)
    put(outbox, *range(100))
    outbox.close(10)
    assert sink.bodies(100) == list(range(100))
    assert outbox.stats['dropped']['closed'] == 0 and balanced(outbox, 100)


def test_closing_without_a_relay_takes_its_time_and_no_more_and_counts_the_lost(
        make_outbox, caplog):
    ticks = []

    class Ticking(Clock):
        def __call__(self):
            ticks.append(None)
            self.now += 0.05
            return self.now

    clock = Ticking()
    outbox = make_outbox(clock=clock, background=False)
    put(outbox, 1, 2, 3)
    began = clock.now
    outbox.close(1)
    assert clock.now - began < 1.5
    assert outbox.stats['dropped']['closed'] == 3 and balanced(outbox, 3)
    assert '3 events lost' in caplog.text


def test_closing_without_a_relay_is_no_return_of_it(make_outbox, clock, caplog):
    outbox = make_outbox(clock=clock)
    put(outbox, 1)

    def said_after_the_quiet_time():  # which begins when the thread first looks
        clock.now += QUIET_SECONDS
        return 'takes no events' in caplog.text

    until(said_after_the_quiet_time)
    outbox.close(0)
    until(lambda: outbox._drainer is None)
    assert 'takes events again' not in caplog.text and '1 events lost' in caplog.text


def test_ctrl_c_while_closing_still_counts_and_says_what_is_lost(
        make_outbox, monkeypatch, caplog):
    outbox = make_outbox(background=False)
    put(outbox, 1, 2)
    monkeypatch.setattr(outbox._wake, 'wait', _interrupt)
    with pytest.raises(KeyboardInterrupt):
        outbox.close(10)
    assert outbox.stats['dropped']['closed'] == 2 and balanced(outbox, 2)
    assert '2 events lost' in caplog.text


def _interrupt(seconds):
    raise KeyboardInterrupt


def test_after_closing_an_event_opens_the_way_again(make_outbox, open_sink, push):
    sink, outbox = open_sink(push), make_outbox()
    outbox.close(0)
    put(outbox, 1)
    assert sink.bodies(1) == [1]
