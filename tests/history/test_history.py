"""What is written is read again, also by somebody else, also after a crash."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from chaoskit import records
from chaoskit.errors import UsageProblem
from chaoskit.history.reader import History, observations
from chaoskit.history.schema import TABLES, VERSION, columns
from chaoskit.history.writer import Writer

ROWS: list[records.Record] = [
    records.Request("reads", 0, 0.1, 0.11, 0.12, 0.13, "ok", "", 200, 12, "GET /"),
    records.Request("reads", 1, 1.1, None, None, 3.1, "failed", "unsent", None, 0, "GET /ü'\";--"),
    records.Effect("writes", 3, 0.1, None, 9.0, "missing", 0),
    records.Lookup(
        0.2, "dynamodb", "d.example", "AAAA", "udp", "198.18.0.2:99", 65535, "nodata", "outage.1:dns.nodata"
    ),
    records.Connection(0.3, "dynamodb", 1, "closed", "drain", 40000, 1, 2**40),
    records.Touched(0.4, "f", "cache", 3, 4096),
    records.Call(0.5, 0.6, "dynamodb", "GetItem", "i-1", 2, 200, "Boto3/1", 7),
    records.FaultEvent(0.7, "f", "net.down", "cache", "injected", ""),
    records.PhaseEvent(0.0, "baseline", "begin", ""),
    records.PhaseEvent(5.0, "baseline", "end", ""),
    records.TargetEvent(0.9, "exited", "exit code 7"),
    records.Tick(1.0, 50, 0.004),
]


def test_there_is_a_table_for_each_record_with_its_fields_as_columns(tmp_path: Path) -> None:
    """The types are the schema."""
    assert set(TABLES) == set(records.Record.__args__)  # type: ignore[attr-defined]
    path = tmp_path / "h.sqlite"
    Writer(path).close()
    db = sqlite3.connect(path)
    for kind, table in TABLES.items():
        found = db.execute('SELECT name, type, "notnull" FROM pragma_table_info(?)', (table,)).fetchall()
        assert tuple(name for name, _, _ in found) == columns(kind)
    nullable = {row[0] for row in db.execute("SELECT name FROM pragma_table_info('requests') WHERE \"notnull\" = 0")}
    db.close()
    assert nullable == {"sent", "first_byte", "status"}


def test_every_kind_of_record_comes_back_as_it_was(tmp_path: Path) -> None:
    """Values, types and order, None and odd characters included."""
    writer = Writer(tmp_path / "h.sqlite")
    writer.write(ROWS[:4])
    writer.write(ROWS[4:])
    writer.close()
    with History(tmp_path / "h.sqlite") as history:
        assert history.load() == observations(ROWS)


def test_observations_keep_the_order_of_each_kind() -> None:
    """Kinds may come mixed."""
    mixed = [ROWS[2], ROWS[1], ROWS[0]]
    assert observations(mixed).requests == (ROWS[1], ROWS[0])


def test_a_closed_history_is_one_file(tmp_path: Path) -> None:
    """Nothing beside it that must be copied with it."""
    writer = Writer(tmp_path / "h.sqlite")
    writer.write(ROWS)
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["h.sqlite"]


def test_the_header_keeps_the_last_value_of_a_key(tmp_path: Path) -> None:
    """Keys are unique; values are JSON."""
    writer = Writer(tmp_path / "h.sqlite")
    writer.header("seed", "1")
    writer.header("seed", '{"is": [2, null]}')
    with History(tmp_path / "h.sqlite") as history:
        assert history.header() == {"seed": {"is": [2, None]}}
    writer.close()


def test_a_reader_sees_what_is_written_while_it_is_written(tmp_path: Path) -> None:
    """Another connection, in another thread, before the writer closes; each look sees whole batches."""
    path = tmp_path / "h.sqlite"
    writer = Writer(path)
    counts: list[int] = []

    def look() -> None:
        with History(path) as history:
            counts.append(len(history.load().requests))

    for _ in range(3):
        writer.write(ROWS)
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(10)
    writer.close()
    assert counts == [2, 4, 6]


def test_the_writer_may_close_while_somebody_reads(tmp_path: Path) -> None:
    """The reader goes on, and nothing is lost."""
    path = tmp_path / "h.sqlite"
    writer = Writer(path)
    writer.write(ROWS)
    with History(path) as history:
        writer.close()
        assert len(history.load().requests) == 2
    with History(path) as history:
        assert history.load() == observations(ROWS)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    """Read-only is asked of SQLite, not of good will."""
    path = tmp_path / "h.sqlite"
    Writer(path).close()
    with History(path) as history, pytest.raises(sqlite3.OperationalError, match="readonly"):
        history._db.execute("DELETE FROM requests")


KILLED = """
import os, signal, sys
from pathlib import Path
from chaoskit.history.writer import Writer
from chaoskit.records import Tick
writer = Writer(Path(sys.argv[1]))
for number in range(50):
    writer.write([Tick(float(number), 1, 0.0)] * 10)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_all_its_batches(tmp_path: Path) -> None:
    """kill -9 loses nothing that was written; the file is sound and can be read at once."""
    path = tmp_path / "h.sqlite"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    with History(path) as history:
        assert len(history.load().ticks) == 500
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_a_batch_that_fails_leaves_nothing_of_itself(tmp_path: Path) -> None:
    """One batch is one transaction."""
    path = tmp_path / "h.sqlite"
    writer = Writer(path)
    broken = records.Tick(1.0, None, 0.0)  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        writer.write([ROWS[0], ROWS[-1], broken])
    writer.write([ROWS[0]])
    writer.close()
    with History(path) as history:
        assert history.load() == observations([ROWS[0]])


@pytest.mark.parametrize("name", ["a b#c?d%41.sqlite", "ü.sqlite"])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    """Also names that mean something in a URI."""
    writer = Writer(tmp_path / name)
    writer.write(ROWS)
    writer.close()
    with History(tmp_path / name) as history:
        assert len(history.load().requests) == 2


def test_a_file_that_is_no_history_is_a_usage_problem(tmp_path: Path) -> None:
    """Missing, not SQLite, SQLite of somebody else, or of another version."""
    with pytest.raises(UsageProblem, match="cannot be opened"):
        History(tmp_path / "missing.sqlite")
    text = tmp_path / "text.sqlite"
    text.write_text("this is not a database, however long it may be" * 30)
    with pytest.raises(UsageProblem, match="no history"):
        History(text)
    other = tmp_path / "other.sqlite"
    Writer(other).close()
    db = sqlite3.connect(other)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    with pytest.raises(UsageProblem, match="version"):
        History(other)
    assert not (tmp_path / "missing.sqlite").exists()


def test_the_views_answer_the_first_questions_of_anyone_with_sqlite3(tmp_path: Path) -> None:
    """Phases with their ends (none while one goes on), and requests per second."""
    path = tmp_path / "h.sqlite"
    writer = Writer(path)
    writer.write([*ROWS, records.PhaseEvent(5.0, "outage", "begin", "")])
    writer.close()
    db = sqlite3.connect(path)
    assert db.execute("SELECT * FROM phases").fetchall() == [("baseline", 0.0, 5.0), ("outage", 5.0, None)]
    seconds = db.execute("SELECT second, load, due, ok FROM per_second").fetchall()
    db.close()
    assert seconds == [(0, "reads", 1, 1), (1, "reads", 1, 0)]


def test_records_are_values() -> None:
    """Frozen: a history that was read cannot be changed by who judges it."""
    for row in ROWS:
        with pytest.raises(AttributeError):
            setattr(row, msgspec.structs.fields(row)[0].name, 1)
