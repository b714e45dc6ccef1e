"""Hooks and rules: read at all, with scripts that are there."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from fleet_rlm_scaffold.lint.files import FrontMatterError, front_matter
from fleet_rlm_scaffold.lint.finding import Finding, error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["check"]

_CONFIG = "hooks/hooks.json"
_EVENTS = frozenset(
    [
        "PreToolUse",
        "PostToolUse",
        "PostToolUseFailure",
        "PermissionRequest",
        "PermissionDenied",
        "UserPromptSubmit",
        "SessionStart",
        "SessionEnd",
        "Stop",
        "StopFailure",
        "SubagentStart",
        "SubagentStop",
        "PreCompact",
        "PostCompact",
        "Notification",
        "Setup",
        "TeammateIdle",
        "TaskCreated",
        "TaskCompleted",
        "ConfigChange",
        "CwdChanged",
        "FileChanged",
        "InstructionsLoaded",
        "WorktreeCreate",
        "WorktreeRemove",
        "Elicitation",
        "ElicitationResult",
    ]
)
_SCRIPT = re.compile(r"\$\{CLAUDE_PLUGIN_ROOT\}/([^\"'\s]+)")
_RULE = re.compile(r"(^|/)hookify\.[^/]*\.md$")
_RULE_NAME = re.compile(r"(^|/)hookify\.[^/]+\.local\.md$")


def check(files: Mapping[str, bytes], *, is_plugin: bool) -> Iterator[Finding]:
    """Yield what is wrong with hooks and hookify rules in ``files``."""
    if _CONFIG in files:
        yield from (
            _config(files)
            if is_plugin
            else [
                error(
                    _CONFIG,
                    "outside a plugin the client does not read it; use a plugin folder or settings.json.",
                )
            ]
        )
    for path, data in files.items():
        if _RULE.search(path):
            yield from _rule(path, data)


def _config(files: Mapping[str, bytes]) -> Iterator[Finding]:
    try:
        hooks = json.loads(files[_CONFIG])["hooks"]
        entries = [(event, entry) for event, listed in hooks.items() for entry in listed]
    except ValueError as reason:
        yield error(_CONFIG, f"it is not JSON ({reason}).")
        return
    except (KeyError, TypeError, AttributeError):
        yield error(_CONFIG, 'it needs the outer key "hooks" with lists by event.')
        return
    for event, entry in entries:
        if event not in _EVENTS:
            yield error(_CONFIG, f"the client has no event {event!r}.")
        for hook in entry.get("hooks", []) if isinstance(entry, dict) else []:
            yield from _hook(event, hook, files)


def _hook(event: str, hook: Mapping[str, Any], files: Mapping[str, bytes]) -> Iterator[Finding]:
    command = " ".join([str(hook.get("command", "")), *map(str, hook.get("args", []))])
    for script in _SCRIPT.findall(command):
        if script not in files:
            yield error(
                _CONFIG, f"{event} runs {script}, which is not there: the client goes on without a word."
            )
    if "${CLAUDE_PLUGIN_ROOT}" in str(hook.get("command", "")) and '"${CLAUDE_PLUGIN_ROOT}' not in command:
        yield warning(
            _CONFIG, f"{event}: put ${{CLAUDE_PLUGIN_ROOT}} in double quotes, a path may hold spaces."
        )
    if "timeout" not in hook:
        yield warning(
            _CONFIG, f"{event}: give it a timeout (seconds), or a hook that hangs holds the client up."
        )


def _rule(path: str, data: bytes) -> Iterator[Finding]:
    if not _RULE_NAME.search(path):
        yield error(path, "hookify reads hookify.<name>.local.md only.")
    try:
        fields, body = front_matter(data)
    except FrontMatterError as reason:
        yield error(path, f"{reason}.")
        return
    for field in ("name", "enabled", "event"):
        if field not in fields:
            yield error(path, f"the rule has no {field}.")
    if not body.strip():
        yield error(path, "the rule has no message.")
