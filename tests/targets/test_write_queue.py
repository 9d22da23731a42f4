from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from journal import Journal, claim
from write_queue import Full, Invoice, WriteQueue

from tests.conftest import wait_until


def invoice(name: str, amount: float = 12.0) -> Invoice:
    return {"id": name, "amount": amount}


def opened(path: Path, **settings: Any) -> tuple[WriteQueue, Journal]:
    journal = Journal(path)
    return WriteQueue(journal, **settings), journal


def drain(queue: WriteQueue) -> list[Invoice]:
    written: list[Invoice] = []

    def write(one: Invoice) -> bool:
        written.append(one)
        return True

    while len(queue):
        assert queue.replay_one(write)
    return written


def test_what_was_accepted_is_there_after_a_restart_in_order_and_without_what_was_done(tmp_path: Path) -> None:
    queue, journal = opened(tmp_path / "j")
    for name in "abc":
        queue.put(invoice(name))
    queue.replay_one(lambda _one: True)
    journal.close()
    queue, _ = opened(tmp_path / "j")
    assert queue.get("a") is None
    assert [one["id"] for one in drain(queue)] == ["b", "c"]


def test_a_process_that_dies_while_it_writes_loses_only_what_it_has_not_accepted(tmp_path: Path) -> None:
    queue, journal = opened(tmp_path / "j")
    queue.put(invoice("a"))
    journal.close()
    with (tmp_path / "j").open("ab") as file:
        file.write(b'{"put": {"id": "b", "amo')
    queue, journal = opened(tmp_path / "j")
    queue.put(invoice("c"))
    journal.close()
    queue, _ = opened(tmp_path / "j")
    assert [one["id"] for one in drain(queue)] == ["a", "c"]


def test_a_full_queue_promises_nothing(tmp_path: Path) -> None:
    queue, _ = opened(tmp_path / "j", most=2)
    queue.put(invoice("a"))
    queue.put(invoice("b"))
    with pytest.raises(Full):
        queue.put(invoice("c"))
    assert [one["id"] for one in drain(queue)] == ["a", "b"]


def test_a_journal_that_may_not_grow_promises_nothing(tmp_path: Path) -> None:
    queue = WriteQueue(Journal(tmp_path / "j", most=100))
    queue.put(invoice("a"))
    with pytest.raises(Full):
        queue.put(invoice("b" * 100))
    assert len(queue) == 1


def test_a_disk_that_refuses_leaves_a_journal_that_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, journal = opened(tmp_path / "j")
    queue.put(invoice("a"))
    written = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: written(file, data[:7]))
        with pytest.raises(Full):
            queue.put(invoice("b"))
    queue.put(invoice("c"))
    journal.close()
    queue, _ = opened(tmp_path / "j")
    assert [one["id"] for one in drain(queue)] == ["a", "c"]


def test_a_write_of_an_id_that_is_being_replayed_is_not_taken_for_done(tmp_path: Path) -> None:
    queue, journal = opened(tmp_path / "j")
    queue.put(invoice("a", 1.0))

    def overtaken(_one: Invoice) -> bool:
        queue.put(invoice("a", 2.0))
        return True

    queue.replay_one(overtaken)
    assert queue.get("a") == invoice("a", 2.0)
    journal.close()
    queue, _ = opened(tmp_path / "j")
    assert drain(queue) == [invoice("a", 2.0)]


def test_a_write_that_fails_stays_and_is_tried_again(tmp_path: Path) -> None:
    queue, _ = opened(tmp_path / "j")
    queue.put(invoice("a"))
    tries: list[Invoice] = []

    def third_time(one: Invoice) -> bool:
        tries.append(one)
        return len(tries) == 3

    threading.Thread(target=queue.replay, args=(third_time,), daemon=True).start()
    wait_until(lambda: not len(queue))
    assert [one["id"] for one in tries] == ["a", "a", "a"]


def test_an_empty_queue_has_an_empty_journal(tmp_path: Path) -> None:
    queue, _ = opened(tmp_path / "j")
    queue.put(invoice("a"))
    drain(queue)
    assert (tmp_path / "j").stat().st_size == 0


def test_two_instances_have_two_journals_and_a_dead_ones_is_adopted(tmp_path: Path) -> None:
    first, second = claim(tmp_path), claim(tmp_path)
    WriteQueue(first).put(invoice("a"))
    WriteQueue(second).put(invoice("b"))
    first.close()
    assert drain(WriteQueue(claim(tmp_path))) == [invoice("a")]
