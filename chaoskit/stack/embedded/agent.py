"""The sandbox's agent: `python -I -S agent.py CHANNEL_FD PARENT_PID`. Standard library only.

    A0  this process: makes the namespaces, forks A1, then only waits
    └─ A1 = PID 1 inside: mounts, interfaces, listeners; starts, signals and reaps the target; answers requests
        └─ target: own session, own uid, no capability, descriptors 0-2 only

Frames are JSON. The first is the layout; the answer is {"ok": …} or {"error": errno, "call": …, "text": …}.
Requests carry an id that their answer repeats; events ({"event": "exit" | "mounts", …}) come between them.
Neither pathlib nor typing is imported: the two would be a quarter of the sandbox's start.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import socket
import sys

# At the end: beside the package may lie site-packages, with backports of stdlib modules.
sys.path.append(os.path.abspath(__file__).rsplit("/", 4)[0])

from chaoskit import kernel
from chaoskit.channel import Channel, Closed
from chaoskit.stack.embedded import mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Message = dict[str, Any]

VETH_TARGET, VETH_DEPENDENCIES = "198.19.255.2", "198.19.255.1"


class Nets:
    """The two network namespaces: `target` T, where A1 stands, and `dependencies` D."""

    def __init__(self) -> None:
        self.dependencies = _own_namespace()
        self.target = self.dependencies

    def join_by_veth(self, layout: Message) -> None:
        """Dependencies in a namespace of their own: so the target itself may listen on 0.0.0.0:443 and :53."""
        inner = kernel.Netlink()
        kernel.unshare(kernel.NEWNET)
        kernel.loopback_up()
        self.target = _own_namespace()
        outer = kernel.Netlink()
        outer.add_veth("dep0", "dep1", self.dependencies)
        outer.set_up("dep0")
        index = socket.if_nametoindex("dep0")
        outer.add_address(VETH_TARGET, 30, index)
        for ip in layout["addresses"]:
            outer.add_route(ip, 32, index)
        with self:
            inner.set_up("dep1")
            inner.add_address(VETH_DEPENDENCIES, 30, socket.if_nametoindex("dep1"))
            for ip in layout["addresses"]:
                inner.add_address(ip, 32, 1)
            # A new namespace inherits the host's value; forwarding would answer for an address taken away.
            kernel.write("/proc/sys/net/ipv4/ip_forward", "0")

    def __enter__(self) -> None:
        kernel.setns(self.dependencies, kernel.NEWNET)

    def __exit__(self, *_: object) -> None:
        kernel.setns(self.target, kernel.NEWNET)


def _own_namespace() -> int:
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


# ---------------------------------------------------------------- set-up


def set_up(layout: Message) -> tuple[Nets, list[str], int | None, list[str]]:
    """Everything before the target: returns the networks, notes for people, the capability the target keeps, and
    the mount points of our /etc."""
    notes: list[str] = []
    try:
        kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    except OSError as error:
        notes.append(f"/proc inside is the host's ({error.filename}: {error.strerror}): it shows other process ids")
    kernel.loopback_up()
    nets = Nets()
    nets.join_by_veth(layout)
    keep = _sysctls(layout, notes)
    for path in (*mounts.HIDE, *layout["hide"]):
        mounts.hide(path)
    return nets, notes, keep, mounts.private_etc(layout["scratch"], layout["etc"], notes)


def _sysctls(layout: Message, notes: list[str]) -> int | None:
    """Let the target listen on any port, and reuse ports in TIME_WAIT (on veth the default does not apply)."""
    values = {"tcp_tw_reuse": "1"}
    if layout["port"]:
        values["ip_local_reserved_ports"] = str(layout["port"])
    for name, value in values.items():
        try:
            kernel.write(f"/proc/sys/net/ipv4/{name}", value)
        except OSError as error:
            notes.append(f"{error.filename}: {error.strerror}")
    try:
        kernel.write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0")
    except OSError:
        return kernel.CAP_NET_BIND_SERVICE  # /proc/sys is read-only in containers
    return None


# ---------------------------------------------------------------- requests


class Init:
    """PID 1: answers requests, reaps, and ends with the orchestrator."""

    def __init__(self, channel: Channel, parent: int, nets: Nets, keep: int | None, etc: list[str]) -> None:
        self.channel, self.parent, self.nets, self.keep, self.etc = channel, parent, nets, keep, etc
        self.watched: set[int] = set()

    def serve(self) -> None:
        """Until the orchestrator is gone; then the kernel ends everything else in here."""
        wake, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        poll = select.poll()
        mountinfo = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        for descriptor in (self.channel.fileno(), self.parent, wake):
            poll.register(descriptor, select.POLLIN)
        poll.register(mountinfo, select.POLLPRI)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self.parent in ready:
                os._exit(0)
            if wake in ready:
                os.read(wake, 4096)
                self.reap()
            if mountinfo in ready:
                self.look_at_etc(mountinfo)
            if self.channel.fileno() in ready:
                self.answer()

    def tell(self, message: Message, descriptors: list[int] | None = None) -> None:
        """Send one frame."""
        try:
            self.channel.send(json.dumps(message).encode(), descriptors)
        except Closed:
            os._exit(0)

    def look_at_etc(self, mountinfo: int) -> None:
        """Some mount has come or gone, maybe one of the host's: tell when ours over /etc is no longer there."""
        lost = sorted(set(self.etc) - mounts.mounted(mountinfo))
        if lost:
            self.tell({"event": "mounts", "lost": lost})

    def reap(self) -> None:
        """Collect what has ended; tell of what we started ourselves."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.watched:
                self.watched.discard(pid)
                self.tell({"event": "exit", "pid": pid, "code": os.waitstatus_to_exitcode(status)})

    def answer(self) -> None:
        """Do one request."""
        try:
            frame, received = self.channel.receive()
        except Closed:
            os._exit(0)
        request = json.loads(frame)
        given: list[socket.socket] = []
        try:
            reply = getattr(self, f"do_{request['do']}")(request, received, given)
            self.tell({"id": request["id"], **reply}, [sock.fileno() for sock in given])
        except OSError as error:
            call = error.filename or request["do"]
            self.tell({"id": request["id"], "error": error.errno, "call": call, "text": error.strerror})
        for sock in given:
            sock.close()
        for descriptor in received:
            os.close(descriptor)

    def do_listen(self, request: Message, _received: list[int], given: list[socket.socket]) -> Message:
        """A bound socket in D; a socket stays in the namespace where it was made, whoever uses it."""
        kind = socket.SOCK_DGRAM if request["kind"] == "udp" else socket.SOCK_STREAM
        where = f"bind({request['kind']} {request['ip']}:{request['port']})"
        with self.nets:
            sock = socket.socket(socket.AF_INET, kind)
        given.append(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((request["ip"], request["port"]))
            if kind == socket.SOCK_STREAM:
                sock.listen(1024)
        except OSError as error:
            raise OSError(error.errno, error.strerror, where) from None
        return {}

    def do_syn(self, _request: Message, _received: list[int], given: list[socket.socket]) -> Message:
        """The packet socket that sees the SYNs to the dependencies."""
        with self.nets:
            given.append(kernel.syn_socket("dep1"))
        return {}

    def do_start(self, request: Message, received: list[int], _given: list[socket.socket]) -> Message:
        """Start a program as the target is: own session, no capability, descriptors 0-2 only."""
        report, report_write = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            _become(request, received[0], report_write, self.keep)
        os.close(report_write)
        failure = os.read(report, 4096)
        os.close(report)
        if failure:
            number, text, call = json.loads(failure)
            raise OSError(number, text, call)
        self.watched.add(pid)
        return {"pid": pid}

    def do_signal(self, request: Message, _received: list[int], _given: list[socket.socket]) -> Message:
        """To one process, or (pid -1) to everything in here but us, at once."""
        try:
            os.kill(request["pid"], request["signal"])
        except ProcessLookupError:
            return {"none": True}
        return {"none": False}


def _become(request: Message, output: int, report: int, keep: int | None) -> None:
    """In the forked child: never returns."""
    call = "start"
    try:
        os.setsid()
        _reset_signals()
        null = os.open("/dev/null", os.O_RDONLY)
        for number, descriptor in enumerate((null, output, output)):
            os.dup2(descriptor, number)
        call = f"chdir({request['cwd']})"
        os.chdir(request["cwd"])
        call = f"exec({request['argv'][0]})"
        kernel.drop_capabilities(keep)
        os.execvpe(request["argv"][0], request["argv"], request["env"])
    except OSError as error:
        os.write(report, json.dumps([error.errno, error.strerror, call]).encode())
    except ValueError as error:  # a null byte in a word or a variable
        os.write(report, json.dumps([errno.EINVAL, str(error), call]).encode())
    finally:
        os._exit(127)


def _reset_signals() -> None:
    """Whatever Python, PID 1 or the caller's shell (nohup) ignores or blocks, the target starts with the defaults."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


# ---------------------------------------------------------------- A0


def main() -> None:
    """A0."""
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    os.set_inheritable(channel.fileno(), False)  # pass_fds made it inheritable: the target would get it
    parent = os.pidfd_open(os.getppid())
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[2]):
        os._exit(0)
    try:
        layout = json.loads(channel.receive()[0])
    except Closed:
        os._exit(0)
    init = _fork_init(channel, parent, layout)
    channel.close()  # else the orchestrator never sees the end of PID 1
    poll = select.poll()
    poll.register(init, select.POLLIN)
    poll.register(parent, select.POLLIN)
    poll.poll()
    select.select([init], [], [], 1.0)  # PID 1 sees the same end and leaves by itself; then force
    try:
        signal.pidfd_send_signal(init, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os.waitid(os.P_PIDFD, init, os.WEXITED)
    os._exit(0)


def _fork_init(channel: Channel, parent: int, layout: Message) -> int:
    """Make the namespaces and PID 1; returns its pidfd. In the child this never returns."""
    try:
        uid, gid = os.getuid(), os.getgid()
        kernel.unshare(kernel.NEWUSER)  # alone, so that its errno speaks of user namespaces
        kernel.map_ids(uid, gid)
        kernel.unshare(kernel.NEWNS | kernel.NEWNET | kernel.NEWPID | kernel.NEWIPC | kernel.NEWUTS)
        pid = os.fork()
    except OSError as error:
        _refuse(channel, error)
    if pid == 0:
        _run_init(channel, parent, layout)
    return os.pidfd_open(pid)


def _run_init(channel: Channel, parent: int, layout: Message) -> None:
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if select.select([parent], [], [], 0)[0]:
        os._exit(0)
    try:
        # In its own PID namespace /proc is the host's until we mount ours: a pidfd of ourselves is made before.
        own = os.pidfd_open(os.getpid())
        nets, notes, keep, etc = set_up(layout)
    except OSError as error:
        _refuse(channel, error)
    init = Init(channel, parent, nets, keep, etc)
    init.tell({"ok": True, "notes": notes}, [own])
    os.close(own)
    init.serve()


def _refuse(channel: Channel, error: OSError) -> None:
    message = {"error": error.errno, "call": error.filename or "fork", "text": error.strerror}
    try:
        channel.send(json.dumps(message).encode())
    finally:
        os._exit(3)


if __name__ == "__main__":
    main()
