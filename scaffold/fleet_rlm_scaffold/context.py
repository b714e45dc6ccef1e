"""What templates may use: every fact about the runtime comes from the runtime itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from fleet_rlm_scaffold import __version__
from fleet_rlm_scaffold.assets import Hooks, Scope, hooks_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["DEFAULT_THRESHOLD", "MODELS", "PERMISSION", "PLUGIN", "SERVER", "Choices", "context"]

DEFAULT_THRESHOLD = 256 * 1024
"""Bytes above which a file is large: the size at which the client's own Read refuses a file."""

PLUGIN = "fleet-rlm"
"""The plugin's name, and so the prefix of its skills and agents."""

SERVER = "rlm"
"""The name of the plugin's MCP server."""

PERMISSION = f"mcp__plugin_{PLUGIN}_{SERVER}__*"
"""The permission rule for every tool of that server, in each way the plugin is loaded (2.1.240, 2.1.329)."""

MODELS: Mapping[str, str] = {"fast": "haiku", "balanced": "sonnet", "strong": "opus", "same": "inherit"}
"""What an agent needs -> the client's alias for it; a full model id would age."""


@dataclass(frozen=True)
class Choices:
    """What a user chose at install; recorded, so that ``status`` and ``upgrade`` repeat it.

    Attributes:
        groups: which groups of assets are installed.
        hooks: how hooks are carried.
        threshold: bytes above which a file is large.
        runtime: how the user says the runtime is started; None to find it.
        allow_mcp: whether the tools of the MCP server may be used without asking.
    """

    groups: frozenset[str]
    hooks: Hooks = "plugin"
    threshold: int = DEFAULT_THRESHOLD
    runtime: str | None = None
    allow_mcp: bool = False

    def recorded(self) -> dict[str, Any]:
        """Return the choices as the manifest keeps them."""
        return {
            "groups": sorted(self.groups),
            "hooks": self.hooks,
            "threshold": self.threshold,
            "runtime": self.runtime,
            "allow_mcp": self.allow_mcp,
        }

    @classmethod
    def of(cls, recorded: Mapping[str, Any]) -> Choices:
        """Return the choices that a manifest keeps."""
        hooks: Hooks = "settings" if recorded.get("hooks") == "settings" else "plugin"
        threshold = int(recorded.get("threshold") or DEFAULT_THRESHOLD)
        groups, runtime = frozenset(recorded.get("groups", ())), recorded.get("runtime")
        return cls(groups, hooks, threshold, runtime, allow_mcp=bool(recorded.get("allow_mcp")))


def context(
    facts: Mapping[str, Any], *, command: str, scope: Scope, hooks: Hooks, threshold: int, target: Path | None
) -> dict[str, Any]:
    """Return the mapping that templates are rendered with.

    Args:
        facts: what ``fleet-rlm describe --json`` says.
        command: how the runtime is started in this scope, as one shell command.
        scope: where the assets go.
        hooks: how hooks are carried.
        threshold: bytes above which a file is large.
        target: the folder they go to; None in the plugin scope, where it is not known.

    Returns:
        ``version``, ``runtime`` (the facts), ``command``, ``scope``, ``hooks``, ``models``, ``threshold``
        (bytes), ``hooks_root`` (the folder that hook programs and rules are found under, as it stands between
        double quotes in a shell command),
        ``server`` (the MCP server's name), ``server_tools`` (the pattern of its tools' names, as an agent's
        ``tools`` and a permission rule take it), and the functions ``skill(name)`` and ``agent(name)``: the
        name that the client knows one by in this scope. Each template also sees ``source``, its own path.
    """
    named = partial(_name, prefix=f"{PLUGIN}:" if scope == "plugin" else "")
    return {
        "version": __version__,
        "runtime": facts,
        "command": command,
        "scope": scope,
        "hooks": hooks,
        "models": dict(MODELS),
        "threshold": threshold,
        "hooks_root": _hooks_root(scope, hooks, target),
        "skill": named,
        "agent": named,
        "server": SERVER,
        "server_tools": PERMISSION,
    }


def _name(name: str, *, prefix: str) -> str:
    return prefix + name


def _hooks_root(scope: Scope, hooks: Hooks, target: Path | None) -> str:
    if scope == "plugin" or hooks == "plugin" or target is None:
        return "${CLAUDE_PLUGIN_ROOT}"
    if scope == "project":
        return "${CLAUDE_PROJECT_DIR}/.claude/" + hooks_folder(scope, hooks)
    return re.sub(r'([\\"$`])', r"\\\1", f"{target}/{hooks_folder(scope, hooks)}")
