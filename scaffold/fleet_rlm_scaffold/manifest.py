"""The record of an install: what was rendered where, so that a user's edit is never mistaken for ours."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fleet_rlm_scaffold import paths
from fleet_rlm_scaffold.errors import ManifestError
from fleet_rlm_scaffold.model import Recorded

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SCHEMA", "Manifest", "Merged", "dump", "load"]

SCHEMA = 1
"""Raised when an older installer could no longer understand the file."""

_CONTEXT: Mapping[str, tuple[type, ...]] = {
    "groups": (list,),
    "hooks": (str,),
    "threshold": (int,),
    "runtime": (str, type(None)),
    "allow_mcp": (bool,),
}

_MOVE_AWAY = (
    "Move the file away and run `fleet-rlm-scaffold install`: files that are as they were installed are "
    "taken on again, edited ones are kept."
)


@dataclass(frozen=True)
class Merged:
    """Our entries in a settings file that is otherwise the user's.

    Attributes:
        entries: the entries that are ours, by where they stand.
        after: digest of the file as we left it.
        before: digest of the file as it was without our entries; None if there was no file.
    """

    entries: Mapping[str, list[Any]]
    after: str
    before: str | None


@dataclass(frozen=True)
class Manifest:
    """What an install left behind.

    Attributes:
        version: of the scaffold that wrote it.
        scope: ``user`` or ``project``.
        context: the choices made, so that ``status`` and ``upgrade`` repeat them.
        files: path -> what was last rendered there.
        dirs: folders that we made; ``.`` is the target itself.
        incoming: staged path -> digest of what we staged there.
        settings: our entries in the settings file, if any were merged into it.
    """

    version: str
    scope: str
    context: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Recorded] = field(default_factory=dict)
    dirs: frozenset[str] = frozenset()
    incoming: Mapping[str, str] = field(default_factory=dict)
    settings: Merged | None = None


def dump(manifest: Manifest) -> bytes:
    """Return the manifest as sorted JSON: the same record gives the same bytes."""
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "version": manifest.version,
        "scope": manifest.scope,
        "context": dict(manifest.context),
        "files": {path: _file(entry) for path, entry in manifest.files.items()},
        "dirs": sorted(manifest.dirs),
        "incoming": dict(manifest.incoming),
    }
    if manifest.settings:
        data["settings"] = dump_settings(manifest.settings)
    return (json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def dump_settings(merged: Merged) -> dict[str, Any]:
    """Return the record of our settings entries as JSON data."""
    return {"entries": dict(merged.entries), "after": merged.after, "before": merged.before}


def load_settings(data: Any) -> Merged | None:
    """Return the record of our settings entries from JSON data, or None if there is none."""
    if not data:
        return None
    if not all(isinstance(entries, list) for entries in data["entries"].values()):
        raise TypeError("entries are lists")
    return Merged(MappingProxyType(data["entries"]), data["after"], data["before"])


def load(data: bytes) -> Manifest:
    """Return the manifest in ``data``.

    Raises:
        ManifestError: if it is not one, is from a newer version, or names a path that no install writes.
    """
    try:
        raw = json.loads(data)
        schema = raw["schema"]
        if schema > SCHEMA:
            raise ManifestError(
                f"A newer version made this install: its manifest has schema {schema}, not {SCHEMA}.",
                remedy="Upgrade fleet-rlm-scaffold.",
            )
        return _manifest(raw)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestError(f"{paths.STATE}/manifest.json cannot be read.", remedy=_MOVE_AWAY) from error


def _file(entry: Recorded) -> dict[str, str]:
    return {"sha256": entry.sha256, "mode": "0755" if entry.executable else "0644", "asset": entry.asset}


def _context(raw: Any) -> dict[str, Any]:
    """Return the recorded choices; ``Choices.of`` takes them as they are."""
    context = dict(raw)
    for name, kinds in _CONTEXT.items():
        if name in context and not isinstance(context[name], kinds):
            raise TypeError(f"{name} is of another kind")
    return context


def _manifest(raw: Any) -> Manifest:
    files = {
        path: Recorded(str(entry["sha256"]), entry["mode"] == "0755", str(entry["asset"]))
        for path, entry in raw["files"].items()
    }
    dirs = frozenset(str(path) for path in raw["dirs"])
    incoming = {str(path): str(sha) for path, sha in raw.get("incoming", {}).items()}
    for path in (*files, *(dirs - {"."}), *incoming):
        if paths.fault(path):
            raise ManifestError(
                f"{paths.STATE}/manifest.json names the path {path!r}, which no install writes.",
                remedy=_MOVE_AWAY,
            )
    settings = load_settings(raw.get("settings"))
    return Manifest(
        str(raw["version"]), str(raw["scope"]), _context(raw["context"]), files, dirs, incoming, settings
    )
