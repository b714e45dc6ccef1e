"""Where to install: the folder that the client reads in each scope."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fleet_rlm_scaffold.errors import TargetError
from fleet_rlm_scaffold.paths import CONTROL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet_rlm_scaffold.assets import Scope

__all__ = ["CONFIG_VARIABLE", "config_folder", "current_folder", "target_folder"]

CONFIG_VARIABLE = "CLAUDE_CONFIG_DIR"
"""The client's own variable for its user folder."""


def target_folder(chosen: Path | None, scope: Scope, environ: Mapping[str, str]) -> Path:
    """Return the folder to install into, absolute: the chosen one, else the client's own of the scope.

    Raises:
        TargetError: if there is no home folder to find it in, or its name cannot be used.
    """
    if chosen:
        return _absolute(chosen)
    return _absolute(Path(".claude")) if scope == "project" else config_folder(environ)


def config_folder(environ: Mapping[str, str]) -> Path:
    """Return the client's user folder: ``CLAUDE_CONFIG_DIR``, else ``~/.claude``.

    Raises:
        TargetError: if there is no home folder to find it in, or its name cannot be used.
    """
    if environ.get(CONFIG_VARIABLE):
        return _absolute(Path(environ[CONFIG_VARIABLE]))
    home = environ.get("HOME", "")
    if not home or not _is_folder(Path(home)):
        raise TargetError(
            f"The home folder {home or '(HOME is not set)'} is not there.",
            remedy="Set HOME, or use --target.",
        )
    return _absolute(Path(home)) / ".claude"


def current_folder() -> Path:
    """Return the folder that the command was started in.

    Raises:
        TargetError: if it has been removed since.
    """
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise TargetError("The current folder has been removed.", remedy="Change to another one.") from error


def _absolute(path: Path) -> Path:
    try:
        full = path.expanduser()
    except RuntimeError as error:
        raise TargetError(
            f"{path} cannot be found: there is no such user.", remedy="Name the folder in full."
        ) from error
    if not full.is_absolute():
        full = current_folder() / full
    if CONTROL.search(str(full)):
        raise TargetError(
            f"The folder {str(full)!r} has a control character in its name.",
            remedy="Name another with --target.",
        )
    return full


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a folder above it may not be entered
        return False
