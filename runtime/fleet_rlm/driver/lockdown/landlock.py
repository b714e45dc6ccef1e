"""Landlock: the process gives up every file that it does not name, and the rest of the system's doors.

Rights, structures and versions are those of the kernel's ``landlock`` userspace API documentation. Older
versions know fewer rights; what they miss is denied by the system call filters.
"""

from __future__ import annotations

import os
import stat
import struct

from fleet_rlm.driver.lockdown import kernel

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Tuple

__all__ = ["NEWEST_ABI", "SCOPED_SIGNALS_ABI", "grants", "guard_files", "scope", "version"]

NEWEST_ABI = 7
"""The newest version whose rights are all handled here; a younger kernel is used as if it were this one."""

SCOPED_SIGNALS_ABI = 6
"""The first version (Linux 6.12) that keeps signals and abstract sockets inside."""

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_HANDLED = {
    1: (1 << 13) - 1,
    2: (1 << 14) - 1,
    3: (1 << 15) - 1,
    4: (1 << 15) - 1,
}  # from 5 on, device ioctls too
_ALL_FILE_RIGHTS = (1 << 16) - 1
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_TCP = 0b11  # bind, connect
_TCP_ABI = 4
_SCOPES = 0b11  # abstract unix sockets, signals

_READ = _READ_FILE | _READ_DIR
_WRITE = _READ | _WRITE_FILE | _TRUNCATE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER

_VERSION_FLAG, _RULE_PATH = 1, 1
_SIZES = {1: 8, 2: 8, 3: 8, 4: 16, 5: 16}  # of the attribute structure; from 6 on, 24


def version() -> int:
    """The kernel's Landlock version, at most ``NEWEST_ABI``.

    Raises:
        OSError: there is none: ENOSYS not built in, EOPNOTSUPP switched off at boot, EPERM filtered.
    """
    return min(NEWEST_ABI, kernel.call("landlock_create_ruleset", 0, 0, _VERSION_FLAG))


def grants(policy: Dict[str, Any]) -> Iterator[Tuple[str, int]]:
    """Yield every path of ``policy`` with the rights it gets, on the newest version."""
    run = _EXECUTE if policy["processes"] else 0
    for path in policy["read"]:
        yield from _around(path, policy["hidden"], _READ | run)
    for path in policy["devices"]:
        yield path, _READ_FILE | _WRITE_FILE
    for path in policy["write"]:
        yield path, _WRITE | run


def _around(path: str, hidden: List[str], rights: int) -> Iterator[Tuple[str, int]]:
    """A tree without its hidden parts: rules only add, so what lies around them is named entry by entry.

    The folders on the way can be listed, hidden names included; their contents cannot be read.
    """
    if path in hidden:
        return
    if not any(part.startswith(path + os.sep) for part in hidden):
        yield path, rights
        return
    yield path, _READ_DIR
    for name in os.listdir(path):
        yield from _around(os.path.join(path, name), hidden, rights)


def guard_files(policy: Dict[str, Any]) -> None:
    """Leave this process and its children what ``policy`` names of the files, no TCP, and nobody to signal.

    Raises:
        OSError: the kernel refused, or a folder to write in is missing.
    """
    abi = version()
    handled = _HANDLED.get(abi, _ALL_FILE_RIGHTS)
    rules = kernel.call("landlock_create_ruleset", _attributes(abi, handled), _SIZES.get(abi, 24), 0)
    needed = set(policy["write"])
    for path, rights in grants(policy):
        try:
            _allow(rules, path, rights & handled)
        except FileNotFoundError:
            if path in needed:
                raise
    _restrict(rules)


def scope() -> None:
    """Keep signals and abstract sockets within this process and what it starts, where the kernel can.

    Raises:
        OSError: the kernel can, but refused.
    """
    try:
        abi = version()
    except OSError:
        return
    if abi >= SCOPED_SIGNALS_ABI:
        rules = kernel.call("landlock_create_ruleset", _attributes(abi, _REFER), 24, 0)
        _allow(
            rules, os.sep, _REFER
        )  # moving files between folders is denied by every layer that is silent on it
        _restrict(rules)


def _attributes(abi: int, files: int) -> bytes:
    return struct.pack(
        "QQQ", files, _TCP if abi >= _TCP_ABI else 0, _SCOPES if abi >= SCOPED_SIGNALS_ABI else 0
    )


def _allow(rules: int, path: str, rights: int) -> None:
    target = os.open(path, os.O_PATH)
    try:
        if not stat.S_ISDIR(os.fstat(target).st_mode):
            rights &= _ON_FILES
        if rights:
            kernel.call("landlock_add_rule", rules, _RULE_PATH, struct.pack("=Qi", rights, target), 0)
    finally:
        os.close(target)


def _restrict(rules: int) -> None:
    kernel.call("landlock_restrict_self", rules, 0)
    os.close(rules)
