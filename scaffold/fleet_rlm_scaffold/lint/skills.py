"""Skills: found, offered, and picked up by the model itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fleet_rlm_scaffold.lint.files import FrontMatterError, front_matter
from fleet_rlm_scaffold.lint.finding import Finding, error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["check"]

_CUT = 1536  # characters at which the client cuts a description in its listing
_SHORT = 300  # characters up to which a description is read whole by a busy model
_ALL = 3000  # characters for all descriptions together: about the listing's share of the window
_FIELDS = frozenset(
    [
        "name",
        "description",
        "license",
        "compatibility",
        "metadata",
        "version",
        "allowed-tools",
        "disallowed-tools",
        "hooks",
        "model",
        "agent",
        "context",
        "effort",
        "paths",
        "shell",
        "user-invocable",
        "disable-model-invocation",
        "argument-hint",
        "arguments",
        "when_to_use",
    ]
)
_NEEDS_PERMISSION = ("allowed-tools", "disallowed-tools", "hooks")
_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def check(files: Mapping[str, bytes]) -> Iterator[Finding]:
    """Yield what is wrong with the skills in ``files``."""
    folders = {path.split("/")[1] for path in files if path.startswith("skills/") and path.count("/") > 1}
    total = 0
    for folder in sorted(folders):
        path = f"skills/{folder}/SKILL.md"
        if path not in files:
            near = [name for name in files if name.lower() == path.lower()]
            said = f"it is called {near[0]}" if near else "there is none"
            yield error(path, f"the client reads exactly this name, and {said}.")
            continue
        try:
            fields, body = front_matter(files[path])
        except FrontMatterError as reason:
            yield error(path, f"{reason}: the skill is not offered.")
            continue
        total += len(str(fields.get("description", "")))
        yield from _fields(path, folder, fields)
        yield from _links(path, body, files)
    if total > _ALL:
        yield warning("skills", f"all descriptions together are {total} characters; stay under {_ALL}.")
    for path in files:
        if path.startswith("skills/") and path.count("/") == 1 and not path.endswith("/.gitkeep"):
            yield error(path, "the client reads skills/<name>/SKILL.md only; this file is dead.")


def _fields(path: str, folder: str, fields: Mapping[str, Any]) -> Iterator[Finding]:
    description = fields.get("description")
    if not isinstance(description, str) or not description.strip():
        yield error(path, "it has no description: the model cannot know when to use it.")
    elif len(description) > _CUT:
        yield error(path, f"its description has {len(description)} characters; the client cuts at {_CUT}.")
    elif len(description) > _SHORT:
        yield warning(path, f"its description has {len(description)} characters; stay under {_SHORT}.")
    if fields.get("name", folder) != folder:
        yield error(
            path, f"its name is {fields['name']!r}, but the client knows it by its folder, {folder!r}."
        )
    for field in sorted(set(fields) - _FIELDS):
        yield warning(path, f"the client ignores the field {field!r}.")
    if not fields.get("disable-model-invocation"):
        for field in _NEEDS_PERMISSION:
            if field in fields:
                yield warning(path, f"{field} makes the model's own use of it need permission; leave it off.")


def _links(path: str, body: str, files: Mapping[str, bytes]) -> Iterator[Finding]:
    here = path.rpartition("/")[0]
    for link in sorted(set(_LINK.findall(body))):
        if ":" not in link and not link.startswith(("/", "$", "..")) and f"{here}/{link}" not in files:
            yield error(path, f"it links to {link}, which is not there.")
