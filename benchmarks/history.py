"""How long it takes to write, read and judge the history of a long run: `python -m benchmarks.history [REQUESTS]`.

A million requests (default) of a run of three phases, with a lookup for every tenth and a call for each; batches of
500 records, as the parts send them. Prints seconds and records per second of each step, and the size of the file.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from chaoskit.chance import stream
from chaoskit.clock import monotonic
from chaoskit.experiment.conditions import parse
from chaoskit.experiment.models import AwsDependency, Experiment, Phase, PlacedFault, Ready, Target
from chaoskit.faults.dns import DnsNodata
from chaoskit.history.reader import History
from chaoskit.history.writer import Writer
from chaoskit.judge import judge
from chaoskit.records import Call, FaultEvent, Lookup, PhaseEvent, Record, Request
from chaoskit.wire import LoadStream

BATCH = 500
LENGTH = 100.0
"""Seconds of each phase."""
NODATA = PlacedFault("outage.1:dns.nodata", DnsNodata(), ("dynamodb",))
SLOS = (
    "success_rate >= 99% during outage",
    "latency p99 <= 2x baseline during outage",
    "latency p99.9 <= 1s",
    "amplification of dynamodb <= 1.5 during outage",
    "time_to_recover <= 5s",
)


def experiment(count: int) -> Experiment:
    """Baseline, outage, recovery; as many requests a second as make up the count."""
    return Experiment(
        name="x", file=Path("x.yaml"), digest="", title="", description="", tags=(), expect="passed",
        target=Target("t", Path(), ("true",), 80, Ready("tcp")),
        dependencies=(AwsDependency("dynamodb", "dynamodb", "us-east-1", 5, ()),),
        warmup=0,
        load=(LoadStream("reads", count / (3 * LENGTH), 2.0, ()),),
        steady=(parse("success_rate >= 99%"), parse("latency p99 <= 250ms")),
        phases=(Phase("baseline", LENGTH), Phase("outage", LENGTH, (NODATA,)), Phase("recovery", LENGTH)),
        slos=tuple(parse(slo) for slo in SLOS),
    )  # fmt: skip


def rows(count: int) -> Iterator[Record]:
    """The records, in the order of a run."""
    for index, phase in enumerate(("baseline", "outage", "recovery")):
        yield PhaseEvent(index * LENGTH, phase, "begin", "")
        yield PhaseEvent((index + 1) * LENGTH, phase, "end", "")
    for at, event in ((LENGTH, "inject"), (LENGTH, "injected"), (2 * LENGTH, "undo"), (2 * LENGTH, "undone")):
        yield FaultEvent(at, NODATA.id, "dns.nodata", "dynamodb", event, "")  # type: ignore[arg-type]
    chance = stream(1, "benchmark")
    for seq in range(count):
        due = seq * 3 * LENGTH / count
        done = due + chance.expovariate(50)
        yield Request("reads", seq, due, due + 1e-4, done, done, "ok", "", 200, 120, "GET /invoices/7")
        yield Call(due, done, "dynamodb", "GetItem", "", 1, 200, "Boto3", 1)
        if seq % 10 == 0:
            blank = LENGTH <= due < 2 * LENGTH
            answer, fault = ("nodata", NODATA.id) if blank else ("address", "")
            yield Lookup(due, "dynamodb", "n", "A", "udp", f"198.18.0.2:{seq % 28000}", seq % 65536, answer, fault)


def main(count: int) -> None:
    """Write, read, judge; print."""
    spec, records = experiment(count), list(rows(count))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.sqlite"
        writer, source = Writer(path), iter(records)
        began = monotonic()
        while batch := list(islice(source, BATCH)):
            writer.write(batch)
        writer.close()
        wrote = monotonic()
        with History(path) as history:
            observed = history.load()
        read = monotonic()
        verdict = judge(observed, spec)
        judged = monotonic()
        size = path.stat().st_size
    for step, seconds in (("write", wrote - began), ("read", read - wrote), ("judge", judged - read)):
        print(f"{step:6} {seconds:6.2f} s  {len(records) / seconds:10,.0f} records/s")
    print(f"{count:,} requests, {len(records):,} records, {size / 1e6:.0f} MB; the verdict was {verdict.word}")
    print(msgspec.json.encode(verdict.slos).decode())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
