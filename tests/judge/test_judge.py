"""The rules of judgement, each on a little history."""

from __future__ import annotations

import msgspec
import pytest

from chaoskit.experiment.conditions import parse
from chaoskit.history.reader import Observations
from chaoskit.judge import gate, judge, recovered
from chaoskit.judge.exits import exit_code, worst
from chaoskit.judge.measures import FUNCTIONS
from chaoskit.judge.ranges import Ranges
from chaoskit.measures import MEASURES
from chaoskit.records import Call, Connection, Effect, TargetEvent, Touched
from tests.judge.build import (
    DOWN,
    LATENCY,
    evidence,
    experiment,
    healthy,
    history,
    lookup,
    request,
    requests,
)

GOOD = "success_rate >= 99% during outage"


def test_every_measure_has_its_function_and_no_other() -> None:
    """The table and the judge's functions are the same set."""
    assert set(FUNCTIONS) == set(MEASURES)


def test_all_well_passes() -> None:
    """Evidence, a sound instrument, every SLO's interval on the good side."""
    verdict = judge(history(healthy(), evidence()), experiment(GOOD))
    assert verdict.word == "passed"
    (slo,) = verdict.slos
    assert (slo.value, slo.samples, slo.confidence) == (1.0, 500, 0.95)
    assert slo.low is not None
    assert slo.low > 0.99


def test_a_broken_slo_fails_and_the_reason_has_the_numbers() -> None:
    """Value, interval, objective."""
    verdict = judge(history(healthy(bad=100), evidence()), experiment(GOOD))
    assert verdict.word == "failed"
    assert "success_rate was 80 %" in verdict.reasons[0]
    assert ">= 99 %" in verdict.reasons[0]


def test_a_fault_without_evidence_is_inconclusive_even_where_an_slo_is_broken() -> None:
    """A failure cannot be laid to a fault that touched nothing."""
    for rows in (healthy(), healthy(bad=300)):
        verdict = judge(history(rows), experiment(GOOD))
        assert verdict.word == "inconclusive"
        assert "not exercised" in verdict.reasons[0]


def test_evidence_outside_the_faults_time_does_not_count() -> None:
    """Before its injection and after its undo it proves nothing."""
    verdict = judge(history(healthy(), [lookup(9.9), lookup(20.1)]), experiment(GOOD))
    assert verdict.faults[0].evidence == 0


def test_a_baseline_that_does_not_hold_is_void_whatever_comes_after() -> None:
    """The gate goes first, by point value."""
    rows = [*requests(0, 10, bad=6), *requests(10, 20), *requests(20, 30)]
    verdict = judge(history(rows, evidence()), experiment(GOOD))
    assert verdict.word == "void"
    assert gate(history(rows), experiment())[0].value == pytest.approx(1 - 6 / 500)
    exactly = [*requests(0, 10, bad=5), *requests(10, 20), *requests(20, 30)]
    assert judge(history(exactly, evidence()), experiment(GOOD)).word == "passed"


def test_no_data_is_no_pass() -> None:
    """A phase that was never played has no samples: undecided, and said so."""
    empty = Observations(phase_events=history().phase_events[:2], requests=tuple(requests(0, 10)))  # type: ignore[arg-type]
    verdict = judge(empty, experiment(GOOD, fault=None))
    assert verdict.word == "inconclusive"
    assert "nothing was measured" in verdict.reasons[0]


def test_a_file_that_judges_nothing_cannot_pass() -> None:
    """One phase and no SLO: nothing gates and nothing is asked, so all requests may fail unseen."""
    spec = experiment(fault=None)
    alone = msgspec.structs.replace(spec, phases=spec.phases[:1])
    verdict = judge(history(requests(0, 10, bad=500), fault=None), alone)
    assert verdict.word == "inconclusive"
    assert "nothing was judged" in verdict.reasons[0]


def test_too_few_samples_are_inconclusive_and_the_needed_number_is_told() -> None:
    """500 of 500 do not settle 99.9 %; 3,838 would."""
    verdict = judge(history(healthy(), evidence()), experiment("success_rate >= 99.9% during outage"))
    assert verdict.word == "inconclusive"
    assert "3,838" in verdict.reasons[0]


def test_a_late_generator_is_inconclusive() -> None:
    """More than 1 % of a phase's sends over 50 ms late: the numbers are not the target's."""
    verdict = judge(history(healthy(late=0.06, latency=0.1), evidence()), experiment(GOOD))
    assert verdict.word == "inconclusive"
    assert "late" in verdict.reasons[0]


def test_a_generator_that_did_not_send_is_inconclusive() -> None:
    """Half of the samples missing is not half a pass."""
    rows = [*requests(0, 10), *requests(10, 20)[::2], *requests(20, 30)]
    verdict = judge(history(rows, evidence()), experiment(GOOD))
    assert verdict.word == "inconclusive"
    assert "of 500 requests due" in verdict.reasons[0]


def test_fast_failures_do_not_pass_a_percentile() -> None:
    """A failed request is slower than any bound."""
    slo = "latency p99 <= 1s during outage"
    assert judge(history(healthy(bad=50, latency=0.001), evidence()), experiment(slo)).word == "failed"
    assert judge(history(healthy(latency=0.001), evidence()), experiment(slo)).word == "passed"


def test_a_bound_relative_to_the_baseline() -> None:
    """2x of the baseline's point value; without a baseline value it means nothing."""
    slo = "latency p50 <= 2x baseline during outage"
    assert judge(history(healthy(latency=0.015), evidence()), experiment(slo)).word == "passed"
    assert judge(history(healthy(latency=0.05), evidence()), experiment(slo)).word == "failed"


def test_a_request_in_flight_at_the_injection_belongs_to_the_fault() -> None:
    """Due before, ended after: the fault's phase has it."""
    ranges = Ranges(history(), experiment())
    assert ranges.phase_of(request(0, 9.99, latency=0.5)) == "outage"
    assert ranges.phase_of(request(0, 9.5, latency=0.1)) == "baseline"
    assert ranges.phase_of(request(0, 19.9, latency=0.5)) == "outage"


def test_without_during_the_range_is_from_the_first_fault_to_the_end() -> None:
    """The baseline is not judged."""
    (slo,) = judge(history(healthy(bad=10), evidence()), experiment("success_rate >= 90%")).slos
    assert slo.samples == 1000


def test_without_faults_the_range_is_what_follows_the_baseline_and_no_evidence_is_asked() -> None:
    """A/A runs can pass."""
    verdict = judge(history(healthy(), fault=None), experiment("success_rate >= 99%", fault=None))
    assert (verdict.word, verdict.slos[0].samples) == ("passed", 1000)


# ---------------------------------------------------------------- evidence of other faults


def test_syns_are_the_evidence_of_net_down_and_delayed_bytes_of_latency() -> None:
    """Counted from the records of the injection point, not from what the client felt."""
    syn = Connection(12.0, "cache", 0, "syn", "", 4000, 0, 0)
    verdict = judge(history(healthy(), [syn], fault=DOWN), experiment(GOOD, fault=DOWN))
    assert (verdict.word, verdict.faults[0].evidence) == ("passed", 1)
    touched = [Touched(12.0, LATENCY.id, "cache", 7, 700), Touched(12.1, LATENCY.id, "cache", 1, 0)]
    verdict = judge(history(healthy(), touched, fault=LATENCY), experiment(GOOD, fault=LATENCY))
    assert (verdict.word, verdict.faults[0].evidence) == ("passed", 7)


# ---------------------------------------------------------------- amplification


def call(at: float, operation: str = "GetItem") -> Call:
    return Call(at, at + 0.01, "dynamodb", operation, "", 1, 200, "", 1)


def test_amplification_counts_each_try_once_where_it_ended() -> None:
    """Failed lookups (A only, repeats of one port and id are one), connections without a byte, and calls."""
    base = [call(t / 50) for t in range(500)]
    tries = [
        *[lookup(11 + i / 1000, i) for i in range(900)],
        *[lookup(11 + i / 1000, i) for i in range(900)],
        *[lookup(11 + i / 1000, i, qtype="AAAA") for i in range(900)],
        Connection(12, "dynamodb", 1, "opened", "", 41, 0, 0),
        Connection(13, "dynamodb", 1, "closed", "reset", 41, 500, 0),
        *[call(15 + i / 1000) for i in range(99)],
    ]
    (slo,) = judge(history(healthy(), base, tries), experiment("amplification of dynamodb <= 1.5 during outage")).slos
    assert slo.value == pytest.approx(2.0)
    assert (slo.verdict, slo.confidence) == ("failed", None)


def test_a_refused_connection_is_a_try_and_an_accepted_one_is_not() -> None:
    """A SYN whose port never became a connection was refused."""
    base = [call(t / 50) for t in range(500)]
    syns = [Connection(12 + i / 100, "dynamodb", 0, "syn", "", 1000 + i, 0, 0) for i in range(100)]
    accepted = [Connection(12 + i / 100, "dynamodb", i, "opened", "", 1000 + i, 0, 0) for i in range(50)]
    observed = history(healthy(), base, syns, accepted)
    (slo,) = judge(observed, experiment("amplification of dynamodb <= 1 during outage")).slos
    assert slo.value == pytest.approx(50 / 500)


# ---------------------------------------------------------------- effects


def effect(seq: int, state: str) -> Effect:
    return Effect("reads", seq, 12.0, 12.1 if state == "present" else None, 31.0, state, int(state == "present"))  # type: ignore[arg-type]


def test_lost_is_what_was_accepted_and_is_missing_at_the_last_check() -> None:
    """The last record of an effect counts; a failed request is never lost."""
    rows = [*requests(0, 10), *requests(10, 20, bad=490), *requests(20, 30, bad=500)]
    present = [effect(500 + i, "present") for i in range(500)]
    slo = "lost of reads == 0 during outage"
    assert judge(history(rows, present, evidence()), experiment(slo)).slos[0].value == 0
    gone = [*present, effect(999, "missing")]
    judged = judge(history(rows, gone, evidence()), experiment(slo)).slos[0]
    assert (judged.value, judged.verdict, judged.samples) == (1, "failed", 10)


def test_effects_that_could_not_be_checked_are_neither_lost_nor_there() -> None:
    """No data is no pass."""
    rows = [*requests(0, 10), *requests(10, 20, bad=499), *requests(20, 30)]
    judged = judge(history(rows, [effect(999, "unknown")], evidence()), experiment("lost of reads == 0 during outage"))
    assert judged.slos[0].verdict == "inconclusive"


# ---------------------------------------------------------------- recovery


def recovery(bad_seconds: int) -> list[object]:
    return [*requests(0, 10), *requests(10, 20, bad=500), *requests(20, 30, bad=bad_seconds * 50)]


@pytest.mark.parametrize("bad_seconds", [0, 2, 7])
def test_recovery_ends_at_the_first_of_three_steady_windows(bad_seconds: int) -> None:
    """Counted from the last undo, in windows of one second."""
    (slo,) = judge(history(recovery(bad_seconds), evidence()), experiment("time_to_recover <= 5s")).slos  # type: ignore[arg-type]
    assert slo.value == bad_seconds
    assert slo.verdict == ("passed" if bad_seconds <= 5 else "failed")


def test_never_is_a_failure() -> None:
    """Two steady windows before the end are not three."""
    verdict = judge(history(recovery(8), evidence()), experiment("time_to_recover <= 5s"))  # type: ignore[arg-type]
    assert verdict.word == "failed"
    assert "did not come back" in verdict.reasons[0]


def test_the_coordinator_is_told_of_recovery_only_when_all_requests_have_ended() -> None:
    """A window that lacks requests is not judged before their timeout."""
    observed = history(recovery(0))  # type: ignore[arg-type]
    spans = observed.phase_events[:5]  # recovery goes on
    going = Observations(requests=observed.requests, phase_events=spans, fault_events=observed.fault_events)
    assert recovered(going, experiment(), 20.0, 22.9) is None
    assert recovered(going, experiment(), 20.0, 23.1) == 0
    missing = tuple(r for r in observed.requests if not 21 <= r.due < 21.5)
    going = Observations(requests=missing, phase_events=spans, fault_events=observed.fault_events)
    assert recovered(going, experiment(), 20.0, 23.1) is None
    assert recovered(going, experiment(), 20.0, 24.5) == 0


def test_an_empty_window_is_not_steady() -> None:
    """Silence is not health."""
    rows = [*requests(0, 10), *requests(10, 20, bad=500), *requests(20, 21), *requests(23, 30)]
    (slo,) = judge(history(rows, evidence()), experiment("time_to_recover <= 9s")).slos
    assert slo.value == 3


def test_conditions_relative_to_the_baseline_take_part_in_recovery_not_in_the_gate() -> None:
    """`steady: latency p50 <= 2x baseline`."""
    steady = (parse("success_rate >= 99%"), parse("latency p50 <= 2x baseline"))
    rows = [*requests(0, 10), *requests(10, 20), *requests(20, 24, latency=0.1), *requests(24, 30)]
    spec = experiment("time_to_recover <= 9s", steady=steady)
    assert len(gate(history(rows), spec)) == 1
    assert judge(history(rows, evidence()), spec).slos[0].value == 4


def test_the_end_of_the_target_is_a_finding() -> None:
    """Told, whatever the verdict."""
    exited = [TargetEvent(12.5, "exited", "exit code 7")]
    verdict = judge(history(healthy(), evidence(), exited), experiment(GOOD))  # type: ignore[arg-type]
    assert any("exit code 7" in finding for finding in verdict.findings)


# ---------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    ("end", "expected", "code"),
    [
        ("passed", "passed", 0), ("failed", "failed", 0), ("inconclusive", "inconclusive", 0), ("void", "void", 0),
        ("failed", "passed", 1), ("passed", "failed", 1), ("inconclusive", "passed", 3), ("inconclusive", "failed", 3),
        ("void", "passed", 4), ("broken", "passed", 5), ("dirty", "passed", 6), ("stopped", "passed", 130),
    ],
)  # fmt: skip
def test_exit_code_of_one_run(end: str, expected: str, code: int) -> None:
    """Only the expected word meets the expectation."""
    assert exit_code(end, expected) == code


def test_exit_code_of_several_runs_is_the_worst() -> None:
    """dirty, stopped, broken, 1, void, inconclusive, 0."""
    order = [6, 130, 5, 1, 4, 3, 0]
    for index, code in enumerate(order):
        assert worst(order[index:]) == code
    assert worst([]) == 0
