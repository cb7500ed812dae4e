#!/usr/bin/env python3
"""Makes one page of a benchmark's results: `python3 bench/report.py RESULTS.json REPORT.html`.

The page loads nothing from elsewhere. With `--table` the README's table is printed as Markdown too,
with `--scaling` the tables of docs/scaling.md; REPORT.html may then be left out.
"""

import argparse
import json
import pathlib
import sys

from reporting.markdown import table
from reporting.page import page
from reporting.results import Results
from reporting.scaling import scaling


def main():
    parser = argparse.ArgumentParser(prog='bench/report.py', description=__doc__.splitlines()[0])
    parser.add_argument('results', type=pathlib.Path, help='what bench/run.py wrote')
    parser.add_argument('report', type=pathlib.Path, nargs='?', help='the page to write')
    parser.add_argument('--table', action='store_true', help="print the README's table")
    parser.add_argument('--scaling', action='store_true', help='print docs/scaling.md’s tables')
    arguments = parser.parse_args()
    if not (arguments.report or arguments.table or arguments.scaling):
        parser.error('name the page to write, or --table, or --scaling')
    try:
        results = Results(json.loads(arguments.results.read_text('utf-8')))
    except (OSError, ValueError) as error:
        sys.exit(f'bench/report.py: {arguments.results}: {error}')
    if arguments.report:
        arguments.report.write_text(page(results), 'utf-8')
        print(f'the page: {arguments.report}', file=sys.stderr)
    if arguments.table:
        print(table(results))
    if arguments.scaling:
        print(scaling(results))


if __name__ == '__main__':
    main()
