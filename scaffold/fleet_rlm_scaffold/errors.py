"""Every error the installer raises on purpose, each with its exit code.

::

    ScaffoldError                    1   something needs the reader
    ├── UsageError                   2   a flag, a name or a value that cannot be used
    ├── TargetError                  1   the folder to install into cannot be used safely
    ├── ManifestError                1   the record of an earlier install cannot be read
    ├── TemplateError                1   the template set is missing, wrong or cannot be rendered
    ├── RuntimeCommandError          1   the fleet-rlm command is missing or does not answer
    ├── OutputError                  1   what is to be shown cannot be written
    ├── LockedError                  1   another process is installing into the same folder
    ├── WriteRefusedError            1   the system refused a write; what was done has been undone
    └── PluginPresentError           1   the same assets are already there as a Claude Code plugin

Exit code 0 is success, 3 is a bug (its log file is named), 130 is Ctrl-C.
The message is one sentence that says what is wrong; ``remedy`` says what to do.
"""

from __future__ import annotations

import errno
from typing import ClassVar

import click

__all__ = [
    "LockedError",
    "ManifestError",
    "OutputError",
    "PluginPresentError",
    "RuntimeCommandError",
    "ScaffoldError",
    "TargetError",
    "TemplateError",
    "UsageError",
    "WriteRefusedError",
    "refused",
]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SANDBOXED = frozenset({errno.EROFS, errno.EPERM, errno.EACCES})


class ScaffoldError(click.ClickException):
    """Base of the tree; ``str()`` is the message, followed by the remedy if there is one.

    It is a click exception, so that a command of ours keeps its exit code in another program's command line.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        """Keep ``message`` (what is wrong) and ``remedy`` (what the reader can do)."""
        super().__init__(message)
        self.remedy = remedy

    def __str__(self) -> str:
        """Message and remedy in one line."""
        return f"{self.message} {self.remedy}" if self.remedy else self.message

    def format_message(self) -> str:
        """What click shows."""
        return str(self)


class UsageError(ScaffoldError):
    """A flag, a name or a value that cannot be used as given."""

    exit_code = 2


class TargetError(ScaffoldError):
    """The folder to install into cannot be used safely."""


class ManifestError(ScaffoldError):
    """The record of an earlier install cannot be read, or is from a newer version."""


class TemplateError(ScaffoldError):
    """The template set is missing, wrong, or cannot be rendered."""


class RuntimeCommandError(ScaffoldError):
    """The ``fleet-rlm`` command is missing, does not answer, or answers nonsense."""


class LockedError(ScaffoldError):
    """Another process is installing into the same folder."""


class WriteRefusedError(ScaffoldError):
    """The system refused a write; whatever was done before it has been undone."""


class OutputError(ScaffoldError):
    """What is to be shown cannot be written to where it was sent."""


class PluginPresentError(ScaffoldError):
    """The same assets are already there as an installed Claude Code plugin."""


def refused(error: OSError, where: str) -> ScaffoldError:
    """Return the error to tell for a write that the system refused below ``where``."""
    reason = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return WriteRefusedError(
            f"The disk or your quota is full ({reason}); nothing was changed in {where}.",
            remedy="Make room, then run the same command again.",
        )
    if error.errno in _SANDBOXED:
        return WriteRefusedError(
            f"Writing to {where} was refused ({reason}): by the folder's permissions, or by the sandbox that "
            "this shell runs in. Nothing was changed.",
            remedy="Run the same command in a plain terminal, as the owner of the folder.",
        )
    return WriteRefusedError(
        f"Writing to {where} failed ({reason}). Nothing was changed.", remedy="Run it again."
    )
