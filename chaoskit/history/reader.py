"""Reads a history, also while it is being written."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from chaoskit.errors import UsageProblem
from chaoskit.history.schema import TABLES, VERSION
from chaoskit.records import (
    Call,
    Connection,
    Effect,
    FaultEvent,
    Lookup,
    PhaseEvent,
    Record,
    Request,
    TargetEvent,
    Tick,
    Touched,
)

Row = TypeVar("Row", bound=msgspec.Struct)


@dataclass(frozen=True)
class Observations:
    """All that was observed in a run, oldest first: what the judge judges."""

    requests: tuple[Request, ...] = ()
    effects: tuple[Effect, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    connections: tuple[Connection, ...] = ()
    touched: tuple[Touched, ...] = ()
    calls: tuple[Call, ...] = ()
    fault_events: tuple[FaultEvent, ...] = ()
    phase_events: tuple[PhaseEvent, ...] = ()
    target_events: tuple[TargetEvent, ...] = ()
    ticks: tuple[Tick, ...] = ()


def observations(records: list[Record]) -> Observations:
    """Records, in any order of kinds, as observations."""
    return Observations(
        **{table: tuple(row for row in records if type(row) is kind) for kind, table in TABLES.items()}  # type: ignore[arg-type]
    )


class History:
    """A run's history, read-only. A context manager. Raises UsageProblem for a file that is none of ours."""

    def __init__(self, path: Path) -> None:
        try:
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        except sqlite3.OperationalError as error:
            raise UsageProblem(f"{path} cannot be opened: {error}") from None
        try:
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise UsageProblem(f"{path} is no history: {error}") from None
        if version != VERSION:
            self._db.close()
            raise UsageProblem(f"{path} is no history of this version (found {version}, wanted {VERSION})")

    def __enter__(self) -> History:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._db.close()

    def load(self) -> Observations:
        """Everything."""
        return Observations(**{table: self._rows(kind, table) for kind, table in TABLES.items()})  # type: ignore[arg-type]

    def header(self) -> dict[str, Any]:
        """The header's values."""
        return {key: json.loads(value) for key, value in self._db.execute("SELECT key, value FROM header")}

    def _rows(self, kind: type[Row], table: str) -> tuple[Row, ...]:
        return tuple(kind(*row) for row in self._db.execute(f"SELECT * FROM {table} ORDER BY rowid"))
