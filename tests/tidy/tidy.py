"""Runs one check over the tree: tidy.py CHECK ROOT. Exit 0 fine, 1 problems, 77 skipped."""

import importlib
import sys

import formats


def main(check, root):
    try:
        problems = list(importlib.import_module(check).problems(root))
    except formats.Skipped as skipped:
        print(f"SKIPPED: {skipped}")
        return 77
    for problem in problems:
        print(problem)
    print(f"{check}: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
