"""Confinement by Landlock and system call filters: the driver gives up its own rights. Nothing to install."""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from fleet_rlm.sandboxes.local.launch import Launch, Unavailable, driver_command, environment
from fleet_rlm.sandboxes.local.policy import DEVICES

if TYPE_CHECKING:
    from fleet_rlm.sandboxes.local.policy import Policy
    from fleet_rlm.sandboxes.local.session import Session

__all__ = ["Landlock", "explain", "judge"]

_SCOPED_SIGNALS_ABI = 6  # as in the driver's own ``lockdown.landlock``, which only Linux can import
_KERNEL = "Run a Linux 5.13 or newer that has Landlock."


@dataclass(frozen=True)
class Landlock:
    """Confinement by the kernel's Landlock, with system call filters for what it does not cover."""

    name: ClassVar[str] = "landlock"

    def unavailable(self, policy: Policy) -> Unavailable | None:
        """Ask the kernel for its version of Landlock, which takes microseconds."""
        abi, error = _version()
        return judge(abi, error, processes=policy.processes)

    def launch(self, policy: Policy, session: Session) -> Launch:
        """See ``launch.Confinement``."""
        for path in policy.packages:
            (session.site / Path(path).name).symlink_to(path)
        write = [session.tmp, *([policy.volume] if policy.volume else [])]
        rules = policy.for_driver(
            self.name,
            os.getpid(),
            read=[*policy.read, *policy.packages, str(session.site)],
            hidden=list(policy.hidden),
            write=write,
            devices=list(DEVICES),
        )
        options = {
            "policy": rules,
            "probe": session.canaries,
            "search_path": [str(session.site)] if policy.packages else [],
            "tmp": session.tmp,
            "volume": policy.volume,
        }
        variables = environment(session.tmp, processes=policy.processes)
        return Launch(tuple(driver_command(policy, options)), variables)


@cache
def _version() -> tuple[int, int]:
    """The kernel's version of Landlock and 0, or 0 and the error number with which it refused."""
    if sys.platform != "linux":
        return 0, errno.ENOSYS
    from fleet_rlm.driver.lockdown import kernel, landlock  # noqa: PLC0415 - loads ctypes; Linux only

    if kernel.machine() is None:
        return 0, errno.ENOEXEC
    try:
        return landlock.version(), 0
    except OSError as error:
        return 0, error.errno or errno.EIO


def judge(abi: int, error: int, *, processes: bool) -> Unavailable | None:
    """Say why this Landlock is not enough, or None.

    Args:
        abi: its version.
        error: number of the error with which the kernel refused to tell it, or 0.
        processes: whether generated code may start processes.
    """
    if error:
        return explain(error)
    if processes and abi < _SCOPED_SIGNALS_ABI:
        return Unavailable(
            f"this kernel's Landlock (version {abi}) cannot keep new processes from signalling yours",
            "Install bubblewrap, or leave --allow-subprocess out; Linux 6.12 can.",
        )
    return None


def explain(error: int) -> Unavailable:
    """Turn the error number with which Landlock was refused into a reason and a remedy."""
    known = {
        errno.ENOSYS: ("this kernel has no Landlock", _KERNEL),
        errno.EOPNOTSUPP: (
            "Landlock is switched off on this machine",
            "Add `landlock` to the kernel's boot parameter lsm=.",
        ),
        errno.EPERM: (
            "something around this program, such as a container, forbids Landlock",
            "Use a container seccomp profile that lets the landlock_* calls through.",
        ),
        errno.ENOEXEC: (
            f"there are no system call filters for {os.uname().machine}",
            "Use a 64-bit Python on x86-64 or arm64.",
        ),
    }
    reason, remedy = known.get(error, (f"Landlock failed: {os.strerror(error)}", _KERNEL))
    return Unavailable(reason, remedy)
