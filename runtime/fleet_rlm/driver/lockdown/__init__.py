"""Confinement from within: what the driver gives up before it runs anything that it was sent.

The host chooses the confinement and states it as a ``policy``, plain JSON::

    wall        what surrounds the driver: "bwrap", "landlock" or "seatbelt"
    host        the host's process number, which must be out of reach
    read        files and folders that can be read (landlock)
    hidden      parts of those folders that cannot
    write       folders to write in (landlock)
    devices     device files that can be read and written (landlock)
    processes   whether generated code may start processes
    memory      most private memory of one process, in bytes; null is no limit
    file_size   largest file, in bytes
    open_files  most open descriptors
    threads     most threads and processes; null where the kernel would count the user's others too

Supervisor and worker give up different things, in this order: ``confine_driver`` in the supervisor, first
thing; ``confine_worker`` in each worker, after the fork. Both are for ever. Linux and macOS only; the modules
below this one are imported only where they apply.
"""

from __future__ import annotations

import os
import resource
import sys

from fleet_rlm.driver.lean import signal, suppress

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

__all__ = ["attempt_all", "confine_driver", "confine_worker", "end_descendants"]

_STACK_BYTES = 64 << 20
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_CAPABILITY_VERSION = 0x20080522
_MOST_CAPABILITIES = 64


def confine_driver(policy: Dict[str, Any]) -> None:
    """Give up what neither supervisor nor worker needs. Call first, in a process of one thread.

    Raises:
        OSError: a wall could not be put up; the driver must end.
    """
    with suppress(PermissionError):  # a session leader already
        os.setsid()
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, policy["open_files"])
    if sys.platform == "linux":
        _confine_linux_driver(policy)


def _confine_linux_driver(policy: Dict[str, Any]) -> None:
    from fleet_rlm.driver.lockdown import kernel, landlock, seccomp

    kernel.call("prctl", _PR_SET_NO_NEW_PRIVS, 1)
    kernel.call("prctl", _PR_SET_PDEATHSIG, _end_with_host(policy))
    abi: Optional[int] = None
    if policy["wall"] == "landlock":
        abi = landlock.version()
        landlock.guard_files(policy)
    _drop_capabilities()
    kernel.call("prctl", _PR_SET_DUMPABLE, 0)
    seccomp.install(seccomp.assemble(seccomp.driver_rules(abi), os.uname().machine))


def confine_worker(policy: Dict[str, Any]) -> None:
    """Give up what generated code must not have. Call after the fork, in a process of one thread.

    Raises:
        OSError: a wall could not be put up; the worker must end.
    """
    if policy["memory"] is not None:
        _limit(resource.RLIMIT_DATA, policy["memory"])
    if policy["threads"] is not None:
        _limit(resource.RLIMIT_NPROC, policy["threads"])
    _limit(resource.RLIMIT_STACK, _STACK_BYTES)
    _limit(resource.RLIMIT_FSIZE, policy["file_size"])
    if sys.platform == "linux":
        from fleet_rlm.driver.lockdown import kernel, landlock, seccomp

        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        kernel.call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL)
        landlock.scope()
        rules = seccomp.worker_rules(os.getpid(), processes=policy["processes"])
        seccomp.install(seccomp.assemble(rules, os.uname().machine))
    elif not policy["processes"]:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def attempt_all(policy: Dict[str, Any], canaries: Dict[str, Any]) -> Dict[str, str]:
    """Try to break out, in a worker just confined; return "blocked" or "open" for each attempt by name."""
    from fleet_rlm.driver.lockdown import attempts

    return attempts.attempt_all(policy, canaries)


def end_descendants(policy: Dict[str, Any]) -> None:
    """Kill every process of this sandbox but the caller, who is the supervisor; where that is safe.

    ``kill(-1)`` reaches all that one may signal: behind Landlock's signal scope or in a process namespace
    that is this sandbox and nothing else. That the host cannot be reached proves that one of them holds.
    """
    try:
        os.kill(policy["host"], 0)
    except OSError:
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)


def _end_with_host(policy: Dict[str, Any]) -> int:
    """The signal for the host's death: one that can be answered where there are more processes to end."""
    if not (policy["wall"] == "landlock" and policy["processes"]):
        return signal.SIGKILL

    def end(_number: int, _frame: Any) -> None:
        end_descendants(policy)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    return signal.SIGTERM


def _drop_capabilities() -> None:
    """For a host that is root: no privilege is left, and none can be had again."""
    from fleet_rlm.driver.lockdown import kernel

    for capability in range(_MOST_CAPABILITIES):
        try:
            kernel.call("prctl", _PR_CAPBSET_DROP, capability)
        except OSError:  # not privileged to begin with, or the last one is behind us
            break
    header = _CAPABILITY_VERSION.to_bytes(4, sys.byteorder) + bytes(4)
    kernel.call("capset", header, bytes(24))


def _limit(kind: int, amount: int) -> None:
    """Lower a limit, soft and hard; never raise one."""
    for known in resource.getrlimit(kind):
        amount = amount if known == resource.RLIM_INFINITY else min(amount, known)
    resource.setrlimit(kind, (amount, amount))
