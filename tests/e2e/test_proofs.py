"""The slow proofs: the demo as root and as an ordinary user, ten of ten, kills at random moments."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.whole.harness import (
    DYNAMODB,
    Traces,
    alive,
    all_pids,
    command,
    descendants,
    experiment,
    namespaces,
    run_json,
)

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
NOBODY = 65534
SYSTEM_PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean checkout that every user may read."""
    folder = tmp_path_factory.mktemp("checkout")
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    clone = folder / "chaoskit"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    return clone


def demo(folder: Path, **arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "demo", f"PYTHON={arguments.pop('python', sys.executable)}"],
        cwd=folder, capture_output=True, text=True, timeout=600, check=False, **arguments,  # type: ignore[call-overload]
    )  # fmt: skip


def show_both(done: subprocess.CompletedProcess[str]) -> None:
    out = done.stdout
    assert done.returncode == 0, out + done.stderr
    assert "FAILED  dynamodb-dns-blank[app=billing-naive], as its file expects" in out
    assert "PASSED  dynamodb-dns-blank[app=billing-resilient]" in out
    assert "side by side" in out


def test_the_demo_shows_both_verdicts_as_this_user(checkout: Path) -> None:
    """Set-up included, from a clean checkout: the naive one fails, the resilient one passes, exit code 0."""
    show_both(demo(checkout))


def test_the_demo_shows_both_verdicts_as_an_ordinary_user(checkout: Path) -> None:
    """With a clone and a .venv of its own, made from a Python that it may execute; nothing of root's is needed."""
    if os.getuid() != 0:
        show_both(demo(checkout))  # this user is an ordinary one already
        return
    home = checkout.parent / "home"
    home.mkdir()
    clone = home / "chaoskit"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    for path in (home, *home.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL", "PYENV"))}
    env |= {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "TMPDIR": str(home)}
    done = demo(clone, python=SYSTEM_PYTHON, user=NOBODY, group=NOBODY, extra_groups=[], env=env)
    show_both(done)
    shutil.rmtree(home)


def test_a_healthy_target_without_faults_passes_ten_times_of_ten(tmp_path: Path) -> None:
    """A/A: no false alarm."""
    load = {"gets": {"rate": "60/s", "timeout": "2s", "requests": ["GET /boto3"]}}
    phases = [{"phase": "baseline", "for": "2s"}, {"phase": "later", "for": "7s"}]
    slos = ["success_rate >= 99% during later"]
    verdicts = []
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = experiment(folder, warm=True, dependencies={"dynamodb": DYNAMODB}, load=load, phases=phases, slos=slos)
        ran = run_json(path)
        verdicts.append((ran.run["verdict"], ran.run["reasons"]))
    assert [word for word, _ in verdicts] == ["passed"] * 10, verdicts


def test_kill_9_at_random_moments_leaves_nothing(tmp_path: Path) -> None:
    """Of the orchestrator, or of any of its processes, at moments from its first to its last second."""
    chance = random.Random(20251020)
    phases = [
        {"phase": "baseline", "for": "1s"},
        {"phase": "outage", "for": "1s", "faults": [{"fault": "dns.nodata", "of": "dynamodb", "connections": "cut"}]},
        {"phase": "after", "for": "1s"},
    ]
    before = Traces.now()
    for number in range(30):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = experiment(folder, dependencies={"dynamodb": DYNAMODB}, phases=phases)
        run = subprocess.Popen(
            command("run", str(path), "--out", str(folder / "runs")),
            cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        family, spaces = _kill_at(run, chance.uniform(0.05, 6.0), orchestrator=number % 2 == 0, chance=chance)
        run.wait(60)
        wait_until(lambda family=family: not alive(family), 15)
        assert not namespaces(all_pids()) & spaces, number
    after = Traces.now()
    assert after.mounts == before.mounts
    assert not [name for name in after.files - before.files if "chaoskit" in name or name.startswith("billing-")]


def _kill_at(
    run: subprocess.Popen[bytes], moment: float, *, orchestrator: bool, chance: random.Random
) -> tuple[set[int], set[str]]:
    """Watch a run's family until the moment, then kill -9 the orchestrator, or one of its processes."""
    family, spaces = set[int](), set[str]()
    end = time.monotonic() + moment
    while time.monotonic() < end and run.poll() is None:
        family |= descendants(run.pid)
        spaces |= namespaces(family)
        time.sleep(0.01)
    family |= descendants(run.pid)
    spaces |= namespaces(family)
    victims = sorted(alive(family))
    victim = run.pid if orchestrator or not victims else chance.choice(victims)
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it had just ended
    return family, spaces
