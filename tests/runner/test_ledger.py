"""The ledger tells the truth also after a crash."""

from __future__ import annotations

from pathlib import Path

from chaoskit.runner.ledger import Ledger, read_ledger


def test_what_is_owed_is_read_back_newest_first(tmp_path: Path) -> None:
    """Settled entries are gone, the rest comes newest first, from the file as from memory."""
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    first = ledger.owe("outage.1:dns.nodata", "dns.nodata", "dynamodb")
    ledger.owe("outage.2:net.down", "net.down", "sessions")
    ledger.owe("outage.2:net.down", "net.down", "dynamodb")
    ledger.settle(first)
    assert [entry.of for entry in ledger.owed()] == ["dynamodb", "sessions"]
    assert read_ledger(path) == ledger.owed()


def test_a_half_written_line_is_ignored(tmp_path: Path) -> None:
    """A power cut in mid-line loses nothing that was fsynced before."""
    path = tmp_path / "ledger.jsonl"
    entry = Ledger(path).owe("a.1:dns.drop", "dns.drop", "dynamodb")
    with path.open("ab") as file:
        file.write(b'{"number":2,"sta')
    assert read_ledger(path) == (entry,)
