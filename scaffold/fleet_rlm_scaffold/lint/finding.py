"""One thing that is wrong with an asset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "error", "warning"]


@dataclass(frozen=True, order=True)
class Finding:
    """What is wrong where, and what to do about it.

    Attributes:
        path: the file.
        message: one sentence with its remedy.
        level: ``error`` if the asset does not do what it says, ``warning`` if it does so less well.
    """

    path: str
    message: str
    level: Literal["warning", "error"]


def error(path: str, message: str) -> Finding:
    """Return a finding that the asset has no effect, or a wrong one."""
    return Finding(path, message, "error")


def warning(path: str, message: str) -> Finding:
    """Return a finding that the asset works less well than it could."""
    return Finding(path, message, "warning")
