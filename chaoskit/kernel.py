"""Linux kernel calls by ctypes, nothing else: namespaces, mounts, addresses, capabilities.

Standard library only. Every failing call raises OSError(errno, text, call), where `call` names it for people.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct

NEWNS, NEWUTS, NEWIPC = 0x20000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND = 2, 4, 8, 4096
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 24, 38, 47
CAP_NET_BIND_SERVICE = 10
_FLAG_NAMES = {
    NEWNS: "NEWNS", NEWUTS: "NEWUTS", NEWIPC: "NEWIPC", NEWUSER: "NEWUSER", NEWPID: "NEWPID", NEWNET: "NEWNET"
}  # fmt: skip
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), call)
    return result


def _names(flags: int) -> str:
    return "|".join(name for flag, name in _FLAG_NAMES.items() if flags & flag)


def unshare(flags: int) -> None:
    """New namespaces for this process (`man 2 unshare`)."""
    _check(_libc.unshare(flags), f"unshare({_names(flags)})")


def setns(descriptor: int, flags: int) -> None:
    """Enter the namespaces of a pidfd or of a /proc/PID/ns file (`man 2 setns`)."""
    _check(_libc.setns(descriptor, flags), f"setns({_names(flags)})")


def join(pidfd: int) -> None:
    """Enter the sandbox's user and network namespace; mounts and PIDs stay the host's.

    Both in one call: the network alone is EPERM for an ordinary user. The caller must have one thread."""
    setns(pidfd, NEWUSER | NEWNET)


def prctl(option: int, *arguments: int) -> int:
    """`man 2 prctl`, with all five arguments as the kernel reads them."""
    words = [ctypes.c_ulong(word) for word in (option, *arguments, 0, 0, 0, 0)[:5]]
    return _check(_libc.prctl(*words), f"prctl({option})")


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, data: str | None = None) -> None:
    """`man 2 mount`."""
    words = [word.encode() if word is not None else None for word in (source, target, kind)]
    options = data.encode() if data is not None else None
    _check(_libc.mount(*words, ctypes.c_ulong(flags), options), f"mount({kind or 'bind'} on {target})")


def unmount(target: str) -> None:
    """Lazy unmount: what still uses it keeps it."""
    _check(_libc.umount2(target.encode(), MNT_DETACH), f"umount({target})")


def write(path: str, text: str) -> None:
    """Write to a file of /proc with one write call, whose errno must not get lost."""
    try:
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"write({path})") from None


def map_ids(uid: int, gid: int) -> None:
    """Identity map: the caller keeps its own uid, and has all capabilities in the namespace until it execs.

    setgroups must be denied before an unprivileged gid_map (`man 7 user_namespaces`)."""
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{uid} {uid} 1")
    write("/proc/self/gid_map", f"{gid} {gid} 1")


def loopback_up() -> None:
    """Set `lo` up in the current network namespace."""
    siocgifflags, siocsifflags, iff_up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        reply = fcntl.ioctl(sock, siocgifflags, struct.pack("16sH14s", b"lo", 0, b""))
        flags = struct.unpack("16sH14s", reply)[1]
        fcntl.ioctl(sock, siocsifflags, struct.pack("16sH14s", b"lo", flags | iff_up, b""))


def drop_capabilities(keep: int | None = None) -> None:
    """No capability any more, not after an exec either: a root caller would get all of the namespace's back at exec
    unless the bounding set is empty. keep: one capability, made ambient."""
    for capability in range(64):
        if capability != keep and _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break
    _libc.prctl(PR_CAP_AMBIENT, 4, 0, 0, 0)
    bits = 0 if keep is None else 1 << keep
    header = struct.pack("Ii", 0x20080522, 0)
    _check(_libc.capset(header, struct.pack("6I", bits, bits, bits, 0, 0, 0)), "capset")
    if keep is not None:
        prctl(PR_CAP_AMBIENT, 2, keep)
    prctl(PR_SET_NO_NEW_PRIVS, 1)


# ---------------------------------------------------------------- netlink


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


class Netlink:
    """A route socket of the network namespace in which it is made (`man 7 rtnetlink`)."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)

    def _call(self, kind: int, flags: int, body: bytes, what: str) -> None:
        request_ack = 1 | 4
        self._socket.send(struct.pack("IHHII", 16 + len(body), kind, flags | request_ack, 1, 0) + body)
        (code,) = struct.unpack_from("i", self._socket.recv(65536), 16)
        if code:
            raise OSError(-code, os.strerror(-code), f"netlink {what}")

    def add_address(self, ip: str, prefix: int, interface: int) -> None:
        """Give an interface an address."""
        raw = socket.inet_aton(ip)
        body = struct.pack("BBBBi", 2, prefix, 0, 0, interface) + _attribute(2, raw) + _attribute(1, raw)
        self._call(20, 0x600, body, f"address {ip}")

    def add_route(self, ip: str, prefix: int, interface: int) -> None:
        """An on-link route. Only what is listed gets one: anything else is ENETUNREACH, as it should be."""
        body = struct.pack("BBBBBBBBI", 2, prefix, 0, 0, 254, 3, 253, 1, 0)
        attributes = _attribute(1, socket.inet_aton(ip)) + _attribute(4, struct.pack("i", interface))
        self._call(24, 0x600, body + attributes, f"route {ip}")

    def add_veth(self, here: str, there: str, namespace: int) -> None:
        """A pair of virtual interfaces, the other end in another network namespace (a descriptor)."""
        empty = struct.pack("BxHiII", 0, 0, 0, 0, 0)
        peer = empty + _attribute(3, there.encode() + b"\0") + _attribute(28, struct.pack("i", namespace))
        info = _attribute(1, b"veth\0") + _attribute(2, _attribute(1, peer))
        self._call(16, 0x600, empty + _attribute(3, here.encode() + b"\0") + _attribute(18, info), "veth")

    def set_up(self, name: str) -> None:
        """Set an interface up."""
        self._call(16, 0, struct.pack("BxHiII", 0, 0, socket.if_nametoindex(name), 1, 1), f"up {name}")


# ---------------------------------------------------------------- packet socket


def syn_socket(interface: str) -> socket.socket:
    """A packet socket that sees the IPv4 TCP SYNs (without ACK) arriving on an interface, from the IP header on.

    A filter drops everything else in the kernel (`man 7 packet`, classic BPF)."""
    eth_p_ip, so_attach_filter = 0x0800, 26
    program = [
        (0x30, 0, 0, 9),  # ldb protocol
        (0x15, 0, 5, 6),  # TCP, else drop
        (0xB1, 0, 0, 0),  # ldxb 4 * (ip[0] & 0xf)
        (0x50, 0, 0, 13),  # ldb flags
        (0x54, 0, 0, 0x12),  # and SYN|ACK
        (0x15, 0, 1, 0x02),  # SYN alone, else drop
        (0x06, 0, 0, 64),
        (0x06, 0, 0, 0),
    ]
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code)
    # Protocol 0 until it is bound: so nothing arrives before the filter is there.
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, 0)
    head = struct.pack("HL", len(program), ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, so_attach_filter, head)
    sock.bind((interface, eth_p_ip))
    return sock
