"""A history is written and read back as it was, also while it is written, by any SQLite tool."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from chaoskit.errors import UsageProblem
from chaoskit.history.reader import History
from chaoskit.history.schema import TABLES
from chaoskit.history.writer import Writer
from chaoskit.records import Record
from tests.judge.build import evidence, injected, phases, requests


def test_records_come_back_as_they_went(tmp_path: Path) -> None:
    """All fields, in order; the header, too; a reader may look while the writer has it open."""
    rows: list[Record] = [*phases(), *injected(), *evidence(), *requests(0, 1)]
    writer = Writer(tmp_path / "h.sqlite")
    writer.write(rows)
    writer.header("seed", "7")
    with History(tmp_path / "h.sqlite") as history:
        observed = history.load()
        assert history.header() == {"seed": 7}
    assert list(observed.requests) == requests(0, 1)
    assert list(observed.phase_events) == phases()
    assert list(observed.fault_events) == injected()
    assert list(observed.lookups) == evidence()
    writer.close()


def test_every_record_type_has_its_table_and_views_work(tmp_path: Path) -> None:
    """One file is left, without side files, readable by plain SQLite."""
    writer = Writer(tmp_path / "h.sqlite")
    writer.write([*phases(), *requests(0, 2)])
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["h.sqlite"]
    with sqlite3.connect(tmp_path / "h.sqlite") as db:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        assert set(TABLES.values()) <= names
        assert db.execute('SELECT phase, begin, "end" FROM phases').fetchall()[1] == ("outage", 10.0, 20.0)
        assert db.execute("SELECT second, due, ok FROM per_second").fetchall() == [(0, 50, 50), (1, 50, 50)]


def test_another_version_is_refused(tmp_path: Path) -> None:
    """Not misread."""
    with sqlite3.connect(tmp_path / "h.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(UsageProblem, match="found 99"):
        History(tmp_path / "h.sqlite")
