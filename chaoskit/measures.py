"""The table of measures: what a condition can be about, in which unit, and what exactly it means.

`judge/` has one function per row; a test proves the two sets equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["share", "seconds", "count", "ratio"]
Kind = Literal["share", "timing", "ratio", "count", "once"]


@dataclass(frozen=True)
class Measure:
    """One row.

    unit: of its values (shares 0 to 1, durations in seconds).
    stat: whether a statistic (`p99`, `mean`, `max`, `min`) must follow its name.
    of: what an `of` may name; `needs_of`: without one it is an error (else: over all loads).
    """

    name: str
    kind: Kind
    unit: Unit
    stat: bool
    of: Literal["load", "aws", "none"]
    needs_of: bool
    definition: str
    source: str


MEASURES: dict[str, Measure] = {
    row.name: row
    for row in (
        Measure(
            "success_rate", "share", "share", False, "load", False,
            "requests that ended as expected / all requests due in the range; a missing outcome is a failure",
            "requests of the load worker",
        ),
        Measure(
            "latency", "timing", "seconds", True, "load", False,
            "from when a request was due to the end of its answer; a failed request is slower than any bound",
            "requests of the load worker",
        ),
        Measure(
            "amplification", "ratio", "ratio", False, "aws", True,
            "tries at the dependency (failed lookups, failed connections, calls) per load request, "
            "over the same in the baseline",
            "query log, proxy and call log",
        ),
        Measure(
            "lost", "count", "count", False, "load", True,
            "accepted requests whose effect is missing at the last check after the load has stopped",
            "effects of the load worker",
        ),
        Measure(
            "time_to_recover", "once", "seconds", False, "none", False,
            "from the last undo to the start of the first of three one-second windows in a row in which the "
            "steady state holds; never is a failure",
            "requests of the load worker",
        ),
    )
}  # fmt: skip
