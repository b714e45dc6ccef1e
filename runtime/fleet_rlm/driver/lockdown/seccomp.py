"""System call filters: rules as data, a small assembler for them, and the call that puts them in force.

A filter lists what is denied. What it cannot list, calls younger than this code, does not exist inside; nor
do the calls of another architecture, which would go by other numbers. Filters stack and are inherited: every
process started below obeys them too.

The instruction set is classic BPF as the kernel's ``seccomp_filter`` documentation describes it.
"""

from __future__ import annotations

import ctypes
import errno
import struct

from fleet_rlm.driver.lockdown import kernel
from fleet_rlm.driver.lockdown.syscalls import (
    ALWAYS,
    BEHIND_LANDLOCK,
    MACHINES,
    NEWEST,
    NUMBERS,
    PROCESSES,
    SIGNALS,
    WORKER_ONLY,
)

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Iterable, Iterator, List, Optional, Tuple

__all__ = ["Clause", "Rule", "assemble", "driver_rules", "install", "worker_rules"]

_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000

_LOAD, _AND = 0x20, 0x54
_EQUAL, _GREATER, _AT_LEAST, _RETURN = 0x15, 0x25, 0x35, 0x06
_ALLOW, _FAIL, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_CHAIN = 200  # compares that share one return: a jump reaches 255 instructions

_CLONE_THREAD = 0x00010000
_CLONE_NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
_FCNTL_STEERING = (8, 10, 15, 1024, 1026)  # F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY
_IOCTL_TERMINAL = (0x5412, 0x541C)  # TIOCSTI types into a terminal, TIOCLINUX pastes into a console
_IOCTL_SOCKETS = 0x8900  # FIOSETOWN and SIOCSPGRP signal others, the rest describes network interfaces
_PRCTL_WALLS = (1, 4, 22, 35, 0x59616D61)  # PDEATHSIG, DUMPABLE, SECCOMP, SET_MM, PTRACER
_AF_UNIX, _SOCK_STREAM, _SOCK_KIND = 1, 1, 0xF
_MAP_SHARED_ANONYMOUS, _MAP_GROWSDOWN = 0x21, 0x100
_O_ACCMODE_TRUNC = 0o1003
_O_TRUNC = 0o1000
_SET_ID = 0o6000
_MODE_ARGUMENTS = (
    ("chmod", 1),
    ("fchmod", 1),
    ("fchmodat", 2),
    ("fchmodat2", 2),
    ("open", 2),
    ("openat", 3),
    ("creat", 1),
)
_PR_SET_SECCOMP, _FILTER_MODE, _PR_SET_NO_NEW_PRIVS = 22, 2, 38


class Clause:
    """Holds if ``(argument & mask) == value``, or, with ``equal`` false, if not.

    It looks at the lower 32 bits of the argument, which is all the kernel uses of an ``int``; if ``high``, at
    the others.
    """

    __slots__ = ("argument", "equal", "high", "mask", "value")

    def __init__(
        self, argument: int, value: int, *, mask: int = 0xFFFFFFFF, equal: bool = True, high: bool = False
    ) -> None:
        self.argument, self.value, self.mask, self.equal, self.high = argument, value, mask, equal, high


class Rule:
    """A call fails with ``error`` if all clauses hold; without clauses, always."""

    __slots__ = ("call", "clauses", "error")

    def __init__(self, call: str, *clauses: Clause, error: int = errno.EPERM) -> None:
        self.call, self.clauses, self.error = call, clauses, error


def driver_rules(landlock_abi: Optional[int]) -> List[Rule]:
    """What supervisor and worker both go without.

    Args:
        landlock_abi: version of the Landlock that guards the files; None if something better does.
    """
    rules = [Rule(call) for call in ALWAYS]
    # clone3 keeps its flags where a filter cannot look; without it the C library uses clone.
    rules.append(Rule("clone3", error=errno.ENOSYS))
    rules += [Rule("clone", Clause(0, flag, mask=flag)) for flag in _CLONE_NAMESPACES]
    # A pair of stream sockets knows only itself; a datagram socket could address any other on the machine.
    rules.append(Rule("socketpair", Clause(0, _AF_UNIX, equal=False)))
    rules.append(Rule("socketpair", Clause(1, _SOCK_STREAM, mask=_SOCK_KIND, equal=False)))
    rules += _if_pointer("sendto", 4)
    rules += [Rule("fcntl", Clause(1, command)) for command in _FCNTL_STEERING]
    rules += [Rule("ioctl", Clause(1, command)) for command in _IOCTL_TERMINAL]
    rules.append(Rule("ioctl", Clause(1, _IOCTL_SOCKETS, mask=0xFF00)))
    rules.append(Rule("sched_setaffinity", Clause(0, 0, equal=False)))
    # Programs in a volume that lend the user's rights, or root's, to whoever runs them later.
    rules += [Rule(call, Clause(mode, 0, mask=_SET_ID, equal=False)) for call, mode in _MODE_ARGUMENTS]
    rules.append(Rule("openat2", error=errno.ENOSYS))  # keeps its mode where a filter cannot look
    if landlock_abi is not None:
        covers_truncation = landlock_abi >= 3  # noqa: PLR2004 - Linux 6.2
        rules += [Rule(call) for call in BEHIND_LANDLOCK[covers_truncation]]
        if not covers_truncation:  # opening to read, truncating on the way
            rules.append(Rule("open", Clause(1, _O_TRUNC, mask=_O_ACCMODE_TRUNC)))
            rules.append(Rule("openat", Clause(2, _O_TRUNC, mask=_O_ACCMODE_TRUNC)))
    return rules


def worker_rules(pid: int, *, processes: bool) -> List[Rule]:
    """What generated code goes without, beyond ``driver_rules``.

    Args:
        pid: the worker, as itself sees it.
        processes: whether it may start others, and then signal them.
    """
    rules = [Rule(call) for call in WORKER_ONLY]
    rules += _if_pointer("prlimit64", 2)
    rules.append(Rule("prlimit64", Clause(0, 0, equal=False)))
    rules += [Rule("prctl", Clause(0, option)) for option in _PRCTL_WALLS]
    # Memory that the limit on private data does not count.
    rules.append(Rule("mmap", Clause(3, _MAP_SHARED_ANONYMOUS, mask=_MAP_SHARED_ANONYMOUS)))
    rules.append(Rule("mmap", Clause(3, _MAP_GROWSDOWN, mask=_MAP_GROWSDOWN)))
    if not processes:
        rules += [Rule(call) for call in PROCESSES]
        rules.append(Rule("clone", Clause(0, 0, mask=_CLONE_THREAD)))
        rules += [Rule(call, Clause(0, pid, equal=False)) for call in SIGNALS]
        rules.append(Rule("tkill"))
    return rules


def _if_pointer(call: str, argument: int) -> List[Rule]:
    """Deny ``call`` if the argument is not NULL."""
    return [Rule(call, Clause(argument, 0, equal=False, high=high)) for high in (False, True)]


def assemble(rules: Iterable[Rule], machine: str) -> bytes:
    """Return the filter program for ``rules``.

    Raises:
        KeyError: there is no table for this machine.
    """
    column = MACHINES[machine]
    known = [(rule, NUMBERS[rule.call][column]) for rule in rules if NUMBERS[rule.call][column] >= 0]
    code = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, _AUDIT[machine]), (_RETURN, 0, 0, _KILL)]
    code.append((_LOAD, 0, 0, _NUMBER))
    if machine == "x86_64":  # x32 calls have the same architecture and other numbers
        code += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    code += [(_GREATER, 0, 1, NEWEST), (_RETURN, 0, 0, _FAIL | errno.ENOSYS)]
    for error in sorted({rule.error for rule, _ in known}):
        numbers = sorted(number for rule, number in known if rule.error == error and not rule.clauses)
        for start in range(0, len(numbers), _CHAIN):
            code += _chain(numbers[start : start + _CHAIN], error)
    for rule, number in known:
        if rule.clauses:
            code += _conditional(rule, number)
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def _chain(numbers: List[int], error: int) -> Iterator[Tuple[int, int, int, int]]:
    """Fail if the number is one of these; every compare but the last jumps ahead to the shared return."""
    last = len(numbers) - 1
    for index, number in enumerate(numbers):
        yield (_EQUAL, last - index, 1 if index == last else 0, number)
    yield (_RETURN, 0, 0, _FAIL | error)


def _conditional(rule: Rule, number: int) -> List[Tuple[int, int, int, int]]:
    """Look at the arguments of one call; if not all clauses hold, load the number again and go on."""
    tests: List[Tuple[int, int, int, int]] = []
    for clause in reversed(rule.clauses):
        away = len(tests) + 1  # over the rest and the return, to the reload
        jumps = (0, away) if clause.equal else (away, 0)
        offset = _ARGUMENTS + 8 * clause.argument + (4 if clause.high else 0)
        test = [(_LOAD, 0, 0, offset), (_AND, 0, 0, clause.mask), (_EQUAL, *jumps, clause.value)]
        tests = test + tests
    tests += [(_RETURN, 0, 0, _FAIL | rule.error), (_LOAD, 0, 0, _NUMBER)]
    return [(_EQUAL, 0, len(tests), number), *tests]


def install(program: bytes) -> None:
    """Put a filter in force for this process and all that it starts, for ever.

    Raises:
        OSError: the kernel refused it.
    """
    kernel.call("prctl", _PR_SET_NO_NEW_PRIVS, 1)
    held = ctypes.create_string_buffer(program, len(program))
    description = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(held))
    kernel.call("prctl", _PR_SET_SECCOMP, _FILTER_MODE, description)
