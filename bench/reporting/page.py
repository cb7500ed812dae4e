"""The whole page: head, targets, the scenarios, the micro benchmarks, and what it all ran on."""

import html
import math
import pathlib

from reporting.results import SYSTEMS, grouped, least_wanted, rounded
from reporting.sections import ABOUT, sections

STYLE = pathlib.Path(__file__).with_name('style.css')
# The marks of the targets' scale: how many times better or worse than wanted.
RATIO_MOST = 4


def page(results):
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<meta name="color-scheme" content="light dark"><title>Xylem: how fast</title>'
            f'<style>{STYLE.read_text("utf-8")}</style></head><body><main>{_head(results)}'
            f'{_targets(results)}{_legend(results)}{sections(results)}{_micro(results)}'
            f'{_setting(results)}</main></body></html>\n')


def _head(results):
    machine = results.machine
    parts = [results.made[:10], f'commit {results.commit}' if results.commit else '',
             f'{machine["cores"]} cores' if machine.get('cores') else '', machine.get('cpu') or '']
    rounds = results.rounds()
    quick = ('<p class="warning">A quick run: fewer events and rounds, so the figures are rough.'
             '</p>' if results.quick else '')
    links = ''.join(f'<a href="#{name}">{name} <span>{title}</span></a>'
                    for name, (title, _) in ABOUT.items())
    return (f'<header class="top"><h1>Xylem <span>measured</span></h1>'
            f'<p class="facts">{" · ".join(html.escape(str(part)) for part in parts if part)}</p>'
            f'<p class="lead">Everything runs on the same machine over loopback, side by side, in '
            f'{rounds or "no"} interleaved round{"" if rounds == 1 else "s"}. Bars and lines are '
            f'medians; whiskers reach from the least to the most.</p>{quick}'
            f'<nav>{links}</nav></header>')


def _targets(results):
    if not results.targets:
        return '<section id="targets"><h2>Targets</h2><p class="none">not run</p></section>'
    met = sum(bool(target.get('met')) for target in results.targets)
    unknown = sum(target.get('got') is None for target in results.targets)
    rows = ''.join(_target(target) for target in results.targets)
    left = f', {unknown} not run' if unknown else ''
    return (f'<section id="targets"><header><h2>Targets</h2><p class="score"><b>'
            f'{met} of {len(results.targets)}</b> met{left}</p></header>'
            f'<table class="targets"><thead><tr><th></th><th class="n">must</th>'
            f'<th class="n">got</th><th class="ratio"><span>missed</span><span>exceeded</span></th>'
            f'<th>met</th></tr></thead><tbody>{rows}</tbody></table></section>')


def _target(target):
    must, got, met = target.get('must'), target.get('got'), target.get('met')
    more = least_wanted(target)
    sign = '' if more is None else '≥ ' if more else '≤ '
    state = 'unknown' if got is None else 'met' if met else 'missed'
    word = {'unknown': '– not run', 'met': '✓ met', 'missed': '✗ missed'}[state]
    return (f'<tr class="{state}"><th>{html.escape(str(target.get("name", "")))}'
            f'<small>{html.escape(str(target.get("how") or ""))}</small></th>'
            f'<td class="n must">{sign}{rounded(must)}</td><td class="n got">{rounded(got)}</td>'
            f'<td class="ratio">{_ratio(must, got, more)}</td>'
            f'<td class="state"><span>{word}</span></td></tr>')


def _ratio(must, got, more):
    """A bar from the middle: to the right when better than wanted, on a logarithmic scale."""
    if not must or not got or must < 0 or got < 0:
        return '<span class="rail"></span>'
    times = 1 if more is None else got / must if more else must / got
    share = max(-1, min(1, math.log(times) / math.log(RATIO_MOST))) * 50
    left, width = (50, share) if share >= 0 else (50 + share, -share)
    text = f'{times:.2f}×' if times < 10 else f'{times:.0f}×'
    return (f'<span class="rail"><b style="left:{left:.1f}%;width:{width:.1f}%"></b></span>'
            f'<small>{text}</small>')


def _legend(results):
    names = [name for name in SYSTEMS if any(row.system == name for row in results.rows)]
    if not names:
        return ''
    return '<p class="legend">' + ''.join(
        f'<span class="who"><i class="dot of-{name}"></i>{SYSTEMS[name]}</span>'
        for name in names) + '</p>'


def _micro(results):
    body = ''
    for program, rows in results.micro.items():
        cells = ''
        for row in rows:
            if row.get('error_occurred') or row.get('run_type') == 'aggregate':
                continue
            items = row.get('items_per_second')
            each = 1e9 / items if items else _nanoseconds(row)
            cells += (f'<tr><td><code>{html.escape(str(row.get("name")))}</code></td>'
                      f'<td class="n">{grouped(each)}</td>'
                      f'<td>{"ns per item" if items else "ns per turn"}</td></tr>')
        body += (f'<div><h3>{html.escape(program)}</h3><table class="figures micro">{cells}'
                 f'</table></div>')
    body = f'<div class="charts">{body}</div>' if body else '<p class="none">not run</p>'
    return (f'<section id="micro"><header><h2>Micro benchmarks</h2><p class="question">What does '
            f'each step cost by itself?</p></header>{body}</section>')


def _nanoseconds(row):
    scale = {'ns': 1, 'us': 1e3, 'ms': 1e6, 's': 1e9}.get(row.get('time_unit'), 1)
    return row['real_time'] * scale if 'real_time' in row else None


def _setting(results):
    machine, rows = results.machine, ''
    facts = (('processor', machine.get('cpu')), ('cores', machine.get('cores')),
             ('kernel', machine.get('kernel')),
             ('memory', f'{machine["memory_gib"]:g} GiB' if machine.get('memory_gib') else None),
             ('made', results.made), ('commit', results.commit), ('seed', results.seed))
    said = ''.join(f'<tr><th>{name}</th><td>{html.escape(str(value))}</td></tr>'
                   for name, value in facts if value is not None and value != '')
    for name, peer in results.peers.items():
        peer = peer or {}
        settings = ''.join(f'<li><code>{html.escape(str(one))}</code></li>'
                           for one in peer.get('settings') or ())
        what = (f'<p class="none">not run: {html.escape(str(peer["skipped"]))}</p>'
                if peer.get('skipped') else f'<ul>{settings}</ul>')
        rows += (f'<tr><th><span class="who"><i class="dot of-{html.escape(name)}"></i>'
                 f'{html.escape(SYSTEMS.get(name, name))}'
                 f'<small>{html.escape(str(peer.get("version") or ""))}</small></span></th>'
                 f'<td>{what}</td></tr>')
    peers = f'<h3>Peers and their settings</h3><table class="peers">{rows}</table>' if rows else ''
    return (f'<section id="setting"><header><h2>What it ran on</h2></header>'
            f'<table class="facts">{said}</table>{peers}</section>')
