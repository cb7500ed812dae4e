"""Tasks as they change, as server-sent events, over real sockets."""
import json
import socket
import time
import urllib.parse

import pytest

from waiting import until

VIEWERS_MAX = 64


class Viewer:
    """Somebody who looks at /api/live, event by event."""

    def __init__(self, relay, query="", last=None, receive_bytes=None):
        place = urllib.parse.urlsplit(relay.http.replace("http://", "//"))
        self.socket = socket.socket()
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(15)
        self.socket.connect((place.hostname, place.port))
        resume = f"Last-Event-ID: {last}\r\n" if last else ""
        target = f"/api/live?q={urllib.parse.quote(query)}"
        self.socket.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{resume}\r\n".encode())
        self.rest = b""
        self.last = last
        self.header = self.until(b"\r\n\r\n").decode()

    def until(self, end):
        while end not in self.rest:
            some = self.socket.recv(65536)
            if not some:
                raise EOFError(self.rest)
            self.rest += some
        text, self.rest = self.rest.split(end, 1)
        return text

    def next(self):
        fields = dict(line.split(": ", 1) for line in self.until(b"\n\n").decode().splitlines())
        self.last = fields.get("id", self.last)
        return fields["event"], json.loads(fields["data"])

    def find(self, wanted):
        """The next event of this kind, whatever comes before."""
        while True:
            event, said = self.next()
            if event == wanted:
                return said

    def see(self, uuids):
        """Returns once all of these were shown, in a snapshot or a difference."""
        missing = set(uuids)
        while missing:
            event, said = self.next()
            if event in ("snap", "diff"):
                missing -= {task["uuid"] for task in said["tasks"]}

    def close(self):
        self.socket.close()


@pytest.fixture
def view(relay):
    viewers = []

    def look(*arguments, **options):
        viewers.append(Viewer(relay, *arguments, **options))
        return viewers[-1]

    yield look
    for viewer in viewers:
        viewer.close()


def start(push, uuid, kind="started", **fields):
    push.event(f"task-{kind}", uuid=uuid, hostname="celery@a", timestamp=time.time(), **fields)


def test_what_changes_is_shown(relay, push, view):
    start(push, "before")
    until(lambda: json.loads(relay.get("/api/v1/status")[1])["events"] == 1, "the state has it")
    viewer = view("state:STARTED")
    assert "200 OK" in viewer.header and "text/event-stream" in viewer.header
    assert viewer.next()[0] == "hello"
    assert [task["uuid"] for task in viewer.next()[1]["tasks"]] == ["before"]
    start(push, "after")
    assert viewer.find("diff")["tasks"][0]["uuid"] == "after"
    start(push, "after", "succeeded", runtime=1)
    assert viewer.find("diff")["gone"] == ["after"]
    assert viewer.find("stat")["shown"] == 2
    assert relay.metric("xylem_http_live_viewers") == 1


def test_who_comes_back_goes_on(relay, push, view):
    viewer = view()
    start(push, "one")
    viewer.see(["one"])
    viewer.close()
    start(push, "two")
    until(lambda: json.loads(relay.get("/api/v1/status")[1])["events"] == 2, "the state has it")
    again = view(last=viewer.last)
    assert again.next()[1]["resumed"] is True
    assert [task["uuid"] for task in again.find("diff")["tasks"]] == ["two"]


def test_many_viewers_keep_nobody_from_the_other_pages(relay, push, view):
    viewers = [view("" if n % 2 else f"uuid:*{n}") for n in range(VIEWERS_MAX)]
    assert "503" in view().header
    assert relay.metric("xylem_http_let_go_total", reason="viewers") == 1
    uuids = [f"t{n}" for n in range(500)]
    slowest = 0
    for number, uuid in enumerate(uuids):
        start(push, uuid, args="x" * 500)
        if number % 25 == 0:
            for page in ("/healthz", "/metrics"):
                begun = time.monotonic()
                assert relay.get(page)[0] == 200
                slowest = max(slowest, time.monotonic() - begun)
    for number, viewer in enumerate(viewers):
        viewer.see(uuids if number % 2 else [u for u in uuids if u.endswith(str(number))])
    assert slowest < 2, "even on a machine that does much else"
    for viewer in viewers:
        viewer.close()
    until(lambda: relay.metric("xylem_http_live_viewers") == 0, "their ends are found")


def test_a_viewer_who_does_not_read_costs_the_others_nothing(relay, push, view):
    deaf = view(receive_bytes=4096)
    viewer = view()
    sent = 0
    while relay.metric("xylem_http_let_go_total", reason="slow_answer") == 0:
        start(push, f"t{sent}", args="x" * 4000)
        viewer.see([f"t{sent}"])
        sent += 1
    assert relay.metric("xylem_http_live_viewers") == 1
    with pytest.raises((EOFError, ConnectionError)):
        while True:
            deaf.next()


def test_viewers_are_told_that_the_relay_stops(relay, view):
    viewer = view()
    viewer.find("snap")
    relay.stop()
    assert viewer.find("bye")["reason"] == "the relay stops"


def test_what_is_no_filter_is_told(relay, view):
    assert "400" in view("stat:x").header
    assert json.loads(relay.get("/api/live?q=stat:x")[1])["code"] == "bad_filter"


def test_without_a_state_there_is_nothing_to_see(start_relay):
    relay = start_relay({"state.enabled": "false"})
    assert json.loads(relay.get("/api/live")[1])["code"] == "state_is_off"
