"""The tool ``save``: ``session save``, but only into the project.

In a shell the user's rules about commands decide where Claude may write. Leave to call our tools is given
once and for all, and what they would write may come out of a document.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import UsageError
from fleet_rlm.mcp.results import Result
from fleet_rlm.sessions.saving import told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet_rlm.mcp.place import Place
    from fleet_rlm.mcp.progress import Progress

__all__ = ["save"]


async def save(place: Place, given: Mapping[str, Any], progress: Progress) -> Result:
    """Write a variable into files.

    Raises:
        UsageError: they may not be written there, or are there already.
    """
    folder = _folder(place.folder, given["to"])
    handle = await place.aside(partial(place.find, given.get("session")))
    begin = partial(
        handle.begin_save, given["variable"], str(folder), replace=given["replace"], wait=given["wait"]
    )
    result = await place.answer(begin, progress)
    notes = [f"Note: {notice}" for notice in result["notices"]]
    return Result("\n".join([told(result), *notes, f"[session {result['session']}]"]))


def _folder(project: str, name: str) -> Path:
    """Return the folder of that name, its links resolved: one below the project's, and no hidden one."""
    if not name:
        raise UsageError("save: the name of the folder is empty.", remedy="Name one, such as rlm-work.")
    try:
        folder = (Path(project) / os.path.expanduser(name)).resolve()  # noqa: PTH111 - Path's fails for ~nobody
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{name!r} is no path ({error}).", remedy="Name a folder of the project.") from None
    if Path(project) not in folder.parents:
        raise _refused(f"{folder} is not below the project's folder {project}.")
    # Where programs take settings, hooks and keys from: .claude, .git, .vscode, .ssh.
    if any(part.startswith(".") for part in folder.relative_to(project).parts):
        raise _refused(f"{folder} is hidden.")
    return folder


def _refused(message: str) -> UsageError:
    return UsageError(
        message,
        remedy="Name another, such as rlm-work; `fleet-rlm session save` in a shell writes to any folder.",
    )
