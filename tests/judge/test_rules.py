"""More rules of judgement: what two readers would otherwise decide differently."""

from __future__ import annotations

import math

import msgspec
import pytest

from chaoskit.experiment.conditions import parse
from chaoskit.experiment.models import Phase, PlacedFault
from chaoskit.faults import DnsNodata
from chaoskit.history.reader import Observations, observations
from chaoskit.judge import gate, judge, recovered
from chaoskit.judge.ranges import Ranges
from chaoskit.records import Call, Connection, Effect, FaultEvent, PhaseEvent, Record, Request
from tests.judge.build import (
    DOWN,
    NODATA,
    evidence,
    experiment,
    healthy,
    history,
    injected,
    lookup,
    phases,
    request,
    requests,
)

GOOD = "success_rate >= 99% during outage"


def refused(rows: list[Record]) -> list[Record]:
    """As the load worker records requests to a target that is gone."""
    return [
        msgspec.structs.replace(row, outcome="failed", error="refused", status=None, first_byte=None)
        for row in rows
        if isinstance(row, Request)
    ]


# ---------------------------------------------------------------- the order of words


def test_the_gate_goes_before_everything() -> None:
    """Void even where the instrument is unsound, no fault has evidence and an SLO is broken."""
    rows = [*requests(0, 10, bad=100), *requests(10, 20, bad=400)[::2], *requests(20, 30)]
    assert judge(history(rows), experiment(GOOD)).word == "void"


def test_void_says_that_nothing_was_injected_only_where_it_is_so() -> None:
    """A run may be judged void afterwards, by requests that ended while the first fault was about to go in."""
    rows = [*requests(0, 10, bad=100), *requests(10, 20)]
    went_in = judge(history(rows), experiment(GOOD))
    did_not = judge(history(rows, fault=None), experiment(GOOD))
    assert (went_in.word, did_not.word) == ("void", "void")
    assert "nothing was injected" not in went_in.reasons[0]
    assert "nothing was injected" in did_not.reasons[0]


def test_an_empty_baseline_is_void() -> None:
    """No request, no steady state."""
    assert judge(history(requests(10, 20), fault=None), experiment(GOOD)).word == "void"


def test_failed_goes_before_undecided() -> None:
    """One SLO broken, another undecided: failed, and only the broken one is the reason."""
    slos = (GOOD, "success_rate >= 99.99% during recovery")
    verdict = judge(history(healthy(bad=200), evidence()), experiment(*slos))
    assert (verdict.word, [slo.verdict for slo in verdict.slos]) == ("failed", ["failed", "inconclusive"])
    assert len(verdict.reasons) == 1


def test_an_unsound_instrument_goes_before_a_broken_slo() -> None:
    """What the generator did not do is not the target's failure."""
    rows = [*requests(0, 10), *requests(10, 20, bad=100, late=0.2, latency=0.3), *requests(20, 30)]
    assert judge(history(rows, evidence()), experiment(GOOD)).word == "inconclusive"


def test_a_target_that_is_gone_is_no_unsound_instrument() -> None:
    """Refused at once is sent on time: the run has failed."""
    rows = [*requests(0, 10), *refused(requests(10, 30))]
    assert judge(history(rows, evidence()), experiment(GOOD)).word == "failed"


def test_one_percent_late_is_sound_and_more_is_not() -> None:
    """5 of a phase's 500, then 6."""
    for late, word in ((5, "passed"), (6, "inconclusive")):
        rows = [request(500 + i, 10 + i / 50, late=0.051 if i < late else 0.049, latency=0.1) for i in range(500)]
        observed = history([*requests(0, 10), *rows, *requests(20, 30)], evidence())
        assert judge(observed, experiment(GOOD)).word == word


def test_requests_that_an_injection_moves_do_not_make_the_instrument_unsound() -> None:
    """A slow target has 100 in flight at the injection: judged in the outage, sent in the baseline."""
    rows = [*requests(0, 10, latency=2.01), *requests(10, 30)]
    verdict = judge(history(rows, evidence()), experiment(GOOD))
    assert (verdict.word, verdict.slos[0].samples) == ("passed", 600)


# ---------------------------------------------------------------- requests and phases


def test_in_flight_counts_from_the_injections_first_moment() -> None:
    """What fails while the fault goes in, before that is confirmed, is not the baseline's."""
    times = {"inject": 10.0, "injected": 10.2}
    events = [FaultEvent(at, NODATA.id, "dns.nodata", "dynamodb", event, "") for event, at in times.items()]  # type: ignore[arg-type]
    observed = Observations(phase_events=history().phase_events, fault_events=tuple(events))
    ranges = Ranges(observed, experiment())
    assert ranges.phase_of(request(0, 9.95, latency=0.1)) == "outage"
    assert ranges.phase_of(request(0, 9.85, latency=0.1)) == "baseline"


def test_a_request_in_flight_at_an_undo_stays_where_it_was_due() -> None:
    """Only injections move requests."""
    assert Ranges(history(), experiment()).phase_of(request(0, 19.5, latency=5.0)) == "outage"


def test_the_warm_up_is_never_judged() -> None:
    """Its requests belong to no phase of the file, whatever became of them."""
    warm = [PhaseEvent(-2.0, "warmup", "begin", ""), PhaseEvent(0.0, "warmup", "end", "")]
    rows = [request(i - 100, (i - 100) / 50, ok=False) for i in range(100)]
    observed = observations([*warm, *phases(), *injected(), *rows, *healthy(), *evidence()])
    verdict = judge(observed, experiment(GOOD, "success_rate >= 98%"))
    assert (verdict.word, verdict.slos[1].samples) == ("passed", 1000)


def test_during_may_name_the_baseline_and_several_phases() -> None:
    """Then their requests are judged together."""
    (slo,) = judge(history(healthy(bad=5), evidence()), experiment("success_rate >= 98% during baseline, outage")).slos
    assert (slo.samples, slo.value) == (1000, 0.995)


def test_with_one_phase_there_is_no_gate_and_it_is_what_is_judged() -> None:
    """A file may just measure."""
    spec = experiment("success_rate >= 99%", phases=(Phase("baseline", 10),))
    only = Observations(requests=tuple(requests(0, 10)), phase_events=history().phase_events[:2])  # type: ignore[arg-type]
    verdict = judge(only, spec)
    assert (gate(only, spec), verdict.word, verdict.slos[0].samples) == ((), "passed", 500)


# ---------------------------------------------------------------- intervals and bounds


@pytest.mark.parametrize(("bad", "verdict"), [(0, "passed"), (3, "inconclusive"), (25, "failed")])
def test_a_share_is_judged_by_its_interval(bad: int, verdict: str) -> None:
    """Wholly on one side, or undecided."""
    (slo,) = judge(history(healthy(bad=bad), evidence()), experiment(GOOD)).slos
    assert slo.verdict == verdict


def test_what_is_undecided_says_how_long_a_run_would_settle_it() -> None:
    """In requests that end alike and in seconds: 497 of 500 against 98.5 % needs z² b(1-b) / (p-b)² = 701."""
    (slo,) = judge(history(healthy(bad=3), evidence()), experiment("success_rate >= 98.5% during outage")).slos
    assert "701 that end alike would (14 s at this rate)" in slo.why


def test_a_percentile_with_too_few_samples_is_undecided() -> None:
    """No order statistic is surely above the p99.9 of 500; 3,688 would have one."""
    (slo,) = judge(history(healthy(), evidence()), experiment("latency p99.9 <= 1s during outage")).slos
    assert (slo.verdict, slo.high) == ("inconclusive", None)
    assert "3,688 without a failure" in slo.why


def test_all_of_a_share_can_be_refuted_but_never_shown() -> None:
    """`>= 100%` says so instead of asking for a number of requests."""
    (slo,) = judge(history(healthy(), evidence()), experiment("success_rate >= 100% during outage")).slos
    assert (slo.verdict, "no number of them" in slo.why) == ("inconclusive", True)


@pytest.mark.parametrize("bad", [500, 50])
def test_a_bound_made_from_failed_requests_means_nothing(bad: int) -> None:
    """The baseline's p99 lies among failures: beyond any bound, and so would be its double."""
    steady = (parse("success_rate >= 0%"),)
    rows = [*requests(0, 10, bad=bad), *requests(10, 20), *requests(20, 30)]
    spec = experiment("latency p99 <= 2x baseline during outage", steady=steady)
    verdict = judge(history(rows, evidence()), spec)
    assert (verdict.word, verdict.slos[0].verdict) == ("inconclusive", "inconclusive")


def test_values_that_are_exact_have_no_confidence() -> None:
    """lost, time_to_recover, amplification and the mean carry no interval."""
    present = [Effect("reads", 500 + i, 12.0, 12.1, 31.0, "present", 1) for i in range(1000)]
    slos = ("lost of reads == 0", "time_to_recover <= 5s", "latency mean <= 1s", "latency max <= 1s")
    verdict = judge(history(healthy(), present, evidence()), experiment(*slos))
    assert [(slo.verdict, slo.low, slo.high, slo.confidence) for slo in verdict.slos] == [
        ("passed", None, None, None)
    ] * 4


def test_a_verdict_is_json() -> None:
    """No infinities, however bad it was."""
    slos = (GOOD, "latency p99 <= 1s", "latency max <= 1s", "latency mean <= 1s", "time_to_recover <= 1s")
    rows = [*requests(0, 10), *requests(10, 30, bad=1000)]
    verdict = judge(history(rows, evidence()), experiment(*slos))
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=type(verdict)) == verdict
    assert {slo.verdict for slo in verdict.slos} == {"failed"}
    assert not any(value is not None and math.isinf(value) for slo in verdict.slos for value in (slo.value, slo.high))


# ---------------------------------------------------------------- evidence


def test_connections_alone_are_no_evidence() -> None:
    """Draining is not the fault."""
    moved = [Connection(11.0, "dynamodb", 1, "closed", "drain", 4000, 5, 5)]
    verdict = judge(history(healthy(), moved), experiment(GOOD))
    assert (verdict.word, verdict.faults[0].evidence) == ("inconclusive", 0)
    assert "1 closed (1 by drain)" in verdict.faults[0].detail


def test_one_address_of_several_suffices_and_each_is_listed() -> None:
    """A fault of two dependencies, one of them touched."""
    both = PlacedFault(NODATA.id, DnsNodata(), ("dynamodb", "cache"))
    events = [*injected(both), *injected(PlacedFault(NODATA.id, DnsNodata(), ("cache",)))]
    observed = history(events, healthy(), evidence(), fault=None)
    verdict = judge(observed, experiment(GOOD, fault=both))
    assert [(fault.of, fault.evidence) for fault in verdict.faults] == [("dynamodb", 3), ("cache", 0)]
    assert verdict.word == "passed"


def test_each_of_several_faults_needs_its_own_evidence() -> None:
    """Two faults, one touched: inconclusive, naming the other."""
    spec = experiment(GOOD, phases=(Phase("baseline", 10), Phase("outage", 10, (NODATA, DOWN)), Phase("recovery", 10)))
    verdict = judge(history(healthy(), evidence(), injected(DOWN)), spec)
    assert verdict.word == "inconclusive"
    assert [reason.startswith("fault not exercised: net.down of cache") for reason in verdict.reasons] == [True]


def test_a_fault_that_was_never_injected_has_no_evidence() -> None:
    """The run ended before it."""
    verdict = judge(history(healthy(), fault=None), experiment(GOOD))
    assert (verdict.word, verdict.faults[0].injected) == ("inconclusive", False)


@pytest.mark.parametrize(("at", "count"), [(9.9, 0), (10.1, 0), (10.3, 1), (19.9, 1), (20.1, 0)])
def test_a_syn_counts_only_while_connections_are_surely_refused(at: float, count: int) -> None:
    """Not while the fault is going in or out: a SYN bears no fault's id."""
    times = {"inject": 10.0, "injected": 10.2, "undo": 20.0, "undone": 20.2}
    events: list[Record] = [FaultEvent(t, DOWN.id, "net.down", "cache", event, "") for event, t in times.items()]  # type: ignore[arg-type]
    syn = Connection(at, "cache", 0, "syn", "", 4000, 0, 0)
    verdict = judge(history(events, healthy(), [syn], fault=None), experiment(GOOD, fault=DOWN))
    assert verdict.faults[0].evidence == count


# ---------------------------------------------------------------- amplification

AMPLIFIED = "amplification of dynamodb <= 1.5 during outage"


def amplification(*tries: Record) -> float | None:
    """Over a baseline of one call per request."""
    base: list[Record] = [Call(t / 50, t / 50, "dynamodb", "GetItem", "", 1, 200, "", 1) for t in range(500)]
    return judge(history(healthy(), base, list(tries)), experiment(AMPLIFIED)).slos[0].value


def test_a_lookup_that_ends_well_when_asked_again_is_no_failed_try() -> None:
    """The resolver's own repeat has the same port and id, and what it ends in counts."""
    dropped, answered = lookup(12, answer="dropped"), lookup(17, answer="address", fault="")
    assert amplification(dropped, answered) == 0
    assert amplification(dropped, lookup(17, answer="dropped")) == pytest.approx(1 / 500)
    assert amplification(lookup(10.5, answer="dropped"), lookup(19, 2, answer="dropped")) == pytest.approx(2 / 500)


def test_a_syn_from_a_port_that_came_round_again_is_another_try() -> None:
    """The kernel's repeats of one SYN come within seconds."""
    syns = [Connection(at, "dynamodb", 0, "syn", "", 4000, 0, 0) for at in (10.5, 11.5, 13.5)]
    assert amplification(*syns) == pytest.approx(1 / 500)
    assert amplification(*syns, Connection(19.9, "dynamodb", 0, "syn", "", 4000, 0, 0)) == pytest.approx(1 / 500)
    later = Connection(19.9, "dynamodb", 0, "syn", "", 4001, 0, 0)
    assert amplification(*syns, later) == pytest.approx(2 / 500)


def test_a_connection_that_we_ended_unused_is_no_failed_try() -> None:
    """Our own stop is not the dependency's failure; a failed upstream is, once."""
    closed = [Connection(12, "dynamodb", n, "closed", cause, 40 + n, 0, 0) for n, cause in ((1, "stop"), (2, "client"))]
    assert amplification(*closed) == pytest.approx(1 / 500)
    syn, failed = (Connection(12, "dynamodb", n, e, "", 50, 0, 0) for n, e in ((0, "syn"), (1, "failed")))  # type: ignore[arg-type]
    assert amplification(syn, failed) == pytest.approx(1 / 500)


def test_without_tries_in_the_baseline_amplification_means_nothing() -> None:
    """Nothing can be over zero."""
    (slo,) = judge(history(healthy(), evidence()), experiment(AMPLIFIED)).slos
    assert (slo.verdict, slo.value) == ("inconclusive", None)


def test_of_an_operation_only_its_calls_count() -> None:
    """A lookup is of no operation."""
    base = [
        Call(t / 50, t / 50, "dynamodb", op, "", 1, 200, "", 1) for t in range(500) for op in ("GetItem", "PutItem")
    ]
    puts = [Call(12 + t / 100, 13, "dynamodb", "PutItem", "", 1, 200, "", 1) for t in range(250)]
    spec = experiment("amplification of dynamodb.PutItem <= 1.5 during outage")
    assert judge(history(healthy(), base, puts, evidence()), spec).slos[0].value == pytest.approx(0.5)  # type: ignore[arg-type]


# ---------------------------------------------------------------- lost


def effects(missing: int, unknown: int) -> list[Record]:
    """Of the outage's 500 requests; the rest is present."""
    states = ["missing"] * missing + ["unknown"] * unknown + ["present"] * (500 - missing - unknown)
    return [Effect("reads", 500 + i, 12.0, None, 31.0, state, 0) for i, state in enumerate(states)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("missing", "unknown", "verdict"), [(0, 0, "passed"), (0, 3, "inconclusive"), (1, 3, "failed"), (1, 0, "failed")]
)
def test_effects_that_could_not_be_checked_may_be_lost_or_not(missing: int, unknown: int, verdict: str) -> None:
    """What is surely missing breaks the SLO, whatever is unknown besides."""
    observed = history(healthy(), effects(missing, unknown), evidence())
    (slo,) = judge(observed, experiment("lost of reads == 0 during outage")).slos
    assert (slo.verdict, slo.value, slo.confidence) == (verdict, missing, None)
    assert ("could not be checked" in slo.why) == bool(unknown)


def test_where_nothing_was_accepted_nothing_is_known_of_losses() -> None:
    """No data is no pass; the reason says why."""
    rows = [*requests(0, 10), *requests(10, 20, bad=500), *requests(20, 30)]
    (slo,) = judge(history(rows, evidence()), experiment("lost of reads == 0 during outage")).slos
    assert (slo.verdict, "no request was accepted" in slo.why) == ("inconclusive", True)


# ---------------------------------------------------------------- recovery


def cut(at: float) -> list[Record]:
    """Phases of a run whose recovery ended there."""
    return [*phases()[:-1], PhaseEvent(at, "recovery", "end", "")]


def test_a_load_that_ended_within_three_seconds_of_the_undo_settles_nothing() -> None:
    """Three windows in a row cannot have been seen: not recovered is not known."""
    observed = history(requests(0, 22.5), evidence(), fault=NODATA)
    short = Observations(
        requests=observed.requests, lookups=observed.lookups, fault_events=observed.fault_events,
        phase_events=tuple(cut(22.5)),  # type: ignore[arg-type]
    )  # fmt: skip
    (slo,) = judge(short, experiment("time_to_recover <= 5s")).slos
    assert (slo.verdict, "less than three seconds" in slo.why) == ("inconclusive", True)


def test_never_recovered_is_a_finding_even_where_no_slo_asks() -> None:
    """A target that stays down after the cause is gone is named."""
    rows = [*requests(0, 10), *requests(10, 30, bad=1000)]
    findings = judge(history(rows, evidence()), experiment()).findings
    assert any("did not come back within the 10 s" in finding for finding in findings)
    assert not any("did not come back" in f for f in judge(history(healthy(), evidence()), experiment()).findings)


def test_an_empty_window_does_not_hold() -> None:
    """One request every two seconds never fills three windows in a row."""
    rows = [msgspec.structs.replace(request(i, i * 2.0), load="reads") for i in range(15)]
    stream = msgspec.structs.replace(experiment().load[0], rate=0.5)
    observed = history(rows, evidence())
    assert judge(observed, experiment("time_to_recover <= 9s", load=(stream,))).slos[0].value is None


def live(rows: list[Record]) -> Observations:
    """As the coordinator sees it: recovery goes on."""
    observed = history(rows)
    return Observations(
        requests=observed.requests, phase_events=observed.phase_events[:5], fault_events=observed.fault_events
    )


def ended(rows: list[Record], at: float) -> list[Record]:
    """What has an outcome at a moment."""
    return [row for row in rows if isinstance(row, Request) and row.done <= at]


def test_recovery_waits_for_the_one_request_that_the_rate_does_not_make_whole() -> None:
    """At 2.5/s a window has two or three: the third is waited for, so that the cut and the judge agree."""
    stream = msgspec.structs.replace(experiment().load[0], rate=2.5)
    spec = experiment(load=(stream,))
    rows: list[Record] = [request(i, 0.1 + i / 2.5) for i in range(58)]
    assert recovered(live(rows), spec, 20.0, 23.1) == 0
    missing = [row for row in rows if row.seq != 56]  # type: ignore[union-attr]
    assert recovered(live(missing), spec, 20.0, 23.1) is None
    assert recovered(live(missing), spec, 20.0, 25.1) == 0, "its timeout is over; the judge will count what it says"


def test_a_run_cut_at_recovery_is_judged_recovered() -> None:
    """The windows of the cut are those of the judge: both count from the undo's record, not from when it was heard."""
    rows = [*requests(0, 10), *requests(10, 20), *requests(20, 24, bad=49), *requests(24, 30)]
    looks = [20 + look / 20 for look in range(200)]
    now = next(at for at in looks if recovered(live(ended(rows, at)), experiment(), 20.004, at) is not None)
    before = [row for row in rows if row.due < now]  # type: ignore[union-attr]
    observed = history(evidence())
    short = Observations(
        requests=tuple(before), lookups=observed.lookups, fault_events=observed.fault_events,
        phase_events=tuple(cut(now)),  # type: ignore[arg-type]
    )  # fmt: skip
    (slo,) = judge(short, experiment("time_to_recover <= 5s")).slos
    assert (now, slo.value, slo.verdict) == (pytest.approx(24.0, abs=0.11), 1.0, "passed")
