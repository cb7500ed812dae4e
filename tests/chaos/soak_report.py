"""The page that a soak leaves."""
import textwrap
from typing import NamedTuple

WARM_S = 900  # of a life: until its retention is full its memory grows as it should
MIB = 1 << 20


class Sample(NamedTuple):
    relay: str
    life: int
    at_s: float
    age_s: float
    resident_bytes: int
    descriptors: int
    spool_bytes: int
    drawn: int
    delivered: int


def slope_per_hour(lives):
    """Of lists of (seconds, value), each around its own mean, by least squares; None if there is
    too little."""
    height = width = 0.0
    for points in lives:
        mean_x = sum(x for x, _ in points) / len(points)
        mean_y = sum(y for _, y in points) / len(points)
        width += sum((x - mean_x) ** 2 for x, _ in points)
        height += sum((x - mean_x) * (y - mean_y) for x, y in points)
    return 3600 * height / width if sum(map(len, lives)) >= 12 and width else None


def of_relay(name, samples):
    own = [each for each in samples if each.relay == name]
    lives = {}
    for each in own:
        if each.age_s > WARM_S:
            lives.setdefault(each.life, []).append((each.at_s, each.resident_bytes / MIB))
    slope = slope_per_hour(list(lives.values()))
    return (f"| {name} | {min(e.resident_bytes for e in own) / MIB:.1f} | "
            f"{max(e.resident_bytes for e in own) / MIB:.1f} | "
            + (f"{slope:+.1f}" if slope is not None else "too short")
            + f" | {min(e.descriptors for e in own)} to {max(e.descriptors for e in own)} | "
            f"{max(e.spool_bytes for e in own) / MIB:.1f} |")


def of_fault(name, done):
    own = [each for each in done if each[0] == name]
    seconds = sorted(each[3] for each in own)
    return (f"| {name.replace('_', ' ')} | {len(own)} | {sum(each[2] for each in own)} | "
            f"{seconds[len(seconds) // 2]:.1f} | {seconds[-1]:.1f} |")


def rates(samples):
    first, last = samples[0], samples[-1]
    seconds = max(1e-9, last.at_s - first.at_s)
    return ((last.drawn - first.drawn) / seconds, (last.delivered - first.delivered) / seconds)


def report(options, seed, done, samples, verdict, resent, failure, findings):
    figures = verdict.figures
    drawn, delivered = rates(samples) if samples else (0, 0)
    lines = [
        "# Soak", "",
        textwrap.fill(
            f"`./dev soak --minutes {options.minutes:g} --rate {options.rate:g} --every "
            f"{options.every:g} --hostile {options.hostile:g} --seed {seed}`: four acked sources, "
            "two sidecars with spools, a central with a spool and a stream subscriber that "
            f"resumes. {drawn:.0f} events/s were "
            f"sent and {delivered:.0f}/s arrived. Relays are killed in the first half and live "
            "through the second.", 118, break_on_hyphens=False), "",
        "**" + ("Everything that was promised arrived." if verdict.ok and failure is None
                else "NOT as it must be.") + "**", "",
        "| promised | delivered | lost | unexpected | out of order | twice in an epoch | "
        "twice over epochs | frames sent again |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
        f"| {figures['promised']} | {figures['delivered']} | {figures['lost']} | "
        f"{figures['unexpected'] + figures['mismatched']} | {figures['out_of_order']} | "
        f"{figures['duplicates_within_epoch']} | {figures['duplicates_across_epochs']} | "
        f"{resent} |", "",
        "| fault | times | hits | recovery, median s | recovery, longest s |",
        "|---|---:|---:|---:|---:|"]
    lines += [of_fault(name, done) for name in sorted({each[0] for each in done})]
    lines += ["", "Recovery is from the end of the fault until every source is acknowledged more "
              "and the subscriber is up to date.", ""]
    if findings is not None:
        lines += [*findings.lines(), ""]
    lines += [
              "| relay | RSS least MiB | RSS most MiB | RSS slope MiB/h when warm | descriptors | "
              "spool most MiB |", "|---|---:|---:|---:|---:|---:|"]
    lines += [of_relay(name, samples) for name in sorted({each.relay for each in samples})]
    lines += ["", "Premise: " + "; ".join(
        f"{what} {value} (at least {least})" for what, value, least in verdict.premises) + "."]
    if not verdict.ok or failure:
        lines += ["", "```", verdict.report(), failure or "", "```"]
    return "\n".join(lines) + "\n"
