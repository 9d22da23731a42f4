"""Whatever ends a run, nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.whole.harness import DYNAMODB, Traces, alive, all_pids, command, descendants, experiment, namespaces

PHASES = [
    {"phase": "baseline", "for": "2s"},
    {"phase": "outage", "for": "60s", "faults": [{"fault": "dns.nodata", "of": "dynamodb"}]},
]
READ = {"gets": {"rate": "20/s", "timeout": "2s", "requests": ["GET /boto3"]}}


def start(folder: Path) -> subprocess.Popen[str]:
    """A run that is in its outage for a minute."""
    path = experiment(folder, warm=True, dependencies={"dynamodb": DYNAMODB}, load=READ, phases=PHASES)
    words = command("run", str(path), "--out", str(folder / "runs"))
    return subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def in_outage(folder: Path) -> bool:
    """The fault's undo is in the ledger."""
    return any(ledger.read_text() for ledger in folder.glob("runs/*/ledger.jsonl"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_undoes_and_exits_130(tmp_path: Path, number: int) -> None:
    """Ctrl-C once: the ledger is settled, nothing is left, exit code 130."""
    before = Traces.now()
    run = start(tmp_path)
    wait_until(lambda: in_outage(tmp_path), 30)
    family = descendants(run.pid)
    run.send_signal(number)
    out, _ = run.communicate(timeout=30)
    assert run.returncode == 130, out
    assert "STOPPED" in out
    (ledger,) = tmp_path.glob("runs/*/ledger.jsonl")
    assert '"done"' in ledger.read_text()
    wait_until(lambda: not alive(family))
    assert Traces.now().mounts == before.mounts


def test_kill_9_of_the_orchestrator_leaves_nothing(tmp_path: Path) -> None:
    """No process, no namespace, no mount, no temporary file."""
    before = Traces.now()
    run = start(tmp_path)
    wait_until(lambda: in_outage(tmp_path), 30)
    family = descendants(run.pid)
    spaces = namespaces(family)
    assert spaces
    assert len(family) >= 8
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    wait_until(lambda: not alive(family), 10)
    assert not namespaces(all_pids()) & spaces
    after = Traces.now()
    assert after.mounts == before.mounts
    assert not [name for name in after.files - before.files if "chaoskit" in name]


def test_a_part_that_dies_ends_the_run_as_broken(tmp_path: Path) -> None:
    """kill -9 of the DNS server: exit code 5, with its name; nothing is left."""
    run = start(tmp_path)
    wait_until(lambda: in_outage(tmp_path), 30)
    family = descendants(run.pid)
    (dns,) = [pid for pid in family if b"chaoskit.dns" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(dns, signal.SIGKILL)
    out, _ = run.communicate(timeout=30)
    assert run.returncode == 5, out
    assert "dns" in out
    wait_until(lambda: not alive(family))
