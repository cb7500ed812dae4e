"""Words and names that the tree does without."""

import re

import tree

LEFT_TO_DO = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
SLEEPS = re.compile(r"\bsleep_for\b|\bsleep_until\b|\busleep\b|\btime\.sleep\b")
# The one place that asks again and again until a deadline, about a process that cannot ring.
MAY_SLEEP = ("tests/system/waiting.py",)
DRAWERS = {"util", "utils", "common", "helper", "helpers", "misc", "detail", "impl"}
MACROS = re.compile(r"XYLEM_(?:CHECK|LOG|TRY\w*)")
# What only one place may do, and which: threads, and asking the system for the time.
THREADS = re.compile(r"\bstd::j?thread\b(?!::)")
TIME = re.compile(r"\b(?:steady_clock|system_clock|high_resolution_clock)::now\b")


def problems(root):
    for path in tree.files(root):
        if path.parts[:2] == ("tests", "tidy"):
            continue  # the words must stand somewhere
        text = tree.text_of(root, path)
        code = tree.code_of(text) if path.suffix in tree.CPP else text
        yield from found(path, text, LEFT_TO_DO, "do it, or write down in docs/decisions why not")
        if path.parts[0] in ("relay", "tests") and path.as_posix() not in MAY_SLEEP:
            yield from found(path, code, SLEEPS, "nothing sleeps; wait for what is waited for")
        if path.suffix == ".h":
            yield from found(path, code, re.compile(r"\busing\s+namespace\b"),
                             "a header would do this to everyone")
        if path.parts[0] == "relay":
            yield from in_relay(path, text, code)
        yield from drawers(path)


def in_relay(path, text, code):
    for match in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", text, re.M):
        if not MACROS.fullmatch(match.group(1)):
            line = tree.line_at(text, match.start())
            yield f"{path}:{line}: macro {match.group(1)}; there are three"
    if path.parts[1] != "agent":
        yield from found(path, code, THREADS, "relay/agent alone starts threads")
    if path.as_posix() != "relay/base/clock.cc":
        yield from found(path, code, TIME, "time comes from a Clock")


def drawers(path):
    for part in (*path.parts[:-1], path.stem):
        for word in re.split(r"[_\-.]", part):
            if word.lower() in DRAWERS:
                yield f"{path}: '{word}' names no idea"


def found(path, text, pattern, why):
    for match in pattern.finditer(text):
        yield f"{path}:{tree.line_at(text, match.start())}: '{match.group()}': {why}"
