"""The tables of a history, made from the records' own fields: the types are the schema."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from chaoskit.records import (
    Call,
    Connection,
    Effect,
    FaultEvent,
    Lookup,
    PhaseEvent,
    Request,
    TargetEvent,
    Tick,
    Touched,
)

VERSION = 1
"""In `PRAGMA user_version`; raised when a table's columns change."""
TABLES: dict[type[msgspec.Struct], str] = {
    Request: "requests",
    Effect: "effects",
    Lookup: "lookups",
    Connection: "connections",
    Touched: "touched",
    Call: "calls",
    FaultEvent: "fault_events",
    PhaseEvent: "phase_events",
    TargetEvent: "target_events",
    Tick: "ticks",
}
VIEWS = """
CREATE VIEW IF NOT EXISTS phases AS
  SELECT b.phase, b.at AS begin, min(e.at) AS "end"
  FROM phase_events b LEFT JOIN phase_events e ON e.phase = b.phase AND e.event = 'end' AND e.at >= b.at
  WHERE b.event = 'begin' GROUP BY b.phase, b.at ORDER BY b.at;
CREATE VIEW IF NOT EXISTS per_second AS
  SELECT CAST(due AS INTEGER) AS second, load, count(*) AS due, sum(outcome = 'ok') AS ok,
         avg(done - due) AS mean_latency, max(done - due) AS max_latency
  FROM requests GROUP BY second, load ORDER BY second, load;
"""


def columns(record: type[msgspec.Struct]) -> tuple[str, ...]:
    """The columns of a record's table: its fields, in their order."""
    return record.__struct_fields__


def create_statements() -> Iterator[str]:
    """The DDL: tables, header, views."""
    yield "CREATE TABLE IF NOT EXISTS header (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
    for record, table in TABLES.items():
        hints = get_type_hints(record)
        fields = ", ".join(f'"{name}" {_sql_type(hints[name])}' for name in columns(record))
        yield f"CREATE TABLE IF NOT EXISTS {table} ({fields})"
    yield "CREATE INDEX IF NOT EXISTS requests_due ON requests (due)"
    yield f"PRAGMA user_version = {VERSION}"


def insert_statement(record: type[msgspec.Struct]) -> str:
    """INSERT with one place per column."""
    marks = ", ".join("?" * len(columns(record)))
    return f"INSERT INTO {TABLES[record]} VALUES ({marks})"


def _sql_type(hint: Any) -> str:
    if get_origin(hint) is types.UnionType:
        (kind,) = (part for part in get_args(hint) if part is not type(None))
        return _sql_type(kind).removesuffix(" NOT NULL")
    if get_origin(hint) is Literal:
        return "TEXT NOT NULL"
    return {float: "REAL", int: "INTEGER", str: "TEXT"}[hint] + " NOT NULL"
