"""Where to install: the folder that the client reads in each scope."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fleet_rlm_scaffold.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet_rlm_scaffold.assets import Scope

__all__ = ["CONFIG_VARIABLE", "config_folder", "target_folder"]

CONFIG_VARIABLE = "CLAUDE_CONFIG_DIR"
"""The client's own variable for its user folder."""


def target_folder(chosen: Path | None, scope: Scope, environ: Mapping[str, str]) -> Path:
    """Return the folder to install into, absolute: the chosen one, else the client's own of the scope.

    Raises:
        TargetError: if there is no home folder to find it in.
    """
    if chosen:
        return chosen.expanduser().absolute()
    return Path.cwd() / ".claude" if scope == "project" else config_folder(environ)


def config_folder(environ: Mapping[str, str]) -> Path:
    """Return the client's user folder: ``CLAUDE_CONFIG_DIR``, else ``~/.claude``.

    Raises:
        TargetError: if there is no home folder to find it in.
    """
    if environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE]).expanduser().absolute()
    home = environ.get("HOME", "")
    if not home or not Path(home).is_dir():
        raise TargetError(
            f"The home folder {home or '(HOME is not set)'} is not there.",
            remedy="Set HOME, or use --target.",
        )
    return Path(home).absolute() / ".claude"
