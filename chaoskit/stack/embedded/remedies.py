"""What a refused kernel call means and what to do about it: a pure function of errno, call and a few facts."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

from chaoskit.errors import MissingAbility

ELSEWHERE = "or run it on a machine that allows user namespaces"


@dataclass(frozen=True)
class Facts:
    """What is read from /proc to tell causes apart."""

    seccomp: bool
    """A seccomp filter is on this process: inside a container, most likely."""
    apparmor_restricts: bool
    """Ubuntu's restriction of unprivileged user namespaces is on."""
    userns_clone: bool
    """Debian's old switch allows them (or is not there)."""
    root: bool


def gather_facts(uid: int) -> Facts:
    """Read the facts of this machine."""
    status = _read("/proc/self/status")
    return Facts(
        "Seccomp:\t2" in status,
        _read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").strip() == "1",
        _read("/proc/sys/kernel/unprivileged_userns_clone").strip() != "0",
        uid == 0,
    )


def explain(number: int, call: str, facts: Facts) -> MissingAbility:
    """The error for a refused call, with cause and remedy."""
    cause, remedy = _cause(number, call, facts)
    return MissingAbility(call, f"{errno.errorcode.get(number, number)}: {cause}", remedy)


def _cause(number: int, call: str, facts: Facts) -> tuple[str, str]:
    if number == errno.ENOSPC and call.startswith("unshare"):
        return _no_space(call)
    if call in ("unshare(NEWUSER)", "write(/proc/self/uid_map)") and number == errno.EPERM:
        return _no_userns(call, facts)
    if number in (errno.EAGAIN, errno.EMFILE):
        limit = "processes (ulimit -u)" if number == errno.EAGAIN else "open files (ulimit -n)"
        return f"this user's limit of {limit} is reached", "raise that limit, or end what uses it up"
    if number == errno.EINVAL and call.startswith("unshare"):
        return "the kernel was built without user namespaces (CONFIG_USER_NS)", "use another kernel"
    if number in (errno.EPERM, errno.EACCES) and call.startswith("mount"):
        return "a security module forbids mounts", _container("--security-opt apparmor=unconfined", facts)
    if "veth" in call:
        return "the kernel has no veth interfaces", "load the module as root: modprobe veth"
    return "this machine refuses it", f"see `chaoskit doctor`, {ELSEWHERE}"


def _container(option: str, facts: Facts) -> str:
    if facts.seccomp:
        return f"start the container with {option} as well"
    return f"in a container: start it with {option}; else allow mounts in user namespaces in its policy"


def _no_space(call: str) -> tuple[str, str]:
    kinds = {"NEWUSER": "user", "NEWNET": "net", "NEWNS": "mnt", "NEWPID": "pid", "NEWIPC": "ipc", "NEWUTS": "uts"}
    names = [f"user.max_{name}_namespaces" for flag, name in kinds.items() if flag in call]
    return (
        "the number of namespaces is limited",
        f"raise it as root: sysctl -w {'=15000 '.join(names)}=15000; or leave the sandbox that this one is in",
    )


def _no_userns(call: str, facts: Facts) -> tuple[str, str]:
    if call.startswith("write") and facts.root:
        return "root without CAP_SETFCAP, as with --cap-drop ALL", "run it as another user than root"
    if facts.seccomp and not call.startswith("write"):
        return (
            "a seccomp filter, as in a container of Docker's default profile",
            "start the container with --cap-add SYS_ADMIN, or with --security-opt seccomp=unconfined",
        )
    if facts.apparmor_restricts:
        return (
            "AppArmor restricts unprivileged user namespaces (Ubuntu 23.10 and later)",
            "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, "
            "or an AppArmor profile with `userns,` for this Python",
        )
    if not facts.userns_clone:
        return "unprivileged user namespaces are off", "as root: sysctl -w kernel.unprivileged_userns_clone=1"
    return "a chroot, or a user id that is not mapped here", "leave the chroot (use pivot_root), or run it outside"


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
