"""The values the planner compares: what was recorded, what is on disk, what is newly rendered."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Absent", "Disk", "Obstacle", "Recorded", "Regular", "Rendered", "Unreadable", "digest", "trouble"]


def digest(data: bytes) -> str:
    """Return the sha256 of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Rendered:
    """One file as the templates give it.

    Attributes:
        data: its bytes.
        executable: whether it is a program.
        asset: what it belongs to, as ``kind/name``.
    """

    data: bytes
    executable: bool
    asset: str

    @property
    def sha256(self) -> str:
        """The digest of its bytes."""
        return digest(self.data)

    @property
    def recorded(self) -> Recorded:
        """What the manifest keeps of it."""
        return Recorded(self.sha256, self.executable, self.asset)


@dataclass(frozen=True)
class Recorded:
    """What the manifest says was last *rendered* to a path; never what was observed there."""

    sha256: str
    executable: bool
    asset: str


@dataclass(frozen=True)
class Absent:
    """Nothing is there."""


@dataclass(frozen=True)
class Regular:
    """A regular file: its bytes and its permission bits."""

    data: bytes
    permissions: int

    @property
    def sha256(self) -> str:
        """The digest of its bytes."""
        return digest(self.data)


@dataclass(frozen=True)
class Obstacle:
    """Something that is never followed and never replaced; ``what`` says what and where."""

    what: str


@dataclass(frozen=True)
class Unreadable:
    """Something that may be a file of ours but cannot be read; ``why`` is the system's reason."""

    why: str


Disk: TypeAlias = Absent | Regular | Obstacle | Unreadable


def trouble(disk: Disk) -> str | None:
    """Return why something cannot be used as a file, as a clause; None if it can, or is absent."""
    match disk:
        case Obstacle(what):
            return what
        case Unreadable(why):
            return why
        case _:
            return None
