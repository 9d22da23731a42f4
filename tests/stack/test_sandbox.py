"""The sandbox: real namespaces, what the target can and cannot, and how it ends."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from chaoskit.errors import TargetNotReady
from chaoskit.stack.embedded.remedies import Facts, explain
from chaoskit.stack.embedded.sandbox import DNS_ADDRESS, Layout, Sandbox
from tests.conftest import wait_until
from tests.whole.harness import alive, descendants

ROOT = Path(__file__).parents[2]
PYTHON = [sys.executable, "-I", "-S", "-c"]


def inside(sandbox: Sandbox, code: str) -> str:
    status, output = sandbox.run([*PYTHON, textwrap.dedent(code)], {"PATH": os.environ["PATH"]}, 10)
    assert status == 0, output
    return output


def test_the_target_keeps_its_uid_and_has_no_capability_and_no_descriptor_of_ours(sandbox: Sandbox) -> None:
    """Also where the caller is root."""
    output = inside(
        sandbox,
        """
        import os
        print(os.getuid(), os.getgid())
        print(*[line.split()[1] for line in open("/proc/self/status") if line.startswith("Cap")])
        print(*[line.split()[1] for line in open("/proc/self/status") if line.startswith("NoNewPrivs")])
        print(sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:-1])
        print(sorted(int(p) for p in os.listdir("/proc") if p.isdigit()))
        """,
    ).splitlines()
    assert output[0] == f"{os.getuid()} {os.getgid()}"
    assert set(output[1].split()) == {"0" * 16}
    assert output[2] == "1"
    assert output[3] == "[0, 1, 2]"
    assert output[4].startswith("[1, ")


def test_its_names_are_ours_and_the_hosts_are_untouched(sandbox: Sandbox) -> None:
    """Private resolv.conf, hosts and nsswitch.conf."""
    before = Path("/etc/resolv.conf").read_bytes() if Path("/etc/resolv.conf").exists() else None
    output = inside(sandbox, "print(open('/etc/resolv.conf').read(), open('/etc/nsswitch.conf').read())")
    assert f"nameserver {DNS_ADDRESS}" in output
    assert "hosts: files dns" in output
    assert (Path("/etc/resolv.conf").read_bytes() if before is not None else None) == before


def test_there_is_no_way_out_and_any_port_may_be_listened_on(sandbox: Sandbox) -> None:
    """Other addresses are unreachable at once; 443 and 53 are free for the target itself."""
    output = inside(
        sandbox,
        """
        import socket
        for address in ("192.0.2.1", "198.18.0.99", "1.1.1.1"):
            try:
                socket.create_connection((address, 80), 2)
            except OSError as error:
                print(error.errno)
        print([socket.create_server(("0.0.0.0", port)).getsockname()[1] for port in (443, 53)])
        """,
    )
    assert output.split("\n")[:3] == [str(errno.ENETUNREACH)] * 3
    assert "[443, 53]" in output


def test_a_listener_made_inside_is_served_outside_and_syns_are_seen(sandbox: Sandbox) -> None:
    """The socket belongs to the sandbox, whoever accepts on it; the packet socket sees the SYN and nothing else."""
    syn, listener = sandbox.syn_socket(), sandbox.listen("tcp", "198.18.0.10", 443)
    listener.settimeout(5)
    code = "import socket; s = socket.create_connection(('198.18.0.10', 443), 5); s.sendall(b'hi'); s.close()"
    assert inside(sandbox, code) == ""
    accepted, peer = listener.accept()
    with accepted:
        assert accepted.recv(2) == b"hi"
    frame = syn.recv(128)
    tcp = (frame[0] & 15) * 4
    assert socket.inet_ntoa(frame[16:20]) == "198.18.0.10"
    assert int.from_bytes(frame[tcp : tcp + 2], "big") == peer[1]
    assert frame[tcp + 13] & 0x12 == 0x02
    syn.setblocking(False)
    with pytest.raises(BlockingIOError):
        syn.recv(128)


def test_the_end_of_the_target_is_told_and_everything_it_left_dies(tmp_path: Path) -> None:
    """The exit code; daemons that it forked away go with the sandbox."""
    codes: list[int] = []
    sandbox = Sandbox(Layout((), None), codes.append)
    sandbox.start()
    code = "import os, time\nif os.fork() == 0:\n os.setsid()\n time.sleep(600)\nos._exit(3)"
    sandbox.launch([*PYTHON, code], {}, tmp_path, os.open(os.devnull, os.O_WRONLY))
    wait_until(lambda: codes)
    assert (codes, sandbox.exit_code) == ([3], 3)
    family = descendants(os.getpid())
    sandbox.terminate(0.1)
    assert sandbox.close(5)
    wait_until(lambda: not alive(family - descendants(os.getpid())))


def test_sigterm_comes_first(tmp_path: Path) -> None:
    """A target may end in its own way before it is killed."""
    sandbox = Sandbox(Layout((), None), lambda _code: None)
    sandbox.start()
    code = (
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit(0)))\n"
        "print('up', flush=True)\ntime.sleep(600)"
    )
    log = tmp_path / "log"
    sandbox.launch([*PYTHON, code], {}, tmp_path, os.open(log, os.O_WRONLY | os.O_CREAT))
    wait_until(lambda: log.read_text() == "up\n")
    sandbox.terminate(5)
    assert (log.read_text(), sandbox.exit_code) == ("up\nbye\n", 0)
    assert sandbox.close(5)


def test_a_command_that_is_not_there_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    """No traceback."""
    with pytest.raises(TargetNotReady, match="no-such-program"):
        sandbox.launch(["no-such-program"], {}, tmp_path, 1)


def test_listening_is_seen_from_outside(sandbox: Sandbox, tmp_path: Path) -> None:
    """Without a connection; IPv6 only is told as ::1."""
    assert sandbox.listening(8080) is None
    code = "import socket, time; s = socket.create_server(('::', 8080), family=socket.AF_INET6); time.sleep(600)"
    sandbox.launch([*PYTHON, code], {}, tmp_path, os.open(os.devnull, os.O_WRONLY))
    wait_until(lambda: sandbox.listening(8080) == "::1")


@pytest.mark.parametrize("victim", ["orchestrator", "agent", "init"])
def test_kill_9_of_any_of_them_leaves_nothing(victim: str) -> None:
    """Orchestrator, agent or PID 1: the others go within a moment. As an ordinary user, with nothing but the stdlib."""
    script = textwrap.dedent(
        """
        import os, sys, time
        from pathlib import Path
        sys.path.insert(0, sys.argv[1])
        from chaoskit.stack.embedded.sandbox import Layout, Sandbox
        sandbox = Sandbox(Layout((), None), lambda code: None)
        sandbox.start()
        sandbox.launch(["sleep", "600"], {"PATH": os.environ["PATH"]}, Path("/"), 1)
        print(os.getpid(), sandbox._process.pid, sandbox.pid1, flush=True)
        time.sleep(600)
        """
    )
    ordinary = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 and _readable() else {}
    python = "/usr/bin/python3" if ordinary else sys.executable
    driver = subprocess.Popen(
        [python, "-B", "-c", script, str(ROOT)],
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        **ordinary,  # type: ignore[call-overload]
    )
    pids = dict(zip(("orchestrator", "agent", "init"), map(int, driver.stdout.readline().split()), strict=True))
    family = descendants(driver.pid)
    assert {pids["agent"], pids["init"]} < family
    os.kill(pids[victim], signal.SIGKILL)
    inside = family - {pids["orchestrator"]}
    wait_until(lambda: not alive(inside), 5)
    driver.kill()
    driver.wait()


def _readable() -> bool:
    """Whether an ordinary user may read this checkout."""
    return all(parent.stat().st_mode & 0o005 == 0o005 for parent in (ROOT, *ROOT.parents))


PLAIN = Facts(seccomp=False, apparmor_restricts=False, userns_clone=True, root=False)


@pytest.mark.parametrize(
    ("number", "call", "facts", "remedy"),
    [
        (errno.EPERM, "unshare(NEWUSER)", Facts(True, False, True, True), "--cap-add SYS_ADMIN"),
        (errno.EPERM, "unshare(NEWUSER)", Facts(False, True, True, False), "apparmor_restrict_unprivileged_userns=0"),
        (errno.EPERM, "write(/proc/self/uid_map)", Facts(False, True, True, False), "apparmor"),
        (errno.EPERM, "unshare(NEWUSER)", Facts(False, False, False, False), "unprivileged_userns_clone=1"),
        (errno.EPERM, "write(/proc/self/uid_map)", Facts(False, False, True, True), "another user than root"),
        (errno.EPERM, "unshare(NEWUSER)", PLAIN, "chroot"),
        (errno.ENOSPC, "unshare(NEWUSER)", PLAIN, "user.max_user_namespaces"),
        (errno.ENOSPC, "unshare(NEWNS|NEWNET)", PLAIN, "user.max_net_namespaces"),
        (errno.EAGAIN, "fork", PLAIN, "raise that limit"),
        (errno.EOPNOTSUPP, "netlink veth", PLAIN, "modprobe veth"),
        (errno.EINVAL, "unshare(NEWUSER)", PLAIN, "another kernel"),
        (errno.EACCES, "mount(tmpfs on /run/dbus)", Facts(True, False, True, True), "apparmor=unconfined"),
        (errno.EPERM, "write(/proc/self/uid_map)", Facts(True, False, True, True), "another user than root"),
        (errno.ENOSPC, "unshare(NEWUSER)", PLAIN, "leave the sandbox"),
        (errno.EMFILE, "fork", PLAIN, "raise that limit"),
        (errno.EIO, "mount(proc on /proc)", PLAIN, "chaoskit doctor"),
    ],
)
def test_a_refused_call_is_told_with_its_remedy(number: int, call: str, facts: Facts, remedy: str) -> None:
    """Cause and remedy by errno, call and the machine's facts."""
    error = explain(number, call, facts)
    assert remedy in error.remedy
    assert call in str(error)
    assert errno.errorcode[number] in str(error)
