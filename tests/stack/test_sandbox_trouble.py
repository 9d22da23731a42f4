"""The sandbox where something goes wrong: early ends, a dead agent, a poorer machine, an ordinary user."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaoskit.errors import MissingAbility, StackBroken, TargetNotReady
from chaoskit.stack.embedded.sandbox import Layout, Sandbox, private_sockets
from tests.conftest import wait_until

ROOT = Path(__file__).parents[2]
PYTHON = [sys.executable, "-I", "-S", "-c"]


@pytest.fixture
def nowhere() -> Iterator[int]:
    descriptor = os.open(os.devnull, os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


def test_a_target_that_ends_at_once_is_heard_of(tmp_path: Path, nowhere: int) -> None:
    """Also when its end is told before its start is: each of several."""
    for _ in range(10):
        codes: list[int] = []
        sandbox = Sandbox(Layout((), None), codes.append)
        sandbox.start()
        sandbox.launch(["false"], {"PATH": os.environ["PATH"]}, tmp_path, nowhere)
        wait_until(lambda codes=codes: codes == [1])
        assert sandbox.exit_code == 1
        assert sandbox.close(5)


@pytest.mark.parametrize(
    ("argv", "folder", "says"),
    [
        (["true"], "/no/such/folder", "/no/such/folder"),
        (["tr\0ue"], "/", "embedded null"),
        ([os.devnull], "/", "Permission denied"),
    ],
)
def test_a_start_that_fails_says_of_what(
    sandbox: Sandbox, argv: list[str], folder: str, says: str, nowhere: int
) -> None:
    """The folder is told apart from the command."""
    with pytest.raises(TargetNotReady, match=says):
        sandbox.launch(argv, {"PATH": os.environ["PATH"]}, Path(folder), nowhere)


@pytest.mark.parametrize("ignored", [signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGINT])
def test_the_target_starts_with_default_signals(tmp_path: Path, ignored: signal.Signals) -> None:
    """Whatever the caller ignores (nohup) or blocks."""
    before = signal.signal(ignored, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [ignored])
    try:
        sandbox = Sandbox(Layout((), None), lambda _code: None)
        sandbox.start()
        _, output = sandbox.run(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"], {"PATH": os.environ["PATH"]}, 10)
        # 32 and 33 are the C library's own and nobody else's to set; GNU make hands them on ignored.
        settable = sum(1 << (number - 1) for number in signal.valid_signals())
        masks = [int(line.split()[1], 16) for line in output.splitlines()]
        assert [mask & settable for mask in masks] == [0, 0]
        assert sandbox.close(5)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [ignored])
        signal.signal(ignored, before)


def test_a_program_that_takes_too_long_is_given_up(sandbox: Sandbox) -> None:
    """Also when it holds its output open."""
    with pytest.raises(StackBroken, match=r"did not end within 0\.2 s"):
        sandbox.run(["sleep", "600"], {"PATH": os.environ["PATH"]}, 0.2)


def test_the_machines_own_name_is_known_inside(sandbox: Sandbox) -> None:
    """As loopback: Java and others look it up at their start."""
    status, output = sandbox.run([*PYTHON, "import socket; print(socket.gethostbyname(socket.gethostname()))"], {}, 10)
    assert (status, output) == (0, "127.0.0.1\n")


@pytest.mark.parametrize("victim", ["agent", "init"])
def test_a_dead_agent_is_trouble(tmp_path: Path, nowhere: int, victim: str) -> None:
    """The run is broken, not failed: the target did not end by itself. Asking it fails at once, closing is no trouble."""
    codes: list[int] = []
    sandbox = Sandbox(Layout((), None), codes.append)
    sandbox.start()
    sandbox.launch(["sleep", "600"], {"PATH": os.environ["PATH"]}, tmp_path, nowhere)
    assert sandbox.trouble() is None
    assert sandbox._process is not None
    os.kill(sandbox.pid1 if victim == "init" else sandbox._process.pid, signal.SIGKILL)
    wait_until(sandbox.trouble)
    with pytest.raises(StackBroken):
        sandbox.syn_socket()
    assert codes == []
    assert sandbox.close(5)
    assert sandbox.trouble() is None


def test_an_agent_that_dies_over_a_question_is_not_waited_for(sandbox: Sandbox) -> None:
    """The answer is its end."""
    os.kill(sandbox.pid1, signal.SIGSTOP)
    errors: list[str] = []

    def ask() -> None:
        try:
            sandbox.listen("tcp", "198.18.0.10", 443)
        except StackBroken as error:
            errors.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: sandbox._answers)
    os.kill(sandbox.pid1, signal.SIGKILL)
    asking.join(8)
    assert errors == ["the sandbox's agent is gone"]


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_refused_start_leaves_nothing(tmp_path: Path) -> None:
    """Neither a process, nor a descriptor."""
    layout = Layout(("198.18.0.10", "198.18.0.10"), None)
    before = descriptors()
    sandbox = Sandbox(layout, lambda _code: None)
    with pytest.raises(MissingAbility, match=r"198\.18\.0\.10"):
        sandbox.start()
    assert sandbox._process is None
    assert descriptors() == before


def test_a_limit_of_open_files_is_named(tmp_path: Path) -> None:
    """Not a traceback."""
    script = """
        import resource, socket
        resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))
        sandbox = Sandbox(Layout((), None), lambda code: None)
        try:
            sandbox.start()
        except MissingAbility as error:
            print(error.remedy)
        """
    done = subprocess.run(
        [sys.executable, "-c", driver(script)], check=False, capture_output=True, text=True, timeout=30
    )
    assert "raise that limit" in done.stdout, done.stderr


def test_private_sockets_are_found_by_the_environment() -> None:
    """The runtime folder, also where it is not named; agents; engines by a path, not by an address."""
    host = {"SSH_AUTH_SOCK": "/tmp/ssh/agent", "DOCKER_HOST": "unix:///srv/d.sock", "CONTAINER_HOST": "tcp://x:1"}
    assert private_sockets(host, 7) == ["/run/user/7", "/tmp/ssh/agent", "/srv/d.sock"]
    assert private_sockets({"XDG_RUNTIME_DIR": "/run/me"}, 7) == ["/run/me"]


def test_a_hidden_socket_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unix sockets cross network namespaces; those we know of are covered, and still serve outside."""
    path = f"/proc/self/cwd/{tmp_path.name}.sock"  # short enough for a socket's path
    monkeypatch.chdir(tmp_path.parent)
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    real = str(tmp_path.parent / f"{tmp_path.name}.sock")
    monkeypatch.setenv("SSH_AUTH_SOCK", real)
    sandbox = Sandbox(Layout((), None), lambda _code: None)
    sandbox.start()
    code = f"import os, stat; print(stat.S_ISCHR(os.stat({real!r}).st_mode))"
    assert sandbox.run([*PYTHON, code], {}, 10) == (0, "True\n")
    assert sandbox.close(5)
    with socket.socket(socket.AF_UNIX) as client, server:
        client.connect(path)


# ---------------------------------------------------------------- other machines and users


def driver(script: str) -> str:
    """A script with the sandbox's names, for a process of its own; standard library only."""
    head = f"""
        import json, os, socket, sys
        sys.path.insert(0, {str(ROOT)!r})
        from pathlib import Path
        from chaoskit.errors import MissingAbility
        from chaoskit.stack.embedded.sandbox import Layout, Sandbox
        """
    return textwrap.dedent(head) + textwrap.dedent(script)


ORDINARY = """
    sandbox = Sandbox(Layout(("198.18.0.10",), 8080), lambda code: None)
    sandbox.start()
    listener = sandbox.listen("tcp", "198.18.0.10", 443)
    code = '''
    import os, socket, time
    caps = {line.split()[1] for line in open("/proc/self/status") if line.startswith("Cap")}
    socket.create_connection(("198.18.0.10", 443), 5)
    servers = [socket.create_server(("0.0.0.0", port)) for port in (443, 53, 8080)]
    print(os.getuid(), *caps, flush=True)
    time.sleep(600)
    '''
    read, write = os.pipe()
    import textwrap
    sandbox.launch([sys.executable, "-I", "-S", "-c", textwrap.dedent(code)], {"PATH": "/usr/bin:/bin"}, Path("/"), write)
    said = os.read(read, 100).decode().split()
    print(json.dumps([said, sandbox.listening(8080), sandbox.notes]))
    sandbox.terminate(0)
    print(json.dumps(sandbox.close(5)))
    """


def test_an_ordinary_user_has_it_all() -> None:
    """Its own uid, no capability, any port, a listener handed out, listening seen from outside: with the system's
    Python and nothing beside the standard library."""
    ordinary: dict[str, Any] = {}
    if os.getuid() == 0 and all(folder.stat().st_mode & 0o005 == 0o005 for folder in (ROOT, *ROOT.parents)):
        ordinary = {"user": 65534, "group": 65534, "extra_groups": []}
    python = "/usr/bin/python3" if ordinary else sys.executable
    done = subprocess.run(
        [python, "-B", "-c", driver(ORDINARY)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        **ordinary,
    )
    assert done.returncode == 0, done.stderr
    (said, listening, notes), closed = map(json.loads, done.stdout.splitlines())
    assert said == [str(ordinary.get("user", os.getuid())), "0" * 16]
    assert (listening, notes, closed) == ("127.0.0.1", [], True)


DEGRADED = """
    sandbox = Sandbox(Layout((), None), lambda code: None)
    sandbox.start()
    print(json.dumps(sandbox.notes), flush=True)
    _, seen = sandbox.run(["cat", "/etc/resolv.conf", sys.argv[1]], {"PATH": os.environ["PATH"]}, 10)
    print(json.dumps(seen), flush=True)
    Path("/etc/resolv.new").write_text("nameserver 192.0.2.1")
    print(json.dumps(sandbox.trouble()), flush=True)
    os.rename("/etc/resolv.new", "/etc/resolv.conf")
    from chaoskit.clock import RunClock
    clock = RunClock()
    while sandbox.trouble() is None and clock.now() < 10:
        clock.sleep(0.01)
    print(json.dumps(sandbox.trouble()), flush=True)
    sandbox.close(5)
    """


def test_where_an_overlay_is_refused_binds_are_watched(tmp_path: Path) -> None:
    """As in a container, whose own mounts on /etc are locked. The host's temporary folder stays to be seen; the host
    renaming a new file over resolv.conf undoes the bind, which is told."""
    seen = tmp_path / "seen"
    seen.write_text("the host's file")
    etc = tmp_path / "etc"
    etc.mkdir()
    container = (
        f"mount -t tmpfs etc {etc} && cp -r /etc/ld.so* /etc/passwd {etc}/ && "
        f"touch {etc}/resolv.conf {etc}/hosts {etc}/hostname && mount --bind {etc} /etc && "
        'mount --bind /dev/null /etc/hostname && exec "$@"'
    )
    command = ["unshare", "-Urm", "sh", "-ec", container, "-", sys.executable, "-c", driver(DEGRADED), str(seen)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr
    notes, content, before, after = map(json.loads, done.stdout.splitlines())
    assert "bind mounts" in notes[0]
    assert "no /etc/nsswitch.conf" in notes[1]
    assert content == "nameserver 198.18.0.1\nthe host's file"
    assert before is None
    assert "/etc/resolv.conf" in after


def test_the_end_of_the_agent_can_be_waited_for(sandbox: Sandbox) -> None:
    """`pidfd` is PID 1's: readable once everything inside is gone."""
    assert select.select([sandbox.pidfd], [], [], 0)[0] == []
    os.kill(sandbox.pid1, signal.SIGKILL)
    assert select.select([sandbox.pidfd], [], [], 5)[0] == [sandbox.pidfd]
