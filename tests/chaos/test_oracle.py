"""Each of the oracle's verdicts must be able to fail, and must say which event it is about."""
import json

import pytest

from oracle import Oracle
from waiting import seconds_of


class Run:
    """A run in which all is well: two producers, one consumer, a fresh event. A test spoils it."""

    def __init__(self, count=20, **options):
        self.oracle = Oracle(seed=3, **options)
        self.oracle.consumer("all")
        self.oracle.premise("resets", 1)
        self.ids = [self.oracle.draw(name) for _ in range(count) for name in ("p1", "p2")]
        for id in self.ids:
            self.oracle.promise(id)
        self.sequence = 0

    def deliver(self, *ids, epoch=1, **changed):
        for id in ids:
            self.sequence += 1
            key, body = self.oracle.message(id)
            event = {**json.loads(body), **changed}
            assert key.decode() == event["type"].replace("-", ".") or changed
            self.oracle.deliver("all", event, self.sequence, epoch)

    def end(self):
        self.deliver(self.oracle.draw("p1", fresh=True))
        return self.oracle.verdict()


def failures(verdict):
    assert not verdict.ok
    return "\n".join(verdict.failures)


def test_a_run_in_which_all_arrives_is_fine():
    run = Run()
    run.deliver(*run.ids)
    verdict = run.end()
    verdict.check()
    assert verdict.figures["promised"] == 40
    assert verdict.consumers["all"]["delivered"] == 41
    assert json.loads(verdict.as_json())["ok"] is True
    assert "content" in verdict.report() and "resets: 1" in verdict.report()


def test_a_promised_event_that_never_comes_is_lost_and_named():
    run = Run()
    run.deliver(*(id for id in run.ids if str(id) not in ("p1:5", "p2:7")))
    verdict = run.end()
    assert "lost of consumer all is 2, at most 0: p1:5 p2:7" in failures(verdict)
    assert run.oracle.outstanding() == 2 and not run.oracle.settled()
    with pytest.raises(AssertionError, match="p1:5"):
        verdict.check()


def test_an_event_that_was_never_promised_may_be_missing():
    run = Run()
    run.oracle.draw_many("p1", 3)
    run.deliver(*run.ids)
    verdict = run.end()
    verdict.check()
    assert verdict.figures["not_delivered"] == 3


def test_a_gap_explains_as_many_as_it_counts_and_no_more():
    run = Run()
    run.deliver(*run.ids[:10])
    run.oracle.gap("all", 11, 14, 4, "overflow", 1)
    run.sequence = 14
    run.deliver(*run.ids[14:])
    verdict = run.end()
    verdict.check()
    assert verdict.figures["explained"] == 4 and verdict.consumers["all"]["gap_notices"] == {
        "overflow": 1}
    run = Run()
    run.deliver(*run.ids[:10])
    run.oracle.gap("all", 11, 14, 4, "overflow", 1)
    run.sequence = 14
    run.deliver(*run.ids[15:])
    assert "lost of consumer all is 1" in failures(run.end())


def test_a_gap_of_unknown_size_explains_at_most_its_width():
    for width, lost in ((3, 2), (5, 0)):
        run = Run()
        run.deliver(*run.ids[5:])
        run.oracle.gap("all", 36, 35 + width, 0, "reconnect", 1)
        run.sequence = 35 + width
        assert run.end().figures["lost"] == lost


def test_a_gap_that_counts_more_than_it_can_hold_is_impossible():
    run = Run()
    run.deliver(*run.ids)
    run.oracle.gap("all", 41, 42, 3, "overflow", 1)
    run.sequence = 42
    assert "impossible_gaps of consumer all is 1, at most 0: 3 events" in failures(run.end())


def test_sequences_that_are_passed_over_in_silence_are_told_even_if_nothing_was_promised():
    run = Run()
    run.deliver(*run.ids)
    run.sequence += 2
    assert "skipped of consumer all is 2, at most 0: 41 to 42 of epoch 1" in failures(run.end())
    run = Run()
    run.deliver(*run.ids)
    run.sequence = 70
    run.deliver(run.oracle.draw("p1", fresh=True), epoch=2)  # a new life begins where it likes
    verdict = run.oracle.verdict()
    verdict.check()
    assert verdict.consumers["all"]["epochs"] == 2


def test_what_nobody_drew_is_unexpected():
    run = Run()
    run.deliver(*run.ids)
    for event in ({"producer": "p3", "n": 0}, {"producer": "p1", "n": 10**6}, {"type": "x"},
                  {"producer": ["p1"], "n": 0}, {"producer": "p1", "n": True},
                  {"producer": "p1", "n": -1}):
        run.sequence += 1
        run.oracle.deliver("all", event, run.sequence, 1)
    assert "unexpected of consumer all is 6" in failures(run.end())


@pytest.mark.parametrize("changed", [{"check": "0" * 16}, {"pad": "!"}, {"type": "task-failed"},
                                     {"more": 1}])
def test_an_event_that_is_not_that_of_its_id_is_a_mismatch_and_does_not_count(changed):
    run = Run()
    run.deliver(*run.ids[:-1])
    run.deliver(run.ids[-1], **changed)
    said = failures(run.end())
    assert "mismatched of consumer all is 1" in said and "lost of consumer all is 1" in said


def test_fields_that_a_client_adds_can_be_allowed():
    run = Run(exact=False)
    run.deliver(*run.ids, hostname="celery@w1")
    run.end().check()


def test_duplicates_are_told_apart_by_epoch_and_fail_only_beyond_a_limit():
    run = Run()
    run.deliver(*run.ids)
    run.deliver(run.ids[0], run.ids[1])
    run.deliver(run.ids[2], epoch=2)
    run.deliver(run.ids[2], epoch=2)
    run.deliver(run.oracle.draw("p1", fresh=True), epoch=2)
    verdict = run.oracle.verdict()
    verdict.check()
    assert verdict.figures["duplicates_within_epoch"] == 3
    assert verdict.figures["duplicates_across_epochs"] == 1
    run.oracle.limit("duplicates_across_epochs", 0)
    assert "duplicates_across_epochs of consumer all is 1, at most 0: p1:1" in failures(
        run.oracle.verdict())


def test_a_first_arrival_after_a_later_id_of_its_producer_is_out_of_order():
    run = Run()
    run.deliver(*run.ids[:10], run.ids[12], run.ids[11], run.ids[10], *run.ids[13:])
    verdict = run.end()
    assert "out_of_order of consumer all is 1, at most 0: p1:5" in failures(verdict)
    run = Run()
    run.deliver(*run.ids, *run.ids)  # what comes again is a duplicate and nothing else
    assert run.end().figures["out_of_order"] == 0


def test_a_limit_can_be_lifted():
    run = Run()
    run.deliver(*run.ids[1:])
    run.oracle.limit("lost", None)
    run.end().check()


def test_an_empty_run_does_not_pass():
    oracle = Oracle()
    said = failures(oracle.verdict())
    for reason in ("nobody consumed", "nothing was promised", "no premise", "no fresh event"):
        assert reason in said


def test_a_premise_that_does_not_hold_fails_the_run():
    run = Run()
    run.deliver(*run.ids)
    resets = []
    run.oracle.premise("resets of the storm", lambda: len(resets), least=2)
    run.oracle.premise("promised events", "promised", least=40)
    assert "resets of the storm is 0, at least 2" in failures(run.end())
    resets += [1, 2]
    run.oracle.verdict().check()
    run.oracle.premise("promised events", "promised", least=41)
    assert "promised events is 40, at least 41" in failures(run.oracle.verdict())


def test_without_a_fresh_event_that_passes_the_run_fails():
    run = Run()
    run.deliver(*run.ids)
    assert run.oracle.settled()
    fresh = run.oracle.draw("p2", fresh=True)
    assert not run.oracle.settled()
    assert "no fresh event" in failures(run.oracle.verdict())
    run.deliver(fresh)
    assert run.oracle.settled()
    run.oracle.verdict().check()


def test_each_consumer_is_owed_what_it_asked_for():
    oracle = Oracle(types=("task-sent", "task-failed", "worker-online"))
    oracle.consumer("all")
    oracle.consumer("some", types=("task-failed", "worker-online"))
    oracle.premise("resets", 1)
    ids = oracle.draw_many("p", 30)
    oracle.promise_range("p", 3, 20)
    oracle.promise_range("p", 0, 29)
    fresh = [oracle.draw("p", fresh=True) for _ in range(3)]
    for sequence, id in enumerate(ids + fresh):
        oracle.deliver("all", oracle.event(id), sequence, 1)
        if id.n % 3 and id.n not in (7, 8):  # its sequences have holes
            oracle.deliver("some", oracle.event(id), sequence, 1)
    said = failures(oracle.verdict())
    assert said == "lost of consumer some is 2, at most 0: p:7 p:8"
    assert oracle.outstanding() == 2
    oracle.deliver("some", oracle.event(ids[7]), 34, 1)
    oracle.deliver("some", oracle.event(ids[8]), 35, 1)
    assert oracle.settled()
    oracle.deliver("some", oracle.event(ids[0]), 36, 1)
    assert "unexpected of consumer some is 1" in failures(oracle.verdict())


def test_promises_that_are_repeated_or_come_after_the_event_count_once():
    run = Run()
    late = run.oracle.draw_many("p1", 4)
    run.deliver(*run.ids, *late)
    run.oracle.promise_range("p1", 0, late[-1].n)
    run.oracle.promise(late[0])
    assert run.oracle.outstanding() == 0
    verdict = run.end()
    verdict.check()
    assert verdict.figures["promised"] == 44
    with pytest.raises(AssertionError, match="never drawn"):
        run.oracle.promise_range("p1", 0, 10**6)


def test_millions_of_ids_cost_a_byte_and_a_moment():
    oracle = Oracle()
    oracle.consumer("all")
    oracle.premise("resets", 1)
    assert oracle.draw_range("p", 5_000_000) == (0, 4_999_999)
    oracle.promise_range("p", 0, 4_999_999)
    for n in range(0, 50_000):
        oracle.deliver("all", oracle.event(oracle.draw("q")), n, 1)
    seconds, verdict = seconds_of(oracle.verdict)
    assert verdict.figures["lost"] == 5_000_000
    assert verdict.consumers["all"]["samples"]["missing"][:2] == ["p:0", "p:1"]
    assert seconds < 5
