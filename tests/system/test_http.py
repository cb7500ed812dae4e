"""The pages that people and probes read."""
import http.client
import json
import shutil
import subprocess
import warnings

import pytest

from waiting import until


def test_metrics_are_what_prometheus_accepts(relay, push, stream, subscribe):
    if shutil.which("promtool") is None:
        warnings.warn("promtool is not installed: /metrics was NOT checked", stacklevel=1)
        pytest.skip("PROMTOOL IS MISSING (Debian: prometheus): /metrics was NOT checked")
    client = stream()
    client.open(name='odd "name" \\ é\n')
    subscriber = subscribe()
    push.event("task-sent")
    push.frames(b"bad")
    subscriber.receive(1)
    done = subprocess.run(["promtool", "check", "metrics"], input=relay.metrics().text, text=True,
                          capture_output=True, timeout=30)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_metrics_have_no_sample_twice_and_help_for_each(relay, push):
    push.event("task-sent")
    relay.await_accepted(1)
    lines = relay.metrics().text.splitlines()
    names = [line.rsplit(" ", 1)[0] for line in lines if not line.startswith("#")]
    assert len(names) == len(set(names)) > 40
    helped = {line.split()[2] for line in lines if line.startswith("# HELP")}
    typed = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert {name.split("{")[0] for name in names} == helped == typed


@pytest.mark.parametrize("page", ["/healthz", "/readyz"])
def test_probes_are_answered_with_their_checks(relay, page):
    status, body = relay.get(page)
    answer = json.loads(body)
    assert (status, answer["status"]) == (200, "ok")
    assert all(check["passed"] for check in answer["checks"])
    names = {check["name"] for check in answer["checks"]}
    assert "thread relay" in names
    assert ("data flows" in names) == (page == "/readyz")


def test_the_taps_page_says_who_receives_what(relay, push, stream):
    client = stream()
    client.open("worker.#", "task.*", name="one", overflow="block")
    push.event("task-sent")
    push.event("custom")
    client.events(1)
    until(lambda: relay.metrics().ledger("stream", "one") == (2, 1, 1, 0, 0), "both came by")
    status, body = relay.get("/api/taps")
    taps = {tap["name"]: tap for tap in json.loads(body)["taps"]}
    assert status == 200 and set(taps) == {"publish", "one", "state"}
    one = taps["one"]
    assert (one["sink"], one["filter"], one["overflow"]) == ("stream", "task.* worker.#", "block")
    assert one["ledger"] == {
        "accepted": 2, "delivered": 1, "filtered": 1, "held": 0, "balances": True,
        "dropped": dict.fromkeys(["overflow_oldest", "overflow_newest", "disconnected",
                                  "subscriber_full", "stopping", "spool_quota", "spool_damaged",
                                  "too_large", "stale", "unroutable", "invalid",
                                  "refused"], 0)}


@pytest.mark.parametrize("host, status", [
    ("evil.example", 403), ("evil.example:7680", 403), ("127.0.0.1.evil.example", 403),
    ("localhost.evil.example", 403), ("127.0.0.1@evil.example", 403), ("[::1].evil", 403),
    ("localhost", 200), ("localhost:7680", 200), ("127.0.0.1", 200), ("[::1]:7680", 200)])
@pytest.mark.parametrize("page", ["/metrics", "/api/taps", "/"])
def test_only_our_own_host_names_are_served(relay, host, status, page):
    assert relay.get(page, {"Host": host})[0] == status


@pytest.mark.parametrize("page", ["/nothing", "/metrics/", "/api", "/..%2f..%2fetc/passwd",
                                  "/../../../../etc/passwd"])
def test_other_pages_are_404(relay, page):
    status, body = relay.get(page)
    assert status == 404 and "root:" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_the_pages_are_read_only(relay, method):
    assert relay.get("/api/taps", method=method, body="x")[0] in (400, 404, 405)


def test_pages_are_safe_to_open_in_a_browser(relay):
    connection = http.client.HTTPConnection(relay.http.removeprefix("http://"), timeout=10)
    connection.request("GET", "/api/taps")
    answer = connection.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'"
    assert "access-control-allow-origin" not in headers
    assert headers["content-type"] == "application/json"


def test_scrapes_while_events_flow_always_balance(relay, push, stream):
    client = stream()
    client.open(name="one", credit=64 << 20)
    for number in range(100):
        push.lists(5, first=number * 120)
        now = relay.metrics()
        assert not now.unbalanced()
        assert now.sum("xylem_pipeline_events_total") <= 12_000
    client.events(12_000)


def test_without_work_the_threads_sleep(relay):

    def cycles():
        return relay.metric("xylem_agent_cycles_total")
    started, before = relay.metric("xylem_uptime_seconds"), cycles()
    until(lambda: relay.metric("xylem_uptime_seconds") > started + 1, "a second is over")
    assert cycles() - before < 200
    assert relay.metric("xylem_agent_missed_wakeups_total") == 0
