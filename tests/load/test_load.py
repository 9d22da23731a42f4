"""The load worker, as a part against real servers."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chaoskit.load.schedule import arrivals, due_between
from chaoskit.load.templates import draw
from chaoskit.wire import EffectSpec, Expect, HttpRequest, LoadStream
from tests.load.helpers import GET, Server, ok, run, stream

# ---------------------------------------------------------------- schedule and templates


def test_the_schedule_is_data() -> None:
    """Constant arrivals; streams do not tick together; counts and times agree; the same seed, the same times."""
    one, two = LoadStream("a", 50, 1, ()), LoadStream("b", 50, 1, ())
    times = list(arrivals(one, 1, 10))
    assert len(times) == due_between(one, 1, 0, 10) == 500
    assert [b - a for a, b in zip(times, times[1:], strict=False)] == pytest.approx([0.02] * 499)
    assert times == list(arrivals(one, 1, 10)) != list(arrivals(one, 2, 10))
    assert times[0] != next(arrivals(two, 1, 10))
    assert sum(due_between(one, 1, t / 3, (t + 1) / 3) for t in range(30)) == 500
    assert due_between(one, 1, 2.0, 3.5) == sum(2.0 <= t < 3.5 for t in times)


def test_templates_are_drawn_once_per_request() -> None:
    """The same value wherever it stands; a string that is only a template keeps its type; `$${` is literal."""
    draws = draw(1, "writes", 7)
    first, second = draws.text("${uuid} ${seq} ${1..9}"), draws.text("${uuid} ${seq} ${1..9}")
    assert first == second
    assert first.split()[1] == "7"
    assert draws.json({"n": "${1..9}", "s": "n=${seq}", "l": ["${seq}"], "x": "$${seq}"}) == {
        "n": int(first.split()[2]), "s": "n=7", "l": [7], "x": "${seq}"
    }  # fmt: skip
    assert draw(1, "writes", 7).text("${uuid}") == draws.text("${uuid}") != draw(1, "writes", 8).text("${uuid}")


# ---------------------------------------------------------------- requests


def test_every_request_due_has_its_row_and_connections_are_kept(tmp_path: Path, serve: Callable[..., Server]) -> None:
    """As many rows as the schedule has, in order, each due when it should be."""
    server = serve(ok)
    zero, requests, _, due = run(tmp_path, server.server_address[1], stream(100))
    assert len(requests) == due == due_between(stream(100), 1, 0, 0.6)
    assert [r.seq for r in requests] == list(range(due))
    assert [r.due - zero for r in requests] == pytest.approx(list(arrivals(stream(100), 1, 0.6)))
    assert {r.outcome for r in requests} == {"ok"}
    assert all(r.due <= r.done and r.sent is not None and r.first_byte is not None for r in requests)
    assert server.connections < len(requests) / 2


def test_latency_counts_from_due_so_a_stall_is_felt_by_all_behind_it(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    """An app that serves one request at a time and stalls once: those behind it wait, and their latency says so."""
    lock, stalled = threading.Lock(), threading.Event()

    def respond(*_: object) -> tuple[int, dict[str, str], bytes]:
        with lock:
            if not stalled.is_set():
                stalled.set()
                time.sleep(0.7)  # the stall itself, not a wait for a condition
        return 200, {}, b""

    _, requests, _, _ = run(tmp_path, serve(respond).server_address[1], stream(50), span=1.0)
    slow = [r for r in requests if r.done - r.due > 0.2]
    assert len(slow) >= 20
    assert all(r.sent is not None and r.sent - r.due < 0.2 for r in requests)


def test_cutting_the_schedule_stops_what_is_due_and_waits_for_what_is_open(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    """`EndAt` before the span's end: nothing is due after it."""
    zero, requests, _, due = run(tmp_path, serve(ok).server_address[1], stream(100), span=60.0, cut=0.5)
    assert len(requests) == due == pytest.approx(50, abs=2)
    assert all(r.due < zero + 0.5 for r in requests)


def test_failures_have_their_class(tmp_path: Path, serve: Callable[..., Server]) -> None:
    """refused, timeout, status."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    _, requests, _, _ = run(tmp_path, port, stream(20), span=0.3)
    assert {(r.outcome, r.error) for r in requests} == {("failed", "refused")}
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        _, requests, _, _ = run(tmp_path, silent.getsockname()[1], stream(20, timeout=0.2), span=0.3)
    assert {(r.error, r.status) for r in requests} == {("timeout", None)}
    assert all(r.done - r.due >= 0.19 for r in requests)
    bad = serve(lambda *_: (500, {}, b""))
    _, requests, _, _ = run(tmp_path, bad.server_address[1], stream(20), span=0.3)
    assert {(r.error, r.status) for r in requests} == {("status", 500)}


EXPECTATIONS = [
    (Expect(status=(200,)), ""), (Expect(status=(201, 202)), "status"),
    (Expect(json={"a.b.0": 1}), ""), (Expect(json={"a.b.1": "y"}), "expect"), (Expect(json={"a.b": "present"}), ""),
    (Expect(json={"a.c": "present"}), "expect"), (Expect(json={"a.c": "absent"}), ""),
    (Expect(json={"a.b.2": True}), ""), (Expect(json={"a.b.0": True}), "expect"),
    (Expect(body='"x"'), ""), (Expect(body="nope"), "expect"),
    (Expect(headers={"X-From": "cache"}), ""), (Expect(headers={"X-From": "origin"}), "expect"),
]  # fmt: skip


def test_expectations(tmp_path: Path, serve: Callable[..., Server]) -> None:
    """Status, JSON path, body, header."""
    server = serve(lambda *_: (200, {"X-From": "cache"}, b'{"a": {"b": [1, "x", true]}}'))
    asked = [HttpRequest("GET", "/", expect=expect) for expect, _ in EXPECTATIONS]
    _, requests, _, due = run(tmp_path, server.server_address[1], stream(2 * len(asked), *asked))
    assert due >= len(asked)
    assert [r.error for r in requests][: len(asked)] == [error for _, error in EXPECTATIONS]


def test_answers_without_a_body_or_of_unknown_length_are_whole(tmp_path: Path, serve: Callable[..., Server]) -> None:
    """HEAD, 204, and a body that ends with its connection."""

    def respond(method: str, path: str, _body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path == "/none":
            return 204, {}, b""
        return 200, {"Connection": "close"} if path == "/close" else {}, b"hello"

    kinds = [
        HttpRequest("HEAD", "/"),
        HttpRequest("GET", "/none"),
        HttpRequest("GET", "/close", expect=Expect(body="hello")),
    ]
    _, requests, _, _ = run(tmp_path, serve(respond).server_address[1], stream(30, *kinds), span=0.5)
    assert {(r.label, r.error) for r in requests} == {("HEAD /", ""), ("GET /none", ""), ("GET /close", "")}


# ---------------------------------------------------------------- effects


def test_effects_are_looked_for_until_found_and_looked_at_again(tmp_path: Path, serve: Callable[..., Server]) -> None:
    """Present late, and missing for good: the last record of each tells."""
    made: dict[str, float] = {}

    def respond(method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if method == "POST":
            made[json.loads(body)["id"]] = time.monotonic()
            return 201, {}, b""
        seq = int(path.rpartition("/")[2])
        there = seq % 5 and time.monotonic() - made.get(str(seq), 1e12) > 0.3
        return (200, {}, b"") if there else (404, {}, b"")

    post = HttpRequest("POST", "/", body='{"id": "${seq}"}')
    effect = EffectSpec(HttpRequest("GET", "/made/${seq}"), within=0.7)
    _, requests, effects, _ = run(tmp_path, serve(respond).server_address[1], stream(30, post, effect=effect), span=0.5)
    last = {effect.seq: effect for effect in effects}
    assert sorted(last) == [r.seq for r in requests]
    assert {seq: e.state for seq, e in last.items()} == {seq: "present" if seq % 5 else "missing" for seq in last}
    assert all(e.found is not None and e.found - e.accepted > 0.2 for e in last.values() if e.state == "present")


def test_a_failed_request_owes_no_effect(tmp_path: Path, serve: Callable[..., Server]) -> None:
    """What was not accepted cannot be lost."""
    effect = EffectSpec(GET, within=0.1)
    bad = serve(lambda *_: (503, {}, b""))
    assert run(tmp_path, bad.server_address[1], stream(20, effect=effect), span=0.2)[2] == []
