"""Runs every check over a plugin or a client's folder, and over the plugin folders in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet_rlm_scaffold.lint import agents, hooks, skills
from fleet_rlm_scaffold.lint import plugin as plugins
from fleet_rlm_scaffold.lint.finding import Finding, error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["lint"]

_MANIFEST = ".claude-plugin/plugin.json"
_TAGS = (b"<%=", b"<%#", b"<% ")


def lint(files: Mapping[str, bytes], *, plugin: bool | None = None) -> list[Finding]:
    """Return what is wrong, sorted.

    Args:
        files: relative path -> bytes, of a plugin's root or a client's folder.
        plugin: whether it is a plugin's root; None to see by its manifest.
    """
    is_plugin = _MANIFEST in files if plugin is None else plugin
    inner = {
        path.removesuffix(_MANIFEST)
        for path in files
        if path.endswith(_MANIFEST) and path.startswith("skills/") and path != _MANIFEST
    }
    own = {path: data for path, data in files.items() if not path.startswith(tuple(inner))}
    found = list(_one(own, is_plugin=is_plugin))
    for root in sorted(inner):
        below = {path.removeprefix(root): data for path, data in files.items() if path.startswith(root)}
        found += (Finding(root + one.path, one.message, one.level) for one in _one(below, is_plugin=True))
    return sorted(found)


def _one(files: Mapping[str, bytes], *, is_plugin: bool) -> Iterator[Finding]:
    yield from skills.check(files)
    yield from agents.check(files, is_plugin=is_plugin)
    yield from hooks.check(files, is_plugin=is_plugin)
    if is_plugin:
        yield from plugins.check(files)
    for path, data in files.items():
        if any(tag in data for tag in _TAGS) and not path.endswith(".j2"):
            yield error(path, "a template tag is left in it; render it with `fleet-rlm-scaffold render`.")
