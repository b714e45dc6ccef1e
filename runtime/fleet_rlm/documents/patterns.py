"""Glob patterns, matched one path component at a time so that a walk knows which folders to enter."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass

__all__ = ["EVERYTHING", "Pattern", "States", "parse_pattern", "split_pattern"]

States = frozenset[int]
"""Which components of a pattern may come next; empty when nothing below can match."""

_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Pattern:
    """The components of a glob pattern; None stands for ``**``, any number of folders."""

    parts: tuple[str | None, ...]

    def start(self) -> States:
        """Return the state at the pattern's base folder."""
        return self._through_stars({0})

    def advance(self, states: States, name: str) -> States:
        """Return the state after entering ``name``, a file or a folder.

        As in a shell, a name with a leading dot matches only a component that begins with a dot.
        """
        after: set[int] = set()
        for index in states:
            part = self.parts[index] if index < len(self.parts) else ""
            if part is None:
                after.update(() if name.startswith(".") else {index})
            elif part.startswith(".") or not name.startswith("."):
                after.update({index + 1} if part and fnmatch.fnmatchcase(name, part) else ())
        return self._through_stars(after)

    def accepts(self, states: States) -> bool:
        """Say whether a file in this state matches the whole pattern."""
        return len(self.parts) in states

    def enters(self, states: States) -> bool:
        """Say whether anything in a folder in this state can match."""
        return any(index < len(self.parts) for index in states)

    def _through_stars(self, states: set[int]) -> States:
        closed = set(states)
        for index in sorted(states):
            following = index
            while following < len(self.parts) and self.parts[following] is None:
                following += 1
                closed.add(following)
        return frozenset(closed)


EVERYTHING = Pattern((None,))
"""``**``: a folder with all that is below it."""


def split_pattern(source: str) -> tuple[str, str] | None:
    """Split a path at its first component with a wildcard: (base folder, pattern), or None without any."""
    components = source.split("/")
    for index, component in enumerate(components):
        if _MAGIC.search(component):
            base = "/".join(components[:index])
            return base or ("/" if source.startswith("/") else "."), "/".join(components[index:])
    return None


def parse_pattern(pattern: str) -> Pattern:
    """Read a pattern such as ``**/*.md``."""
    return Pattern(
        tuple(None if part == "**" else part for part in pattern.split("/") if part not in {"", "."})
    )
