"""Three-way merge of one file with ``git merge-file``: the user's edit and our change, from a common base."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fleet_rlm_scaffold.errors import WriteRefusedError

__all__ = ["Conflict", "merge"]

_TIMEOUT = 30.0  # seconds; a merge of a skill takes milliseconds
_MOST_CONFLICTS = 127  # the largest count of conflicts that git reports as its exit code


@dataclass(frozen=True)
class Conflict:
    """The merge needs a person.

    Attributes:
        why: the reason, as a clause.
        marked: the text with conflict markers, or None if it could not be made.
    """

    why: str
    marked: bytes | None = None


def merge(base: bytes | None, yours: bytes, new: bytes, *, labels: tuple[str, str, str]) -> bytes | Conflict:
    """Return ``yours`` with the change from ``base`` to ``new``, in the line endings of ``yours``.

    Args:
        base: what was last rendered; None if it is no longer known.
        yours: what is on disk.
        new: what is rendered now.
        labels: how conflict markers name yours, base and new.

    Raises:
        WriteRefusedError: if there is nowhere to merge in.
    """
    if base is None:
        return Conflict("the version that it was edited from is no longer known")
    git = shutil.which("git")
    if git is None:
        return Conflict("git, which merges, is not on PATH")
    crlf = _uses_crlf(yours)
    contents = (yours, _endings(base, crlf=crlf), _endings(new, crlf=crlf))
    try:
        with tempfile.TemporaryDirectory(prefix="fleet-rlm-merge-") as folder:
            return _run_git(git, Path(folder), contents, labels)
    except OSError as error:
        raise WriteRefusedError(
            f"A merge needs a temporary folder, and none can be written ({error.strerror}).",
            remedy="Make room there, or set TMPDIR to another folder.",
        ) from error


def _run_git(
    git: str, folder: Path, contents: tuple[bytes, bytes, bytes], labels: tuple[str, str, str]
) -> bytes | Conflict:
    names = ("yours", "base", "new")
    for name, data in zip(names, contents, strict=True):
        (folder / name).write_bytes(data)
    arguments = [git, "merge-file", "-p", "--diff3"]
    for label in labels:
        arguments += ["-L", label]
    try:
        done = subprocess.run(
            [*arguments, *names],
            cwd=folder,
            env={
                **os.environ,
                "LC_ALL": "C",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CEILING_DIRECTORIES": str(folder.parent),
            },
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Conflict(f"git merge-file failed ({type(error).__name__})")
    if done.returncode == 0:
        return done.stdout
    if 0 < done.returncode <= _MOST_CONFLICTS:
        return Conflict("your edit and the new version change the same lines", done.stdout)
    reason = done.stderr.decode(errors="replace").strip().splitlines()
    return Conflict(f"git merge-file refused it ({reason[-1] if reason else done.returncode})")


def _uses_crlf(data: bytes) -> bool:
    windows = data.count(b"\r\n")
    return windows > data.count(b"\n") - windows


def _endings(data: bytes, *, crlf: bool) -> bytes:
    plain = data.replace(b"\r\n", b"\n")
    return plain.replace(b"\n", b"\r\n") if crlf else plain
