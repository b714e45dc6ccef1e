"""Which files of a folder are left alone: ``.gitignore`` files, and folders of installed things."""

# Paths are str, as os.scandir makes them: a walk over thousands of files makes no object per step.
# ruff: noqa: PTH110, PTH118, PTH119, PTH120

from __future__ import annotations

import os
from dataclasses import dataclass

from pathspec import GitIgnoreSpec

from fleet_rlm.documents.opening import open_regular

__all__ = ["IgnoreRules", "is_derived", "is_installed", "parse_rules"]

_FILE = ".gitignore"
_MAX_BYTES = 1 << 20


def is_installed(folder: str) -> bool:
    """Whether a tool has installed packages there; hidden ones such as ``.venv`` are left out as hidden."""
    return os.path.basename(folder) == "node_modules" or os.path.exists(os.path.join(folder, "pyvenv.cfg"))


def is_derived(folder: str) -> bool:
    """Whether it holds nothing but what was made from the files beside it."""
    return os.path.basename(folder) == "__pycache__"


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The ignore files in force in one folder, outermost first: (folder, rules)."""

    layers: tuple[tuple[str, GitIgnoreSpec], ...] = ()

    @classmethod
    def around(cls, root: str) -> IgnoreRules:
        """Return the rules that the repository around ``root`` has above it.

        If they exclude ``root`` itself they do not count: the user named it.
        """
        above = _folders_of_repository_above(root)
        rules = cls()
        for folder in above:
            rules = rules.within(folder)
        return cls() if above and rules.ignored(root, is_folder=True) else rules

    def within(self, folder: str) -> IgnoreRules:
        """Return these rules and those of the ignore file in ``folder``, if it has one."""
        spec = _load(os.path.join(folder, _FILE))
        return IgnoreRules((*self.layers, (folder, spec))) if spec else self

    def ignored(self, path: str, *, is_folder: bool) -> bool:
        """Say whether the absolute ``path`` is excluded: the innermost file with an opinion decides."""
        slash = "/" if is_folder else ""
        for folder, spec in reversed(self.layers):
            relative = path[len(folder.rstrip("/")) + 1 :]
            verdict = spec.check_file(relative + slash).include
            if verdict is not None:
                return verdict
        return False


def parse_rules(text: str) -> GitIgnoreSpec:
    """Read an ignore file; a line that is no pattern is passed over, as git does."""
    lines = text.splitlines()
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:
        return GitIgnoreSpec.from_lines([line for line in lines if _is_pattern(line)])


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _load(path: str) -> GitIgnoreSpec | None:
    try:
        descriptor = open_regular(path)
    except OSError:
        return None  # most folders have none, and one that cannot be read has no say
    try:
        return parse_rules(os.fsdecode(os.read(descriptor, _MAX_BYTES)))
    finally:
        os.close(descriptor)


def _folders_of_repository_above(root: str) -> list[str]:
    """List the folders from the top of the git repository that holds ``root`` down to its parent."""
    if os.path.exists(os.path.join(root, ".git")):
        return []
    folders: list[str] = []
    folder = root
    while (parent := os.path.dirname(folder)) != folder:
        folders.insert(0, parent)
        if os.path.exists(os.path.join(parent, ".git")):
            return folders
        folder = parent
    return []
