"""A plugin's root: a manifest that loads, and nothing that the client leaves unread."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from fleet_rlm_scaffold.lint.finding import Finding, error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["check"]

_MANIFEST = ".claude-plugin/plugin.json"
_KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_COMPONENTS = ("agents", "skills", "commands", "hooks")


def check(files: Mapping[str, bytes]) -> Iterator[Finding]:
    """Yield what is wrong with a plugin's root."""
    if _MANIFEST not in files:
        yield error(_MANIFEST, "it is not there: the folder is not a plugin.")
        return
    try:
        manifest = json.loads(files[_MANIFEST])
        name = manifest.get("name")
    except (ValueError, AttributeError) as reason:
        yield error(_MANIFEST, f"it is not a JSON object ({reason}).")
        return
    if not isinstance(name, str) or not _KEBAB.fullmatch(name):
        yield error(_MANIFEST, f"its name is {name!r}; it needs one in kebab-case.")
    for field in _COMPONENTS:
        if field in manifest:
            yield error(_MANIFEST, f"it says where {field} are; leave that out, or the plugin may not load.")
    yield from _files(files)


def _files(files: Mapping[str, bytes]) -> Iterator[Finding]:
    for path in files:
        if path == ".mcp.json":
            yield warning(
                path,
                "who opens the folder as a project gets its servers too, without ${CLAUDE_PLUGIN_ROOT}; "
                "state them in plugin.json.",
            )
        if path.startswith(".claude-plugin/") and path.count("/") == 1 and path not in _KNOWN:
            yield warning(path, "the client reads plugin.json and marketplace.json there, nothing else.")
        if path.startswith("teams/") and f"skills/{path.split('/')[1]}-team/SKILL.md" not in files:
            yield warning(
                path, "the client reads no teams from a plugin; let a skill <team>-team start its roles."
            )
        if path.startswith("bin/") and not files[path].startswith(b"#!"):
            yield warning(path, "a program in bin/ needs a first line with #!.")


_KNOWN = frozenset({_MANIFEST, ".claude-plugin/marketplace.json"})
