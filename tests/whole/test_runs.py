"""Whole runs on small real apps: sandbox, DNS, TLS, emulator, load, judge."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.whole.harness import DYNAMODB, experiment, run_json

READ = {"gets": {"rate": "40/s", "timeout": "2s", "requests": ["GET /boto3"]}}


def outage(fault: dict[str, Any], length: str = "3s") -> list[dict[str, Any]]:
    return [{"phase": "baseline", "for": "2s"}, {"phase": "outage", "for": length, "faults": [fault]}]


def test_a_healthy_target_without_faults_passes(tmp_path: Path) -> None:
    """No fault, no evidence asked: the steady state holds, and that is a pass."""
    ran = run_json(experiment(tmp_path, slos=["latency p50 <= 1s"]))
    assert (ran.run["verdict"], ran.code) == ("passed", 0), ran.out
    assert ran.run["slos"][0]["samples"] == pytest.approx(80, abs=4)


def test_unmodified_clients_reach_the_real_name_by_tls(tmp_path: Path) -> None:
    """boto3, requests and curl resolve dynamodb.us-east-1.amazonaws.com and speak TLS with it as in production."""
    wanted = {"boto3": "one", "requests": "things", "curl": "things"}
    load = {
        name: {"rate": "2/s", "requests": [{"get": f"/{name}", "expect": {"body": text}}]}
        for name, text in wanted.items()
    }
    slos = [f"success_rate of {name} >= 30%" for name in wanted]
    phases = [{"phase": "baseline", "for": "4s"}]
    ran = run_json(experiment(tmp_path, dependencies={"dynamodb": DYNAMODB}, load=load, slos=slos, phases=phases))
    assert [slo["value"] for slo in ran.run["slos"]] == [1.0, 1.0, 1.0], ran.out


def test_blank_dns_that_meets_only_pooled_connections_is_inconclusive(tmp_path: Path) -> None:
    """`connections: keep`: every request succeeds, and still the run is not green: the fault was not exercised."""
    phases = outage({"fault": "dns.nodata", "of": "dynamodb", "connections": "keep"})
    ran = run_json(experiment(tmp_path, warm=True, dependencies={"dynamodb": DYNAMODB}, load=READ, phases=phases))
    assert (ran.run["verdict"], ran.code) == ("inconclusive", 3), ran.out
    assert ran.run["faults"][0]["evidence"] == 0
    assert "not exercised" in ran.run["reasons"][0]


@pytest.mark.parametrize("how", ["drain", "cut"])
def test_blank_dns_bites_once_connections_end(tmp_path: Path, how: str) -> None:
    """With `drain` and with `cut` there is evidence, and an app without a fallback fails."""
    phases = outage({"fault": "dns.nodata", "of": "dynamodb", "connections": how}, "4s")
    slos = ["success_rate >= 99% during outage"]
    path = experiment(tmp_path, warm=True, dependencies={"dynamodb": DYNAMODB}, load=READ, phases=phases, slos=slos)
    ran = run_json(path)
    assert ran.run["faults"][0]["evidence"] > 0, ran.out
    assert (ran.run["verdict"], ran.code) == ("failed", 1)


def test_recovery_ends_early_and_effects_are_seen(tmp_path: Path) -> None:
    """`until: steady` cuts the phase; accepted writes are found in the emulator; nothing is lost."""
    put = {
        "post": "/",
        "json": {"id": "${uuid}"},
        "effect": {
            "call": "dynamodb.GetItem",
            "with": {"TableName": "things", "Key": {"id": {"S": "${uuid}"}}},
            "expect": {"json": {"Item": "present"}},
        },
    }
    load = {"puts": {"rate": "30/s", "timeout": "2s", "requests": [put]}}
    phases = [
        *outage({"fault": "dns.servfail", "of": "dynamodb", "connections": "cut"}, "2s"),
        {"phase": "recovery", "for": "30s", "until": "steady"},
    ]
    slos = ["lost of puts == 0", "time_to_recover <= 10s", "success_rate >= 99% during outage"]
    ran = run_json(
        experiment(
            tmp_path,
            warm=True,
            dependencies={"dynamodb": DYNAMODB},
            load=load,
            phases=phases,
            slos=slos,
            expect="failed",
        )
    )
    lost, recovered, success = ran.run["slos"]
    assert lost["verdict"] == "passed", ran.out
    assert lost["samples"] > 10
    assert recovered["verdict"] == "passed"
    assert success["verdict"] == "failed"
    assert ran.code == 0
    assert ran.run["run"]["wall"] < 30


@pytest.fixture
def echo_server() -> Iterator[str]:
    """A TCP server that already runs on the host."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    sock, _ = server.accept()
                except OSError:
                    return
                with sock:
                    sock.sendall(sock.recv(100))

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_latency_of_a_tcp_dependency_is_felt_and_counted(tmp_path: Path, echo_server: str) -> None:
    """The toxic delays the upstream's bytes; the delayed chunks are the evidence."""
    phases = outage({"fault": "net.latency", "of": "cache", "latency": "300ms"})
    load = {"gets": {"rate": "20/s", "timeout": "2s", "requests": [{"get": "/echo", "expect": {"body": "hello"}}]}}
    slos = ["latency p50 >= 300ms during outage", "latency p50 <= 250ms during baseline"]
    cache = {"tcp": "cache.internal:6379", "upstream": echo_server}
    ran = run_json(experiment(tmp_path, dependencies={"cache": cache}, load=load, phases=phases, slos=slos))
    assert ran.run["verdict"] == "passed", ran.out
    assert ran.run["faults"][0]["evidence"] > 10


def test_a_dependency_that_is_down_refuses_and_syns_are_the_evidence(tmp_path: Path, echo_server: str) -> None:
    """New connections are refused; each attempt is seen on the wire; afterwards it works again."""
    phases = [*outage({"fault": "net.down", "of": "cache"}), {"phase": "after", "for": "2s"}]
    load = {"gets": {"rate": "20/s", "timeout": "2s", "requests": ["GET /echo"]}}
    slos = ["success_rate <= 20% during outage", "success_rate >= 80% during after"]
    cache = {"tcp": "cache.internal:6379", "upstream": echo_server}
    ran = run_json(experiment(tmp_path, dependencies={"cache": cache}, load=load, phases=phases, slos=slos))
    assert ran.run["verdict"] == "passed", ran.out
    assert ran.run["faults"][0]["evidence"] > 10


def test_a_baseline_that_does_not_hold_voids_the_run_before_any_fault(tmp_path: Path) -> None:
    """The gate: nothing is injected into what is already broken."""
    phases = outage({"fault": "dns.nodata", "of": "dynamodb"})
    load = {"gets": {"rate": "20/s", "timeout": "2s", "requests": ["GET /nowhere"]}}
    ran = run_json(experiment(tmp_path, dependencies={"dynamodb": DYNAMODB}, load=load, phases=phases))
    assert (ran.run["verdict"], ran.code) == ("void", 4), ran.out
    assert not ran.run["faults"][0]["injected"]


def test_a_target_that_is_never_ready_voids_the_run_and_shows_its_output(tmp_path: Path) -> None:
    """With the end of what it printed."""
    target = {"command": ["python3", "-c", "print('no config, giving up')"], "port": 8080}
    ran = run_json(experiment(tmp_path, target=target))
    assert (ran.run["verdict"], ran.code) == ("void", 4)
    assert "no config, giving up" in ran.run["reasons"][0]


def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """The error says which."""
    ran = run_json(experiment(tmp_path, target={"command": ["no-such-program"], "port": 8080}))
    assert ran.code == 4
    assert "no-such-program" in ran.run["reasons"][0]


def test_a_target_that_ends_in_mid_run_fails_its_requests_and_is_told(tmp_path: Path) -> None:
    """The run goes on to its verdict; the end of the target is among the findings."""
    app = "import threading, os; threading.Timer(2.5, os._exit, [7]).start()\n"
    path = experiment(tmp_path, phases=[{"phase": "baseline", "for": "1s"}, {"phase": "later", "for": "3s"}])
    (tmp_path / "app.py").write_text(app + (tmp_path / "app.py").read_text())
    spec = path.read_text().replace('"load"', '"slos": ["success_rate >= 99%"], "load"')
    path.write_text(spec)
    ran = run_json(path)
    assert ran.run["verdict"] == "failed", ran.out
    assert any("exit code 7" in finding for finding in ran.run["findings"])


def test_a_tcp_upstream_that_does_not_run_is_named_before_anything_starts(tmp_path: Path) -> None:
    """Exit code 5, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    cache = {"tcp": "cache.internal:6379", "upstream": f"127.0.0.1:{port}"}
    ran = run_json(experiment(tmp_path, dependencies={"cache": cache}))
    assert ran.code == 5
    assert "start it before the run" in ran.run["reasons"][0]


def test_the_same_seed_asks_the_same_requests(tmp_path: Path) -> None:
    """Requests, their values and their spacing are made from the seed."""
    load = {"gets": {"rate": "40/s", "timeout": "2s", "requests": ["GET /plain?x=${1..1000}"]}}

    def labels(seed: str) -> list[tuple[str, int, str]]:
        ran = run_json(experiment(tmp_path, load=load, expect="failed", slos=["success_rate >= 99%"]), "--seed", seed)
        with sqlite3.connect(Path(tmp_path, ran.run["run"]["folder"], "history.sqlite")) as db:
            return db.execute("SELECT load, seq, label FROM requests WHERE seq < 60 ORDER BY seq").fetchall()

    first, again, other = labels("1"), labels("1"), labels("2")
    assert first == again
    assert first != other
