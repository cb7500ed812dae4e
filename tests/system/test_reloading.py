"""SIGHUP takes over all of a changed configuration or nothing of it."""
import signal

import pytest

from plain_clients import Push, Subscriber
from stream_client import StreamClient
from waiting import until


@pytest.fixture
def configured(start_relay, folder):
    config = folder / "relay.toml"
    config.write_text('[stream]\nsubscribers_max = 5\n[log]\nlevel = "info"\n')
    relay = start_relay(config=config)
    relay.config = config
    return relay


def reloads(relay, outcome):
    return relay.metric("xylem_configuration_reloads_total", outcome=outcome)


def hangup(relay, text):
    relay.config.write_text(text)
    relay.signal(signal.SIGHUP)


def test_a_reloadable_option_changes_for_subscribers_that_come_next(configured, context):
    before = StreamClient(context, configured.stream).open()
    hangup(configured, '[stream]\nsubscribers_max = 5\nheartbeat = "1500ms"\n'
                       'credit_bytes_max = "1MiB"\n')
    until(lambda: reloads(configured, "done") == 1, "the reload is counted")
    after = StreamClient(context, configured.stream).open(credit=0)
    assert (before.heartbeatMs, after.heartbeatMs) == (5000, 1500)
    assert (before.creditBytesMax, after.creditBytesMax) == (64 << 20, 1 << 20)
    assert configured.log_lines("configuration reloaded")


def test_the_log_level_can_be_changed(configured, context):
    hangup(configured, '[stream]\nsubscribers_max = 5\n[log]\nlevel = "error"\n')
    until(lambda: reloads(configured, "done") == 1, "the reload is counted")
    client = StreamClient(context, configured.stream)
    client.open(name="unheard-of")
    configured.await_subscriber("unheard-of")
    assert not configured.log_lines("unheard-of")


@pytest.mark.parametrize("text, sentence", [
    ('[stream]\nsubscribers_max = 6\nheartbeat = "1s"\n', "stream.subscribers_max cannot change"),
    ('[stream]\nsubscribers_max = 5\nheartbeat = "1s"\n[push]\nreceive_hwm = 7\n',
     "push.receive_hwm cannot change"),
    ('[stream]\nheartbeat = "1s"\nsubscribers_max = "many"\n', "relay.toml:3: "),
    ('[stream]\nheartbeat = "1s"\nno_such = 1\n', "'stream.no_such' is not an option"),
    ('[stream\nheartbeat = "1s"', "relay.toml:"),
    ('\xff\xfe', "relay.toml"),
], ids=["fixed", "fixed-beside-another", "wrong", "unknown", "broken", "binary"])
def test_a_refused_reload_changes_nothing_and_is_counted(configured, context, text, sentence):
    hangup(configured, text)
    until(lambda: configured.log_lines("reload refused"), "it says that it refuses")
    assert sentence in configured.log()
    until(lambda: reloads(configured, "refused") == 1, "the refusal is counted", 2)
    assert reloads(configured, "done") == 0
    assert StreamClient(context, configured.stream).open().heartbeatMs == 5000
    assert configured.get("/readyz")[0] == 200


def test_a_file_that_is_gone_is_refused_and_named(configured):
    configured.config.unlink()
    configured.signal(signal.SIGHUP)
    until(lambda: configured.log_lines("cannot be read"), "it says that it refuses")
    until(lambda: reloads(configured, "refused") == 1, "the refusal is counted", 2)


def test_many_sighups_at_once_are_harmless(configured, context):
    subscriber, push = Subscriber(context, configured), Push(context, configured.push)
    for number in range(100):
        configured.signal(signal.SIGHUP)
        push.event("task-sent", n=number)
    assert len(subscriber.receive(100)) == 100
    until(lambda: reloads(configured, "done") >= 1, "at least one was done")
