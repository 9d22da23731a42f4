"""What the target sees of the host's files is ours here and there: hidden sockets, a private /etc.

For PID 1 of the sandbox; standard library only, without pathlib (see `agent`).
"""

from __future__ import annotations

import os

from chaoskit import kernel

HIDE = (
    "/run/nscd",
    "/run/systemd/resolve",
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/podman",
    "/run/containerd/containerd.sock",
    "/run/avahi-daemon",
    "/run/dbus",
)
"""Unix sockets that cross network namespaces; each would be a way out, or a second resolver."""


def hide(path: str) -> None:
    """A tmpfs over a folder, /dev/null over a socket; what is not there needs no hiding."""
    real = os.path.realpath(path)
    if os.path.isdir(real):
        kernel.mount("tmpfs", real, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=64k,mode=755")
    elif os.path.lexists(real):
        kernel.mount("/dev/null", real, None, kernel.MS_BIND)


def private_etc(folder: str, texts: dict[str, str], notes: list[str]) -> list[str]:
    """Our resolv.conf, hosts and nsswitch.conf on top of /etc, by an overlay; returns the mount points.

    A bind mount over one file is undone, in here too, when the host renames a new file over it; and a missing file
    or a symlink would need something created on the host. Where an overlay is refused, binds, and a watch."""
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("tmpfs", folder, "tmpfs", flags, "size=1m,mode=755")
    for name in ("up", "work"):
        os.mkdir(f"{folder}/{name}")
    for name, text in texts.items():
        _create(f"{folder}/up/{name}", text)
    options = f"lowerdir=/etc,upperdir={folder}/up,workdir={folder}/work,userxattr"
    try:
        kernel.mount("overlay", "/etc", "overlay", flags, options)
        return ["/etc"]
    except OSError as error:
        notes.append(f"/etc by bind mounts, since an overlay is refused ({error.strerror})")
        return [point for name in texts for point in _bind_etc(folder, name, notes)]
    finally:
        kernel.unmount(folder)  # what is mounted from it keeps it; the host's own folder shows again


def _bind_etc(folder: str, name: str, notes: list[str]) -> list[str]:
    real = os.path.realpath(f"/etc/{name}")
    if not os.path.exists(real) and real.startswith(HIDE):
        _create(real, "")  # a symlink into what we have just hidden, as systemd-resolved makes it: in our own tmpfs
    if not os.path.exists(real):
        notes.append(f"no /etc/{name} of ours inside, since the host has none to bind over")
        return []
    kernel.mount(f"{folder}/up/{name}", real, None, kernel.MS_BIND)
    return [real]


def mounted(mountinfo: int) -> set[str]:
    """The mount points in here (`man 5 proc_pid_mountinfo`)."""
    os.lseek(mountinfo, 0, os.SEEK_SET)
    table = b"".join(iter(lambda: os.read(mountinfo, 65536), b""))
    return {line.split()[4] for line in table.decode(errors="replace").splitlines()}


def _create(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
