"""C++ is as clang-format leaves it."""

import shutil
import subprocess

import tree


class Skipped(Exception):
    """The tool is not here, so nothing is known."""


def problems(root):
    tool = shutil.which("clang-format")
    if tool is None:
        raise Skipped("clang-format is not installed; formatting was NOT checked")
    paths = [str(path) for path in tree.files(root, ("relay", "tests", "bench"), tree.CPP)]
    for first in range(0, len(paths), 50):
        command = [tool, "--dry-run", "-Werror", "--ferror-limit=1", *paths[first:first + 50]]
        said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        for line in said.stderr.splitlines():
            if "error:" in line:
                yield line
