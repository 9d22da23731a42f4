"""Little histories for the judge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from chaoskit.experiment.conditions import parse
from chaoskit.experiment.models import AwsDependency, Experiment, Phase, PlacedFault, Ready, Target, TcpDependency
from chaoskit.faults import DnsNodata, NetDown, NetLatency
from chaoskit.history.reader import Observations, observations
from chaoskit.records import FaultEvent, Lookup, PhaseEvent, Record, Request
from chaoskit.wire import EffectSpec, HttpRequest, LoadItem, LoadStream

NODATA = PlacedFault("outage.1:dns.nodata", DnsNodata(), ("dynamodb",))
DOWN = PlacedFault("outage.1:net.down", NetDown(), ("cache",))
LATENCY = PlacedFault("outage.1:net.latency", NetLatency(latency=0.2), ("cache",))
GET = HttpRequest("GET", "/")
RATE = 50.0


def experiment(*slos: str, fault: PlacedFault | None = NODATA, **changes: Any) -> Experiment:
    """Baseline 0 to 10, outage 10 to 20 (with a fault), recovery 20 to 30; 50 requests a second."""
    faults = (fault,) if fault else ()
    made = Experiment(
        name="x",
        file=Path("x.yaml"),
        digest="",
        title="",
        description="",
        tags=(),
        expect="passed",
        target=Target("t", Path(), ("true",), 80, Ready("tcp")),
        dependencies=(
            AwsDependency("dynamodb", "dynamodb", "us-east-1", 5, ()),
            TcpDependency("cache", "c", 1, "127.0.0.1:1", 5),
        ),
        warmup=0,
        load=(LoadStream("reads", RATE, 2.0, (LoadItem(GET, EffectSpec(GET)),)),),
        steady=(parse("success_rate >= 99%"),),
        phases=(Phase("baseline", 10), Phase("outage", 10, faults), Phase("recovery", 10)),
        slos=tuple(parse(slo) for slo in slos),
    )
    return msgspec.structs.replace(made, **changes)


def request(seq: int, due: float, *, latency: float = 0.01, ok: bool = True, late: float = 0.0) -> Request:
    outcome, error = ("ok", "") if ok else ("failed", "status")
    return Request("reads", seq, due, due + late, due + latency, due + latency, outcome, error, 200, 2, "GET /")  # type: ignore[arg-type]


def requests(begin: float, end: float, *, bad: int = 0, **arguments: Any) -> list[Record]:
    """50 a second in [begin, end), the first `bad` of them failed."""
    count = round((end - begin) * RATE)
    first = round(begin * RATE)
    return [request(first + i, begin + i / RATE, ok=i >= bad, **arguments) for i in range(count)]


def phases() -> list[Record]:
    names = ("baseline", "outage", "recovery")
    times = [
        (10.0 * (i + step), name, event) for i, name in enumerate(names) for step, event in ((0, "begin"), (1, "end"))
    ]
    return [PhaseEvent(at, name, event, "") for at, name, event in times]  # type: ignore[arg-type]


def injected(placed: PlacedFault = NODATA) -> list[Record]:
    times = {"inject": 10.0, "injected": 10.0, "undo": 20.0, "undone": 20.0}
    return [FaultEvent(at, placed.id, placed.fault.kind, placed.of[0], event, "") for event, at in times.items()]  # type: ignore[arg-type]


def lookup(at: float, query_id: int = 1, *, answer: str = "nodata", fault: str = NODATA.id, qtype: str = "A") -> Lookup:
    return Lookup(at, "dynamodb", "n", qtype, "udp", "198.19.255.2:5", query_id, answer, fault)


def evidence(count: int = 3) -> list[Record]:
    return [lookup(12.0 + i / 10, i) for i in range(count)]


def history(*parts: Sequence[Record], fault: PlacedFault | None = NODATA) -> Observations:
    """Phases and the fault's events, and what is given."""
    return observations([*phases(), *(injected(fault) if fault else []), *(row for part in parts for row in part)])


def healthy(**outage: Any) -> list[Record]:
    """All good, but for what is said of the outage."""
    return [*requests(0, 10), *requests(10, 20, **outage), *requests(20, 30)]
