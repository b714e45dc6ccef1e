"""Confinement by macOS's seatbelt (``sandbox-exec``): a profile that denies everything it does not name.

Not run on macOS by those who wrote it: profile and arguments are held by snapshots, and the probe decides on
the user's machine, as everywhere, whether anything runs.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from fleet_rlm.sandboxes.local.launch import Launch, Unavailable, driver_command, environment
from fleet_rlm.sandboxes.local.policy import DEVICES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet_rlm.sandboxes.local.policy import Policy
    from fleet_rlm.sandboxes.local.session import Session

__all__ = ["Seatbelt", "arguments", "profile"]

_PROGRAM = "/usr/bin/sandbox-exec"
_SYSTEM = ("/usr/lib", "/System/Library", "/System/Volumes/Preboot/Cryptexes", "/private/var/db/dyld")


@dataclass(frozen=True)
class Seatbelt:
    """Confinement by ``sandbox-exec``."""

    name: ClassVar[str] = "seatbelt"

    def unavailable(self, _policy: Policy) -> Unavailable | None:
        """Look for the program; only the probe can say more."""
        if sys.platform != "darwin" or shutil.which(_PROGRAM) is None:
            return Unavailable("seatbelt is a part of macOS", "Use bwrap or landlock on Linux.")
        return None

    def launch(self, policy: Policy, session: Session) -> Launch:
        """See ``launch.Confinement``."""
        for path in policy.packages:
            (session.site / Path(path).name).symlink_to(path)
        tmp = os.path.realpath(session.tmp)
        write = [tmp, *([policy.volume] if policy.volume else [])]
        options = {
            "policy": policy.for_driver(self.name, os.getpid()),
            "probe": session.canaries,
            "search_path": [str(session.site)] if policy.packages else [],
            "tmp": tmp,
            "volume": policy.volume,
        }
        text = profile(policy, site=os.path.realpath(session.site), write=write)
        command = arguments(text, driver_command(policy, options))
        return Launch(tuple(command), environment(tmp, processes=policy.processes))


def arguments(text: str, command: Sequence[str]) -> list[str]:
    """Return the command that runs ``command`` under the profile ``text``."""
    return [_PROGRAM, "-p", text, *command]


def profile(policy: Policy, *, site: str, write: Sequence[str]) -> str:
    """Return the profile in seatbelt's language. Of several rules that match, the last decides.

    Args:
        policy: interpreter, what can be read and what not, and whether processes may be started.
        site: folder in which the packages are linked.
        write: folders to write in.
    """
    resources = [path for path in policy.read if path.endswith("/Resources")]  # of a framework's Python
    programs = [f"(literal {_quoted(policy.python)})", *(_trees([path]) for path in resources)]
    lines = [
        "(version 1)",
        "(deny default)",  # whatever is not named: network, mach services, other processes, devices
        "(allow process-fork)",  # the supervisor's workers; a limit on processes takes it from the worker
        f"(allow process-exec {' '.join(programs)})",
        "(allow signal (target same-sandbox))",
        "(allow sysctl-read)",
        "(allow file-read-metadata)",  # walking down to a path that is allowed
        f"(allow file-read* {_trees([*_SYSTEM, *policy.read])})",
        *([f"(deny file-read* {_trees(policy.hidden)})"] if policy.hidden else []),
        f"(allow file-read* {_trees([site, *policy.packages])})",  # some may lie in what is hidden
        f"(allow file-read* file-write* {_trees(write)})",
        f"(allow file-read* file-write-data {' '.join(f'(literal {_quoted(path)})' for path in DEVICES)})",
    ]
    if policy.processes:
        lines.append(f"(allow process-exec {_trees(['/bin', '/usr/bin', *_SYSTEM])})")
        lines.append(f"(allow file-read* {_trees(['/bin', '/usr/bin'])})")
    return "\n".join(lines) + "\n"


def _trees(paths: Sequence[str]) -> str:
    return " ".join(f"(subpath {_quoted(path)})" for path in paths)


def _quoted(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
