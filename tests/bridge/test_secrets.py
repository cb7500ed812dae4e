"""TLS, passwords, and that nobody sees them."""
import os
import pathlib
import signal
import socket
import ssl
import threading

import pytest

import relay_process
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
    trouble(relay, "is signed by an unknown authority (Xylem test ca), none of amqp.ca_file")
    assert relay.metric("xylem_amqp_connections_total", bridge="source") == 0


def test_a_certificate_for_another_host_is_refused(start_bridge, broker, exchange, tls):
    relay = start_bridge({"amqp_source.exchange": exchange, **tls},
                         url=url_of(broker, "localhost"), ready=False)
    trouble(relay, "certificate (server) is not for localhost, only for IP:127.0.0.1")


def test_without_verification_both_are_taken_on_loopback(start_bridge, broker, exchange, tls):
    start_bridge({"amqp_source.exchange": exchange, **tls, "amqp.ca_file": "",
                  "amqp.verify": "false"}, url=url_of(broker, "localhost"))


def test_without_our_certificate_the_broker_refuses_us(start_bridge, broker, exchange, tls):
    relay = start_bridge({"amqp_source.exchange": exchange, "amqp.ca_file": tls["amqp.ca_file"]},
                         url=url_of(broker), ready=False)
    trouble(relay, "the broker wants a certificate of ours; set amqp.cert_file and amqp.key_file")
    assert relay.metric("xylem_amqp_connections_total", bridge="source") == 0


@pytest.mark.parametrize("certificate, says", [
    ("expired", "the broker's certificate (expired) expired at 20"),
    ("future", "the broker's certificate (future) is not valid before 20"),
    ("named", "the broker's certificate (named) is not for 127.0.0.1, only for DNS:127.0.0.1"),
    ("other", "the broker's certificate (Xylem test other) is signed by itself"),
    (None, "what listens there speaks no TLS")])
def test_what_is_wrong_with_a_certificate_is_said(start_bridge, exchange, tls, certificates,
                                                  certificate, says):
    with Listener(certificate and certificates / certificate) as listener:
        relay = start_bridge({"amqp_source.exchange": exchange, **tls}, ready=False,
                             url=f"amqps://127.0.0.1:{listener.port}")
        trouble(relay, says)


def test_each_way_to_fail_names_its_cause(start_bridge, broker, exchange, certificates):
    with Listener(None, answer=b"HTTP/1.1 400 Bad Request\r\n\r\n") as no_broker, \
            Listener(None, answer=None) as silent:
        for url, says in (
                ("amqp://127.0.0.1:1", "127.0.0.1:1: Connection refused"),
                (f"amqp://127.0.0.1:{no_broker.port}", "speaks no AMQP 0-9-1"),
                (f"amqp://127.0.0.1:{broker.tls_port}", "only through TLS (amqps://)"),
                (f"amqp://127.0.0.1:{silent.port}?connection_timeout=200",
                 "the broker did not answer in time"),
                ("amqp://no-such-host.invalid", "cannot look no-such-host.invalid up"),
                (f"amqp://127.0.0.1:{broker.port}/nowhere", "vhost nowhere not found")):
            relay = start_bridge({"amqp_source.exchange": exchange}, ready=False, url=url,
                                 options=["--insecure"])
            trouble(relay, says)
            assert relay.get("/healthz")[0] == 200
            relay.stop()


class Listener:
    """Takes connections on `port`, and is a broker to nobody: speaks TLS with this certificate, or
    gives `answer` to whatever comes, or says nothing (None)."""

    def __init__(self, certificate, answer=b"HTTP/1.1 400 Bad Request\r\n\r\n"):
        self._answer, self._open, self._context = answer, [], None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(f"{certificate}.pem", f"{certificate}-key.pem")
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def _run(self):
        while True:
            try:
                one, _ = self._socket.accept()
                self._open.append(one)
                if self._context:
                    self._context.wrap_socket(one, server_side=True)
                elif self._answer:
                    one.recv(8)
                    one.sendall(self._answer)
            except ssl.SSLError:
                pass
            except OSError:
                if self._socket.fileno() < 0:
                    return

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for one in self._open:
            one.close()


@pytest.mark.parametrize("url", ["pyamqp://guest:guest@127.0.0.1:{}//",
                                 "amqp://guest:guest@127.0.0.1:{}/%2F?heartbeat=30\n",
                                 "amqp://127.0.0.1:{}?heartbeat=10&channel_max=3"])
def test_urls_are_taken_as_celerys_and_rabbitmqs_users_have_them(start_bridge, broker, client,
                                                                exchange, url):
    relay = start_bridge({"amqp_source.exchange": exchange}, url=url.format(broker.port))
    client.publish(exchange, "task.sent", task(1))
    until(lambda: relay.accepted() == 1, "it comes")


def test_a_url_that_is_none_says_which_part_is_wrong():
    for url, says in (("http://me:hidden@localhost", "its scheme 'http' is none of"),
                      ("amqp://me:hid/den@localhost", "its port is no number"),
                      ("amqp://localhost?ssl=1", "its parameter 'ssl' is not one")):
        done = xylem("check", env=clean_environment(XYLEM_AMQP_URL=url))
        assert done.returncode == 78 and says in done.stderr, done.stderr
        assert "hid" not in done.stderr


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


def test_a_new_password_is_taken_over_by_a_reload(start_bridge, broker, client, exchange, user,
                                                  folder):
    secret = folder / "password"
    secret.write_text(PASSWORD)
    relay = start_bridge({"amqp_source.exchange": exchange, "amqp.password_file": secret},
                         url=f"amqp://{user}@127.0.0.1:{broker.port}//")
    broker.ctl("change_password", user, "another")
    broker.ctl("close_all_user_connections", user, "an operator")
    trouble(relay, "403 ACCESS_REFUSED")
    secret.write_text("another\n\n")
    relay.signal(signal.SIGHUP)
    await_ready(relay)
    assert relay.log_lines("the new password is for the next login")
    client.publish(exchange, "task.sent", task(1))
    until(lambda: relay.accepted() == 1, "it comes")


@pytest.mark.skipif(os.geteuid() != 0, reason="takes a resolv.conf of the test's own")
def test_a_name_server_that_does_not_answer_ends_no_relay(start_bridge, exchange, folder,
                                                          monkeypatch):
    """It is bound, and reads nothing; by resolv.conf the system would wait for minutes."""
    resolv = folder / "resolv.conf"
    resolv.write_text("nameserver 127.77.0.1\noptions timeout:30 attempts:5\n")
    wrapper = folder / "xylem"
    wrapper.write_text(f"""#!/bin/sh
exec unshare -m sh -c 'mount --bind {resolv} /etc/resolv.conf && exec {relay_process.XYLEM} "$@"' \\
    sh "$@"
""")
    wrapper.chmod(0o755)
    monkeypatch.setattr(relay_process, "XYLEM", str(wrapper))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.77.0.1", 53))
        relay = start_bridge({"amqp_source.exchange": exchange, "amqp_sink.exchange": "other"},
                             ready=False, url="amqp://rabbit.example", options=["--insecure"])
        trouble(relay, "cannot look rabbit.example up: no name server has answered for 4 s")
        status, page = relay.get("/healthz")
        assert status == 200 and "amqp" not in page
        relay.stop()


def test_a_password_on_the_command_line_is_refused():
    for command in (["check", "--set", "amqp.url=amqp://me:hidden@localhost"],
                    ["control", "heartbeat", "--connect", "amqp://me:hidden@localhost"]):
        done = xylem(*command, env=clean_environment())
        assert done.returncode in (2, 78)
        assert "everybody" in done.stderr and "hidden" not in done.stderr
    shown = xylem("check", "--show",
                  env=clean_environment(XYLEM_AMQP_URL="amqp://me:hidden@localhost"))
    assert 'amqp.url = "amqp://me:***@localhost"' in shown.stdout
