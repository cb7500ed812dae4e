"""Every unit of relay/ has its test, or a line in untested.txt that says why not."""

from pathlib import Path

import tree

EXCUSES = Path("tests/tidy/untested.txt")


def problems(root):
    excused = dict(excuses(root))
    for path in tree.files(root, ("relay",), (".cc",)):
        test = Path("tests", *path.parts[1:-1], path.stem + "_test.cc")
        there = (Path(root) / test).is_file()
        if there and str(path) in excused:
            yield f"{EXCUSES}: {path} has a test now, {test}"
        if not there and str(path) not in excused:
            yield f"{path}: no {test}, and no reason in {EXCUSES}"
    for name, reason in excused.items():
        if not (Path(root) / name).is_file():
            yield f"{EXCUSES}: {name} is not there"
        if len(reason.split()) < 3:
            yield f"{EXCUSES}: {name} needs a reason"


def excuses(root):
    file = Path(root) / EXCUSES
    if not file.is_file():
        return
    for line in file.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, reason = line.partition(":")
            yield name.strip(), reason.strip()
