"""What a confinement is to the sandbox: a way to start a driver, or a reason why not."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from fleet_rlm.sandboxes.process import DRIVER_FD, driver_argv

if TYPE_CHECKING:
    from fleet_rlm.sandboxes.local.policy import Policy
    from fleet_rlm.sandboxes.local.session import Session

__all__ = ["BY_OTHERS", "Confinement", "Launch", "Unavailable", "driver_command", "environment"]

BY_OTHERS = ("LC_CTYPE", "PWD", "__CF_USER_TEXT_ENCODING")
"""Variables that Python, bwrap and macOS set by themselves."""

_MOST_BLAS_THREADS = 8


@dataclass(frozen=True)
class Launch:
    """A command and its whole environment."""

    argv: tuple[str, ...]
    env: dict[str, str]


@dataclass(frozen=True)
class Unavailable:
    """Why a confinement cannot be used here: what is the matter, and what would help."""

    reason: str
    remedy: str


class Confinement(Protocol):
    """One way to confine a driver."""

    @property
    def name(self) -> str:
        """``bwrap``, ``landlock`` or ``seatbelt``."""
        ...

    def unavailable(self, policy: Policy) -> Unavailable | None:
        """Say why ``policy`` cannot be enforced here, or None: it looks as if it could."""
        ...

    def launch(self, policy: Policy, session: Session) -> Launch:
        """Return the command that starts a driver under ``policy``. May write to the session's folder."""
        ...


def driver_command(policy: Policy, options: dict[str, Any]) -> list[str]:
    """Return the command of a driver on the policy's interpreter."""
    return driver_argv(policy.python, json.dumps({"fd": DRIVER_FD, **options}))


def environment(tmp: str, *, processes: bool) -> dict[str, str]:
    """The driver's whole environment: nothing of the host's.

    Large blocks are asked for in huge pages, which saves most of the time that decoding a document takes. The
    threads of numerical libraries are bounded, because each reserves memory that a limit counts.
    """
    threads = str(min(_MOST_BLAS_THREADS, os.cpu_count() or 1))
    variables = {
        "HOME": tmp,
        "TMPDIR": tmp,
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
    }
    if sys.platform == "linux":
        variables["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=1"
    return {**variables, "PATH": "/usr/bin:/bin"} if processes else variables
