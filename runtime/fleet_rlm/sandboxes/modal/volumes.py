"""Files into a Modal volume."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from fleet_rlm.errors import UsageError
from fleet_rlm.sandboxes.modal.access import ask_modal
from fleet_rlm.sandboxes.modal.launch import find_volume

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["upload"]


def upload(volume_name: str | None, local: str | PathLike[str], remote: str) -> None:
    """Put a file or a folder into a volume, replacing what is there; blocks it has already are not sent.

    Args:
        volume_name: the volume, created if missing.
        local: a file or a folder on this machine.
        remote: where in the volume, as a path from its root.

    Raises:
        UsageError: there is no volume, nothing at ``local``, or ``remote`` leaves the volume.
        ConfigurationError: credentials are missing.
        SandboxError: Modal failed.
    """
    source, target = Path(local), PurePosixPath("/") / remote
    if volume_name is None:
        raise UsageError("this sandbox has no volume.", remedy="Give one with --volume-name.")
    if not source.exists():
        raise UsageError(f"{source} does not exist, so it was not uploaded.")
    if ".." in target.parts or target == PurePosixPath("/"):
        raise UsageError(f"{remote!r} is no path in a volume.", remedy="Use one like corpus/log.txt.")
    is_folder = source.is_dir()
    ask_modal(
        lambda: _put(volume_name, source, str(target), is_folder=is_folder),
        f"uploading to the volume {volume_name}",
    )


async def _put(volume_name: str, source: Path, target: str, *, is_folder: bool) -> None:
    volume = await find_volume(volume_name)
    async with volume.batch_upload(force=True) as batch:
        if is_folder:
            batch.put_directory(source, target)
        else:
            batch.put_file(source, target)
