"""Whether the client has fleet-rlm installed as a plugin already.

The client keeps ``plugins/installed_plugins.json``, ``{"version": 2, "plugins": {"name@marketplace":
[{"scope", "installPath", "version", "projectPath"}]}}``, and in its settings ``{"enabledPlugins":
{"name@marketplace": true}}``; a plugin that was disabled stays in the first and is false in the second
(seen with the client 2.1.329).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleet_rlm_scaffold.context import PLUGIN

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["InstalledPlugin", "find_plugin"]


@dataclass(frozen=True)
class InstalledPlugin:
    """A plugin that the client loads.

    Attributes:
        id: as the client's commands name it, ``name@marketplace``.
        version: as installed; empty if the client does not say.
    """

    id: str
    version: str


def find_plugin(config: Path, project: Path) -> InstalledPlugin | None:
    """Return our plugin if the client would load it in ``project``, else None.

    Files that are absent or not what the client writes count as no plugin: the client complains about them.

    Args:
        config: the client's user folder.
        project: the project's root.
    """
    installed = _read(config / "plugins" / "installed_plugins.json").get("plugins")
    enabled: dict[str, Any] = {}
    for file in (
        config / "settings.json",
        project / ".claude" / "settings.json",
        project / ".claude" / "settings.local.json",
    ):
        found = _read(file).get("enabledPlugins")
        enabled.update(found if isinstance(found, dict) else {})
    for identity, entries in installed.items() if isinstance(installed, dict) else ():
        if not identity.startswith(f"{PLUGIN}@") or enabled.get(identity) is False:
            continue
        for entry in entries if isinstance(entries, list) else [entries]:
            if isinstance(entry, dict) and entry.get("projectPath", str(project)) == str(project):
                return InstalledPlugin(identity, str(entry.get("version", "")))
    return None


def _read(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
