"""Calls into the Linux kernel that Python has no function for. Importing this costs what ``ctypes`` does."""

from __future__ import annotations

import ctypes
import errno
import os
import sys

from fleet_rlm.driver.lockdown.syscalls import MACHINES, NUMBERS

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Optional, Union

__all__ = ["call", "machine"]

_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
_syscall.argtypes = [ctypes.c_long] * 7
_ARGUMENTS = 6


def machine() -> Optional[str]:
    """The architecture, as the tables name it; None if they do not know it or Python is a 32-bit one."""
    name = os.uname().machine
    return name if name in MACHINES and sys.maxsize > 1 << 32 else None


_COLUMN = MACHINES.get(machine() or "")


def call(name: str, *arguments: Union[int, bytes]) -> int:
    """Make one system call and return what it returns. Bytes are handed over by address, as a copy.

    Raises:
        OSError: it failed, or this machine has no such call.
    """
    number = -1 if _COLUMN is None else NUMBERS[name][_COLUMN]
    if number < 0:
        raise OSError(errno.ENOSYS, f"{name} is not known on this machine")
    held = []
    values = [0] * _ARGUMENTS
    for index, argument in enumerate(arguments):
        if isinstance(argument, int):
            values[index] = argument
        else:
            held.append(ctypes.create_string_buffer(argument, len(argument)))
            values[index] = ctypes.addressof(held[-1])
    answer: int = _syscall(number, *values)
    if answer == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return answer
