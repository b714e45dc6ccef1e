"""Confinement by bubblewrap: a root in which only what the policy names exists, in namespaces of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from fleet_rlm.sandboxes.local.launch import Launch, Unavailable, driver_command, environment
from fleet_rlm.sandboxes.local.policy import DEVICES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fleet_rlm.sandboxes.local.policy import Policy
    from fleet_rlm.sandboxes.local.session import Session

__all__ = ["Bwrap", "arguments", "explain"]

TMP, DATA, SITE = "/tmp", "/data", "/site"  # noqa: S108 - paths inside
_HUGE_PAGES = "/sys/kernel/mm/transparent_hugepage"
_UID = "1000"
_TRIAL_SECONDS = 10.0
_NO_PROGRAM = "/nonexistent"


@dataclass(frozen=True)
class Bwrap:
    """Confinement by the ``bwrap`` on PATH, 0.5 or newer, with the driver's own filters as a second wall."""

    name: ClassVar[str] = "bwrap"

    def unavailable(self, policy: Policy) -> Unavailable | None:
        """Set up the whole sandbox once per process, with nothing to run in it, and see what bwrap says."""
        program = shutil.which("bwrap")
        if program is None:
            return Unavailable("bwrap is not on PATH", "Install bubblewrap.")
        return explain(_trial(program, tuple(arguments(policy, {}))))

    def launch(self, policy: Policy, session: Session) -> Launch:
        """See ``launch.Confinement``."""
        options = {
            "policy": policy.for_driver(self.name, os.getpid()),
            "probe": session.canaries,
            "search_path": [SITE] if policy.packages else [],
            "tmp": TMP,
            "volume": DATA if policy.volume else None,
        }
        variables = environment(TMP, processes=policy.processes)
        command = [*arguments(policy, variables), "--", *driver_command(policy, options)]
        return Launch((shutil.which("bwrap") or "bwrap", *command), {})


def arguments(policy: Policy, variables: Mapping[str, str]) -> list[str]:
    """Return bwrap's arguments for ``policy``, without the program and the command.

    Args:
        policy: what exists inside.
        variables: the environment inside.
    """
    flags = [
        "--unshare-all",  # the network, other processes and their shared memory, cgroups
        "--unshare-user",  # in earnest, not "-try": otherwise a host that is root would be root inside
        *("--uid", _UID, "--gid", _UID),  # neither the user's number nor root
        *("--cap-drop", "ALL"),  # mounting, raw devices, other users' files
        "--new-session",  # typing into the host's terminal (TIOCSTI)
        "--die-with-parent",  # a sandbox that outlives its host
        "--clearenv",  # keys and tokens in the environment
        *("--hostname", "sandbox"),  # the machine's name
        *(
            "--size",
            str(policy.limits.tmp_size),
            "--tmpfs",
            TMP,
        ),  # files that outlive the session, or fill memory
    ]
    for link, target in policy.links:
        flags += ["--symlink", target, link]
    for path in policy.read:
        flags += ["--ro-bind", path, path]  # read-only: changing the interpreter that the user runs tomorrow
    for path in policy.hidden:
        flags += ["--size", "4096", "--tmpfs", path, "--remount-ro", path]  # the user's own packages
    for path in policy.packages:
        flags += ["--ro-bind", path, f"{SITE}/{Path(path).name}"]
    for path in DEVICES:
        flags += ["--dev-bind", path, path]  # these only: no terminal, disk, or memory of the machine
    flags += [
        "--ro-bind-try",
        _HUGE_PAGES,
        _HUGE_PAGES,
    ]  # where the C library looks whether it may ask for them
    if policy.processes:  # for locks between processes
        flags += ["--perms", "1777", "--size", str(policy.limits.tmp_size), "--tmpfs", "/dev/shm"]  # noqa: S108
    if policy.volume:
        flags += ["--bind", policy.volume, DATA]
    for name, value in variables.items():
        flags += ["--setenv", name, value]
    # No --proc: nothing inside needs to see processes, its own included.
    return [*flags, "--remount-ro", "/", "--chdir", TMP]  # a root to write in would be memory without a limit


@cache
def _trial(program: str, flags: Sequence[str]) -> str:
    """What bwrap says when there is no program to start: if it gets that far, everything else has worked."""
    try:
        outcome = subprocess.run(
            [program, *flags, "--", _NO_PROGRAM],
            env={"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TRIAL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return outcome.stderr.strip()


def explain(said: str) -> Unavailable | None:
    """Turn what bwrap said in a trial into a reason and a remedy; None if it was ready to start a program."""
    if f"execvp {_NO_PROGRAM}" in said:
        return None
    for signs, reason, remedy in _REASONS:
        if any(sign in said for sign in signs):
            return Unavailable(f"{reason} ({said.splitlines()[0]})", remedy)
    return Unavailable(
        f"bwrap failed: {said or 'it said nothing'}", "See `bwrap --help`, or install another version."
    )


_REASONS = (
    (
        ("setting up uid map: Permission denied", "RTM_NEWADDR", "RTM_NEWLINK"),
        "this system forbids user namespaces to programs without an AppArmor profile, as Ubuntu 24.04 does",
        (
            "Give bwrap one: install apparmor-profiles, link its extra-profiles/bwrap-userns-restrict into"
            " /etc/apparmor.d, and reload apparmor."
        ),
    ),
    (
        ("No permissions to creat", "Creating new namespace failed", "unshare", "No space left on device"),
        "user namespaces are switched off, by a sysctl or by the container around this",
        (
            "Allow them: sysctl kernel.unprivileged_userns_clone=1 and user.max_user_namespaces above 0; in a"
            " container, a seccomp profile that lets `unshare` and `clone` through."
        ),
    ),
    (
        (
            "pivot_root",
            "Failed to make / slave",
            "Can't mount",
            "Unable to mount",
            "mount tmpfs",
            "Can't bind mount",
        ),
        "mounts are not allowed here, as in most containers",
        "Run the container with a seccomp and AppArmor profile that allow `mount`.",
    ),
    (
        ("Unknown option", "unknown option"),
        "this bwrap is too old",
        "Install bubblewrap 0.5 or newer.",
    ),
)
