"""TLS, passwords, and that nobody sees them."""
import pathlib

import pytest

from conftest import await_ready
from events import task
from relay_process import clean_environment, xylem
from waiting import until

PASSWORD = "s3cret/with:all@signs"


@pytest.fixture
def tls(broker, certificates):
    return {"amqp.ca_file": certificates / "ca.pem", "amqp.cert_file": certificates / "client.pem",
            "amqp.key_file": certificates / "client-key.pem"}


def url_of(broker, host="127.0.0.1"):
    return f"amqps://guest:guest@{host}:{broker.tls_port}//"


def trouble(relay, words):
    until(lambda: words in relay.get("/readyz")[1],
          lambda: f"it says {words}: {relay.get('/readyz')[1]}")


def test_events_go_both_ways_over_tls(start_bridge, broker, client, exchange, tls):
    mailbox = client.listen(f"{exchange}.out")
    relay = start_bridge({"amqp_source.exchange": exchange, "amqp_sink.exchange":
                          f"{exchange}.out", **tls}, url=url_of(broker))
    for n in range(500):
        client.publish(exchange, "task.multi", [task(n, args="x" * 1000)])
    assert len(mailbox.await_events(500)) == 500
    assert f"amqps://guest@127.0.0.1:{broker.tls_port}/" in relay.log()


def test_a_broker_that_nobody_we_trust_knows_is_refused(start_bridge, broker, exchange, tls,
                                                        certificates):
    relay = start_bridge({"amqp_source.exchange": exchange, **tls,
                          "amqp.ca_file": certificates / "other.pem"},
                         url=url_of(broker), ready=False)
    trouble(relay, "nobody in amqp.ca_file has signed")
    assert relay.metric("xylem_amqp_connections_total", bridge="source") == 0


def test_a_certificate_for_another_host_is_refused(start_bridge, broker, exchange, tls):
    relay = start_bridge({"amqp_source.exchange": exchange, **tls},
                         url=url_of(broker, "localhost"), ready=False)
    trouble(relay, "for another hostname")


def test_without_verification_both_are_taken_on_loopback(start_bridge, broker, exchange, tls):
    start_bridge({"amqp_source.exchange": exchange, **tls, "amqp.ca_file": "",
                  "amqp.verify": "false"}, url=url_of(broker, "localhost"))


def test_without_our_certificate_the_broker_refuses_us(start_bridge, broker, exchange, tls):
    relay = start_bridge({"amqp_source.exchange": exchange, "amqp.ca_file": tls["amqp.ca_file"]},
                         url=url_of(broker), ready=False)
    until(lambda: relay.metric("xylem_amqp_failures_total", bridge="source") > 1, "it is refused")
    assert relay.metric("xylem_amqp_connections_total", bridge="source") == 0


@pytest.fixture
def user(broker):
    broker.ctl("add_user", "bridge", PASSWORD)
    broker.ctl("set_permissions", "bridge", ".*", ".*", ".*")
    yield "bridge"
    broker.ctl("delete_user", "bridge")


def test_a_password_from_a_file_is_seen_nowhere(start_bridge, broker, exchange, user, folder):
    secret = folder / "password"
    secret.write_text(PASSWORD + "\n")
    relay = start_bridge({"amqp_source.exchange": exchange, "amqp.password_file": secret},
                         url=f"amqp://{user}@127.0.0.1:{broker.port}//")
    command = pathlib.Path(f"/proc/{relay.process.pid}/cmdline").read_text()
    shown = xylem("check", "--show", "--set", f"amqp.password_file={secret}",
                  "--set", f"amqp.url=amqp://{user}@localhost")
    assert shown.returncode == 0, shown.stderr
    for seen in (command, relay.log(), relay.get("/readyz")[1], relay.metrics().text,
                 shown.stdout, shown.stderr):
        assert PASSWORD not in seen


def test_a_wrong_password_is_told_apart_and_not_shown(start_bridge, broker, exchange, user):
    relay = start_bridge({"amqp_source.exchange": exchange}, ready=False,
                         url=f"amqp://{user}:wrong-one@127.0.0.1:{broker.port}//")
    trouble(relay, "403 ACCESS_REFUSED")
    assert "wrong-one" not in relay.log() + relay.get("/readyz")[1]


def test_a_password_on_the_command_line_is_refused():
    for command in (["check", "--set", "amqp.url=amqp://me:hidden@localhost"],
                    ["control", "heartbeat", "--connect", "amqp://me:hidden@localhost"]):
        done = xylem(*command, env=clean_environment())
        assert done.returncode in (2, 78)
        assert "everybody" in done.stderr and "hidden" not in done.stderr
    shown = xylem("check", "--show",
                  env=clean_environment(XYLEM_AMQP_URL="amqp://me:hidden@localhost"))
    assert 'amqp.url = "amqp://me:***@localhost"' in shown.stdout
