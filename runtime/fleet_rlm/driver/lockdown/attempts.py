"""Attempts to break out, made by the worker itself right after it was confined.

A confinement is believed only after all of them have failed: walls can be missing for reasons that nobody
foresaw, and then this says so. Each attempt is harmless if it succeeds. Where only a system call filter
denies something, the call is made in a way that the kernel itself would complain of differently.

The canaries are what the host has put out to see whether it is reached: ``file`` and ``folder``, outside;
``home`` and some ``names`` in it; ``host``, its process number; ``tcp``, a port on which it listens, ``unix``
and ``abstract``, addresses on which it does; ``environment``, the only variables that the driver may have.
"""

from __future__ import annotations

import _socket
import errno
import os
import stat
import struct
import sys

from fleet_rlm.driver.lean import suppress

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Tuple, Union

    Canaries = Dict[str, Any]

__all__ = ["BLOCKED", "OPEN", "attempt_all", "attempts"]

BLOCKED, OPEN = "blocked", "open"

_REFUSED = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS})
_PTRACE_SEIZE = 0x4206
_BEYOND = 256 << 20
_DESCRIPTORS = 64


def attempts(policy: Dict[str, Any], platform: str = sys.platform) -> Dict[str, Callable[[Canaries], bool]]:
    """What ``policy`` must withstand, by name; each attempt returns whether it got out, or raises OSError."""
    chosen: Dict[str, Callable[[Canaries], bool]] = {
        "read_file": _read_file,
        "list_home": _list_home,
        "write_file": _write_file,
        "environment": _environment,
        "tcp": _tcp,
        "udp": _udp,
        "unix_socket": _unix_socket,
        "signal_host": _signal_host,
        "descriptors": _descriptors,
    }
    if not policy["processes"]:
        chosen.update(fork=_fork)
    if platform == "linux":
        chosen.update(
            abstract_socket=_abstract_socket,
            io_uring=_reaches("io_uring_setup", 0, 0),
            namespaces=_reaches("unshare", 0),
            mounts=_reaches("mount", 0, 0, 0, 0, 0),
            file_handles=_reaches("open_by_handle_at", -100, 0, 0),
            ptrace=_reaches("ptrace", _PTRACE_SEIZE, os.getpid(), 1, 0),
            keyrings=_reaches("keyctl", 0, -3, 0),
            shared_memory=_reaches("shmget", 0x7F1EE7, 0, 0),
            limits=_reaches("prlimit64", 0, 7, 1, 0),
            anonymous_files=_reaches("memfd_create", b"x\0", 1),
            read_memory=_read_memory,
        )
        if policy["memory"] is not None:
            chosen.update(memory=lambda _canaries: _map(policy["memory"] + _BEYOND))
        if not policy["processes"]:
            chosen.update(execute=_reaches("execve", b"/nonexistent\0", 0, 0))
    return chosen


def attempt_all(policy: Dict[str, Any], canaries: Canaries) -> Dict[str, str]:
    """Make every attempt, and say of each whether it was blocked or found a way open."""
    return {
        name: OPEN if _breaks_out(attempt, canaries) else BLOCKED
        for name, attempt in attempts(policy).items()
    }


def _breaks_out(attempt: Callable[[Canaries], bool], canaries: Canaries) -> bool:
    try:
        return attempt(canaries)
    except OSError:
        return False


def _read_file(canaries: Canaries) -> bool:
    with open(canaries["file"], "rb") as file:
        return bool(file.read(1))


def _list_home(canaries: Canaries) -> bool:
    return not set(canaries["names"]).isdisjoint(os.listdir(canaries["home"]))


def _write_file(canaries: Canaries) -> bool:
    path = os.path.join(canaries["folder"], "written")
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    return True


def _environment(canaries: Canaries) -> bool:
    return not set(canaries["environment"]).issuperset(os.environ)


def _tcp(canaries: Canaries) -> bool:
    return _connects(_socket.AF_INET, ("127.0.0.1", canaries["tcp"]))


def _udp(canaries: Canaries) -> bool:
    sender = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    try:
        return sender.sendto(b"x", ("127.0.0.1", canaries["tcp"])) > 0
    finally:
        sender.close()


def _unix_socket(canaries: Canaries) -> bool:
    return _connects(_socket.AF_UNIX, canaries["unix"])


def _abstract_socket(canaries: Canaries) -> bool:
    return _connects(_socket.AF_UNIX, "\0" + canaries["abstract"])


def _connects(family: int, address: Union[str, Tuple[str, int]]) -> bool:
    client = _socket.socket(family, _socket.SOCK_STREAM)
    try:
        client.connect(address)
    finally:
        client.close()
    return True


def _signal_host(canaries: Canaries) -> bool:
    os.kill(canaries["host"], 0)
    return True


def _fork(_canaries: Canaries) -> bool:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True


def _descriptors(_canaries: Canaries) -> bool:
    """Whether something inherited leads elsewhere: a folder, a named file, a second socket, a device."""
    sockets = 0
    for descriptor in range(3, _DESCRIPTORS):
        with suppress(OSError):
            status = os.fstat(descriptor)
            sockets += stat.S_ISSOCK(status.st_mode)
            named_file = stat.S_ISREG(status.st_mode) and status.st_nlink > 0
            if stat.S_ISDIR(status.st_mode) or named_file or _is_device(status):
                return True
    return sockets > 1


def _is_device(status: os.stat_result) -> bool:
    return stat.S_ISBLK(status.st_mode) or (
        stat.S_ISCHR(status.st_mode) and status.st_rdev != os.stat(os.devnull).st_rdev
    )


def _reaches(name: str, *arguments: Union[int, bytes]) -> Callable[[Canaries], bool]:
    """Whether the kernel gets to look at this call; its own complaint is as good as a success."""

    def attempt(_canaries: Canaries) -> bool:
        from fleet_rlm.driver.lockdown import kernel

        try:
            kernel.call(name, *arguments)
        except OSError as error:
            return error.errno not in _REFUSED
        return True

    return attempt


def _read_memory(canaries: Canaries) -> bool:
    """Whether the host's memory can be read, or would be if one knew where to look."""
    import ctypes

    from fleet_rlm.driver.lockdown import kernel

    here = ctypes.create_string_buffer(8)
    vector = struct.pack("PN", ctypes.addressof(here), 8)
    try:
        kernel.call("process_vm_readv", canaries["host"], vector, 1, vector, 1, 0)
    except OSError as error:
        return error.errno == errno.EFAULT
    return True


def _map(size: int) -> bool:
    """Whether this much private memory can be had; none of it is touched."""
    from fleet_rlm.driver.lockdown import kernel

    read_write, private_anonymous = 3, 0x22
    address = kernel.call("mmap", 0, size, read_write, private_anonymous, -1, 0)
    kernel.call("munmap", address, size)
    return True
