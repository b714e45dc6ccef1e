"""Finding the installed ``claude``."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from fleet_rlm.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PREFIX", "find", "require", "version"]

PREFIX = "claude-code/"
"""What a model's name begins with if Claude Code is to be asked."""

_OWN_PLACES = (".claude/local/claude", ".local/bin/claude")
"""Where Claude Code's installers put it, below HOME; often not on the PATH of what starts fleet-rlm."""

_VERSION_SECONDS = 10.0


def find(named: str | None, environ: Mapping[str, str]) -> Path | None:
    """Return the program, or None if there is none.

    Args:
        named: the path that the user has set; nothing else is then looked at.
        environ: its ``PATH`` and ``HOME`` say where to look. A folder of ``PATH`` that is relative does not
            count: it would let the project that is worked on choose what runs.
    """
    if named:
        chosen = Path(named).expanduser()
        return chosen.absolute() if _runs(chosen) else None
    folders = [folder for folder in environ.get("PATH", "").split(os.pathsep) if Path(folder).is_absolute()]
    if folders and (found := shutil.which("claude", path=os.pathsep.join(folders))):
        return Path(found)
    home = environ.get("HOME")
    places = (Path(home) / place for place in _OWN_PLACES) if home else ()
    return next((place for place in places if _runs(place)), None)


def require(named: str | None, environ: Mapping[str, str]) -> Path:
    """Return the program.

    Raises:
        ConfigurationError: it is not there.
    """
    program = find(named, environ)
    if program is not None:
        return program
    if named:
        raise ConfigurationError(
            f"There is no program {named} to ask Claude Code with.", remedy="Correct FLEET_RLM_CLAUDE."
        )
    raise ConfigurationError(
        "Claude Code is not installed: there is no claude on PATH.",
        remedy="Install it (https://code.claude.com/docs), name it with FLEET_RLM_CLAUDE, "
        "or use another model with --model.",
    )


def version(program: Path) -> str | None:
    """Return what ``program`` calls its version, such as ``2.1.329``; None if it does not say one.

    Takes 10 to 150 ms; no model is asked.
    """
    try:
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = done.stdout.split()
    return words[0] if not done.returncode and words else None


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
