"""Subscribers that come and go, politely or by SIGKILL."""
import signal

import zmq

from backpressure import NARROW, fill
from plain_clients import Push
from stream_client import StreamClient
from waiting import until


def test_a_killed_subscriber_is_retired_and_what_was_held_for_it_is_dropped(
        start_relay, start_dump, context):
    relay = start_relay({"stream.idle_timeout": "3s", "stream.heartbeat": "500ms"})
    victim = start_dump(relay, "victim")
    push = Push(context, relay.push)
    victim.pause()
    count = push.lists(1000, padding=400)
    relay.await_accepted(count)
    held = relay.metrics().ledger("stream", "victim")[4]
    assert held > 0
    victim.process.send_signal(signal.SIGKILL)
    until(lambda: ("stream", "victim") not in relay.taps(), "its tap is retired")
    accepted, delivered, filtered, dropped, still_held = relay.metrics().ledger("stream", "victim")
    assert (accepted, filtered, still_held) == (count, 0, 0)
    assert dropped == relay.metric("xylem_tap_dropped_events_total", tap="victim",
                                   reason="disconnected") == held
    until(lambda: relay.metric("xylem_stream_subscribers") == 0, "it is not counted any more", 2)


def test_a_killed_block_subscriber_does_not_stall_the_senders_for_long(
        start_relay, start_dump, context):
    relay = start_relay(NARROW)
    victim = start_dump(relay, "victim", "--overflow", "block")
    victim.pause()
    push = Push(context, relay.push, hwm=10)
    fill(push)
    victim.process.send_signal(signal.SIGKILL)
    until(lambda: push.socket.poll(0, zmq.POLLOUT), "the senders go on", 5)
    until(lambda: ("stream", "victim") not in relay.taps(), "its tap is retired", 5)
    push.event("after-the-kill")


def test_a_killed_subscriber_with_credit_is_noticed_by_the_next_events(
        relay, start_dump, context):
    victim = start_dump(relay, "victim")
    victim.process.send_signal(signal.SIGKILL)
    victim.process.wait()
    push = Push(context, relay.push)

    def noticed():
        push.event("task-sent")
        return ("stream", "victim") not in relay.taps()
    until(noticed, "its tap is retired")
    relay.check_ledger()


def test_a_subscriber_that_says_bye_is_retired_at_once(relay, stream, push):
    client = stream()
    client.open(name="polite", credit=0)
    push.event("task-sent")
    relay.await_accepted(1)
    client.leave()
    until(lambda: ("stream", "polite") not in relay.taps(), "its tap is retired", 2)
    assert relay.metrics().ledger("stream", "polite") == (1, 0, 0, 1, 0)


def test_two_hundred_subscribers_come_and_go_while_events_flow(relay, context, subscribe, push):
    faithful, first = subscribe("task."), StreamClient(context, relay.stream)
    first.open("task.#", name="faithful")
    visitors = []
    for number in range(200):
        visitor = StreamClient(context, relay.stream)
        visitor.open("task.#", "worker.*", name=f"visitor-{number}")
        visitors.append(visitor)
        push.list([{"type": "task-sent", "n": number * 10 + i} for i in range(10)])
        if number % 3 == 0:
            gone = visitors.pop(0)
            if number % 2:
                gone.leave()
            gone.close()
    for visitor in visitors:
        visitor.close()
    assert [sequence for sequence, _, _ in first.events(2000)] == list(range(1, 2001))
    assert len(faithful.receive(2000)) == 2000

    def only_the_faithful_is_left():
        push.event("task-sent")
        return relay.metric("xylem_stream_subscribers") == 1
    until(only_the_faithful_is_left, "the others are retired")
    now = relay.metrics()
    assert not now.unbalanced() and ("stream", "(others)") in now.taps()
    assert [tap for sink, tap in relay.taps() if sink == "stream"] == ["faithful"]


def test_two_hundred_plain_subscribers_come_and_go_while_events_flow(
        relay, context, subscribe, push):
    faithful = subscribe("task.")
    before = relay.metric("xylem_publish_subscriptions")
    for number in range(200):
        visitor = context.socket(zmq.SUB)
        visitor.connect(relay.publish)
        visitor.setsockopt(zmq.SUBSCRIBE, b"task.s%d" % number)
        visitor.setsockopt(zmq.SUBSCRIBE, b"")
        push.event("task-sent", n=number)
        visitor.close(linger=0)
    assert len(faithful.receive(200)) == 200
    until(lambda: relay.metric("xylem_publish_subscriptions") == before, "their prefixes are gone")


def test_more_subscribers_than_the_metrics_show_are_summed(relay, context, push):
    clients = [StreamClient(context, relay.stream) for _ in range(100)]
    for number, client in enumerate(clients):
        client.open(name=f"sub-{number}")
    push.list([{"type": "a"}, {"type": "b"}])
    for client in clients:
        client.events(2)
    taps = [tap for sink, tap in relay.metrics().taps() if sink == "stream"]
    assert "(others)" in taps and len(taps) <= 66
    assert sum(relay.metrics().ledger("stream", tap)[1] for tap in taps) == 200
    relay.check_ledger()


# A reset of a counter is what Prometheus makes of any fall: all that was counted, counted again.
def test_no_counter_falls_while_subscribers_of_one_name_and_of_many_come_and_go(
        relay, context, push):
    last = {}

    def scrape():
        now = {(name, *labels.items()): value for name, labels, value in relay.metrics().samples
               if name.endswith("_total")}
        fell = {series: (before, now[series]) for series, before in last.items()
                if now.get(series, before) < before}
        assert not fell
        last.update(now)

    monitors = []
    for number in range(240):
        monitors.append(StreamClient(context, relay.stream))
        monitors[-1].open(name="flower" if number % 3 else f"dump-{number}")
        push.list([{"type": "task-sent"}] * 10)
        if number % 2:
            gone = monitors.pop(number % len(monitors))
            gone.leave()
            gone.close()
        if number % 10 == 0:
            scrape()
    relay.await_accepted(2400)
    scrape()
    now = relay.metrics()
    assert ("stream", "(others)") in now.taps()
    delivered, dropped, held = (now.sum(f"xylem_sink_{what}", sink="stream") for what in (
        "delivered_events_total", "dropped_events_total", "held_events"))
    assert now.sum("xylem_sink_accepted_events_total", sink="stream") == delivered + dropped + held
    for monitor in monitors:
        monitor.close()


def test_one_that_dies_after_it_was_told_to_leave_does_not_hold_up_the_stop(relay, context):
    client = StreamClient(context, relay.stream)
    client.open(name="dying")
    Push(context, relay.push).event("task-sent")
    client.events(1)
    relay.signal(signal.SIGTERM)
    assert client.bye()[0] == "closing"
    client.close()
    relay.wait(seconds=5)
