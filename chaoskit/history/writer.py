"""Writes a history; one owner, the recorder's thread."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from chaoskit.history.schema import VIEWS, create_statements, insert_statement
from chaoskit.records import Record


class Writer:
    """One SQLite file, WAL: readers may look while it is written, and a crash loses the last batch at most."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        for statement in create_statements():
            self._db.execute(statement)
        self._db.executescript(VIEWS)

    def write(self, records: Sequence[Record]) -> None:
        """One batch, one transaction."""
        rows: dict[type[msgspec.Struct], list[tuple[Any, ...]]] = defaultdict(list)
        for record in records:
            rows[type(record)].append(msgspec.structs.astuple(record))
        with self._db:
            for kind, values in rows.items():
                self._db.executemany(insert_statement(kind), values)

    def header(self, key: str, value: str) -> None:
        """One value of the header, JSON text."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO header VALUES (?, ?)", (key, value))

    def close(self) -> None:
        """Fold the WAL into the file and close: what is left is one file that any SQLite tool reads.

        While somebody reads, the WAL stays beside it, and the last one to close folds it in (sqlite.org/wal.html)."""
        self._db.execute("PRAGMA busy_timeout = 1000")
        try:
            self._db.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
        finally:
            self._db.close()
