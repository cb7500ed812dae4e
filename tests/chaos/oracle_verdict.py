"""What an Oracle says at the end, and why."""
import json

# The most of each figure that a verdict takes unless the test says otherwise; None is any.
LIMITS = {
    "lost": 0,                # promised, never delivered, and more than gaps explain
    "unexpected": 0,          # ids that nobody drew, or of a type that was not asked for
    "mismatched": 0,          # not the event of its id
    "out_of_order": 0,        # first came after a later id of its producer
    "skipped": 0,             # sequences passed over without a gap notice
    "impossible_gaps": 0,     # gaps that count more than they can hold
    "duplicates_within_epoch": None,
    "duplicates_across_epochs": None,
    "gap_events": None,
}
EXPLAINING = ("delivered", "not_delivered", "explained", "gap_events_unknown", "epochs")


class Verdict:
    """`figures` has every figure over all consumers, `consumers` those of each by its name."""

    def __init__(self, producers, consumers, limits, premises, is_fresh):
        self.figures = {"drawn": sum(each.drawn for each in producers),
                        "promised": sum(each.promised.count(1) for each in producers),
                        "fresh_event_passed": is_fresh}
        self.consumers = {each.name: self._figures_of(each, producers) for each in consumers}
        for name in (*LIMITS, *EXPLAINING):
            self.figures[name] = sum(of[name] for of in self.consumers.values())
        self.premises = [(what, self._now(value), least) for what, value, least in premises]
        self.failures = list(self._failures(limits))

    @property
    def ok(self):
        return not self.failures

    def check(self):
        assert self.ok, self.report()

    def report(self):
        lines = ["the oracle is content" if self.ok else "the oracle is NOT content"]
        lines += [f"  {failure}" for failure in self.failures]
        lines += [f"premise {what}: {value}, at least {least}"
                  for what, value, least in self.premises]
        lines.append(", ".join(f"{name} {self.figures[name]}"
                               for name in ("drawn", "promised", "fresh_event_passed")))
        for name, of in self.consumers.items():
            lines.append(f"consumer {name}: " + ", ".join(
                f"{figure} {value}" for figure, value in of.items() if figure != "samples"))
            lines += [f"  {figure}: {' '.join(shown)}"
                      for figure, shown in of["samples"].items() if shown]
        return "\n".join(lines)

    def as_json(self):
        return json.dumps({"ok": self.ok, "failures": self.failures, "figures": self.figures,
                           "premises": self.premises, "consumers": self.consumers})

    def _now(self, value):
        return value() if callable(value) else self.figures.get(value, value)

    @staticmethod
    def _figures_of(consumer, producers):
        missing, total = consumer.missing(producers)
        lost = max(0, total - consumer.gap_events - consumer.gap_events_unknown)
        found = {"lost": lost, "not_delivered": consumer.not_delivered(producers),
                 "explained": total - lost, "fresh_event_passed": consumer.fresh_passed,
                 "gap_notices": consumer.gap_notices}
        for name in (*LIMITS, *EXPLAINING):
            if name not in found:
                found[name] = getattr(consumer, name)
        found["samples"] = {**consumer.samples, "missing": missing}
        return found

    def _failures(self, limits):
        """An empty run must not pass, so what it did has to be shown."""
        for figure, most in limits.items():
            for name, of in self.consumers.items():
                if most is not None and of[figure] > most:
                    shown = of["samples"].get("missing" if figure == "lost" else figure, [])
                    yield (f"{figure} of consumer {name} is {of[figure]}, at most {most}: "
                           + " ".join(shown))
        for what, value, least in self.premises:
            if value < least:
                yield f"{what} is {value}, at least {least}: the run was not what it is to judge"
        if not self.consumers:
            yield "nobody consumed"
        if not self.figures["promised"]:
            yield "nothing was promised"
        if not self.premises:
            yield "no premise: nothing shows that there were faults"
        if not self.figures["fresh_event_passed"]:
            yield "no fresh event has reached every consumer"
