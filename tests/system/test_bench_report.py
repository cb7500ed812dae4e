"""The page of a benchmark's results: whole, alone, and honest about what did not run."""
import html.parser
import json
import pathlib
import re
import subprocess
import sys

import pytest

REPORT = pathlib.Path(__file__).resolve().parents[2] / "bench" / "report.py"
CURVE = [[0.5, 90.0], [0.9, 140.0], [0.99, 250.0], [0.999, 900.0]]
FIGURES = {
    "S1": {"events_per_s": 3_210_000, "broker_cpu_s_per_million": 0.28, "broker_peak_mib": 31},
    "S4": {"latency_us": {"p50": 90, "p99": 250, "max": 2_000}, "latency_curve": CURVE},
    "S5": {"events_per_s": 900_000},
    "S6": {"events_per_s": 500_000, "lost": 0, "gapped": 77_000},
    "S7": {"broker_messages_per_s": 9_870, "broker_bytes_per_s": 4e6, "broker_cpu_share": 0.4},
    "S8": {"us_per_send": 5.1, "cpu_us_per_send": 5.0, "p99_us_per_send": 88},
    "S9": {"events_per_s": 36_000, "receiver_cpu_s_per_million": 27.5},
}
FIGURES["S2"] = FIGURES["S3"] = FIGURES["S1"]
VOID = {"br", "meta", "link", "img", "hr", "input"}


class Reader(html.parser.HTMLParser):
    """Checks that what opens closes, and keeps the text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.said = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said.append(data)

    @property
    def text(self):
        return " ".join(self.said)


def row(scenario, system, figures, **more):
    runs = [{key: value * factor if isinstance(value, (int, float)) else value
             for key, value in figures.items()} for factor in (0.9, 1, 1.2)] if figures else []
    return {"scenario": scenario, "system": system, "client": f"as {system} <{scenario}>",
            "group": None, "x": None, "skipped": None, "runs": runs,
            "command": f"./dev bench --only {scenario}:{system}", **more}


def made_up():
    rows = [row(name, system, figures) for name, figures in FIGURES.items() if name != "S5"
            for system in ("xylem", "nats")]
    rows += [row("S5", "xylem", FIGURES["S5"], group=group, x=x)
             for group in ("subscribers", "patterns", "event_bytes", "batch") for x in (1, 10)]
    rows += [dict(one, x=140) for one in rows if one["scenario"] == "S7"]
    rows.append(row("S1", "mosquitto", None, skipped="mosquitto & co are not installed"))
    return {
        "made": "2020-02-29T12:00:00", "commit": "abc1234", "quick": True, "seed": 7,
        "machine": {"cpu": "made up", "cores": 2, "kernel": "6", "memory_gib": 4},
        "peers": {"nats": {"version": "2.9", "settings": ["--plain <all>"], "skipped": None},
                  "mosquitto": {"version": None, "settings": [], "skipped": "no package"}},
        "rows": rows, "micro": {"ring_bench": [{"name": "hop/64", "real_time": 9.25,
                                                "time_unit": "ns"}]},
        "targets": [{"name": "faster than raw", "must": 3.0, "got": 3.2, "met": True, "how": "a"},
                    {"name": "soon enough", "must": 300, "got": 320, "met": False, "how": "b"},
                    {"name": "not tried", "must": 1, "got": None, "met": False, "how": "c"}]}


@pytest.fixture
def render(tmp_path):
    def run(results, *options):
        file, page = tmp_path / "results.json", tmp_path / "report.html"
        file.write_text(json.dumps(results))
        done = subprocess.run([sys.executable, "-B", REPORT, file, page, *options],
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return page.read_text(), done.stdout
    return run


def test_the_page_is_whole_and_loads_nothing(render):
    page, _ = render(made_up())
    Reader(page)
    assert not re.search(r"https?://|\bsrc=|@import|url\(", page)


def test_every_row_with_its_figure_and_command_is_on_the_page(render):
    results = made_up()
    page, _ = render(results)
    said = Reader(page).text
    for one in results["rows"]:
        assert one["client"] in said and one["command"] in said
    for figure in ("3,210,000", "36,000", "5.10", "77,000", "9.25", "--plain <all>", "abc1234"):
        assert figure in said


def test_what_did_not_run_says_why(render):
    said = Reader(render(made_up())[0]).text
    assert "mosquitto & co are not installed" in said and "no package" in said


def test_targets_say_must_got_and_met_in_words(render):
    said = Reader(render(made_up())[0]).text
    assert "1 of 3" in said and "✓ met" in said and "✗ missed" in said and "– not run" in said
    assert "≥ 3" in said and "≤ 300" in said


@pytest.mark.parametrize("results", [
    {}, {"rows": []}, {"rows": [{"scenario": "S1"}], "peers": {"redis": None}},
    {"rows": [row(name, "xylem", {}) for name in FIGURES], "targets": [{}]},
    {"rows": [row(name, "xylem", {"lost": 0}, x=1) for name in (*FIGURES, "S99")],
     "micro": {"x": [{}]}}])
def test_what_is_missing_is_called_not_run(render, results):
    page, table = render(results, "--table", "--scaling")
    assert "not run" in Reader(page).text
    assert table.startswith("| ")


def test_the_readmes_table_has_medians_with_their_spread(render):
    _, table = render(made_up(), "--table")
    assert "| 3,210,000 (2,890,000 to 3,850,000) |" in table and "not run" in table
    assert all(line.startswith("| ") for line in table.splitlines() if line)


def test_the_scaling_tables_follow_from_the_costs(render):
    rows = [row("S1", "xylem", {"events_per_s": 500_000, "broker_cpu_s_per_million": 2},
                client="plain PUSH to SUB"),
            row("S3", "xylem", {"events_per_s": 1e6, "broker_cpu_s_per_million": 1}),
            row("S7", "celery", {"broker_messages_per_s": 10_000, "broker_bytes_per_s": 5e6,
                                 "broker_cpu_share": 0.5}, x=140),
            row("S7", "xylem", {"broker_messages_per_s": 1_000, "broker_bytes_per_s": 3e5,
                                "broker_cpu_share": 0.05}, x=1_000, client="one monitor")]
    _, tables = render({"rows": rows}, "--scaling")
    # 1,000 workers: 500,500 messages/s of 50 µs and 500 bytes; 500 that wake for 100 µs.
    assert "| 1,000 | 500 | 500,000 | 250 MB/s | 25.0 | 0 | 1,000 | 0.051 |" in tables
    # 5,000 at 100: 2,500 / 500,000 + 500,000 / 1,000,000 of a relay.
    assert "| 50.5 % | 1 |" in tables
