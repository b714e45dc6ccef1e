"""How ``claude`` is called: its arguments and its environment, as pure functions.

Seen by recording what clients 2.1.240 and 2.1.329 send; ``tests/client/test_claude_model.py`` repeats it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["arguments", "environment"]

_SETTINGS = json.dumps({"permissions": {"deny": ["Read(//**)"]}})
"""The client reads every file that a prompt mentions as ``@path`` and sends it along. Prompts are written by
generated code and hold text of strangers, so that would carry any file of the user's into a sandbox. This
rule and ``CLAUDE_CODE_DISABLE_ATTACHMENTS`` each stop it alone."""

_SEEN_LOGIN = (
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_CODE_API_KEY_HELPER_",
    "CLAUDE_CODE_CERT_",
    "CLAUDE_CODE_CLIENT_",
    "CLAUDE_CODE_CUSTOM_OAUTH_",
    "CLAUDE_CODE_HTTP",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
    "CLAUDE_CODE_OAUTH_",
    "CLAUDE_CODE_PROXY_",
    "CLAUDE_CODE_SKIP_",
    "CLAUDE_CODE_USE_",
)
"""Beginnings of the client's own variables that say who the user is and how to reach the API."""

_DROPPED = ("CLAUDE", "AI_AGENT", "DSPY_", "FLEET_RLM_")
"""Beginnings of the variables that are not handed on: those of a Claude Code that we run inside of
(``CLAUDECODE``, ``CLAUDE_CODE_SESSION_ID``, …), with which a client behaves as a part of that session, and
our own, which hold keys of other providers."""


def arguments(program: Path, model: str, system_file: str) -> list[str]:
    """Return the command for one answer; the prompt is its stdin.

    Args:
        program: the ``claude`` to call.
        model: an alias or a full id, without `PREFIX`.
        system_file: a path from which the system prompt is read; an empty file is no system prompt.
    """
    return [
        str(program),
        "--print",
        f"--model={model}",
        f"--system-prompt-file={system_file}",  # replaces the client's own; a file, as argv holds only 128 KB
        "--tools=",  # none, so that an answer is always text
        "--strict-mcp-config",  # no MCP server, ours among them
        "--setting-sources=",  # no hooks, plugins, CLAUDE.md: neither the user's nor a project's
        f"--settings={_SETTINGS}",
        "--disable-slash-commands",  # no skills
        "--no-session-persistence",
        "--output-format=stream-json",
        "--include-partial-messages",  # says why each part of an answer ended, and that there is progress
        "--verbose",  # what stream-json asks for
    ]


def environment(environ: Mapping[str, str], *, retries: int, max_tokens: int | None) -> dict[str, str]:
    """Return the environment of one call: the user's, without what belongs to us or to another session.

    Args:
        environ: ours.
        retries: how often the client may repeat a request that failed in passing; its own default is 10.
        max_tokens: the longest answer; the client's default by default.
    """
    kept = {name: value for name, value in environ.items() if _is_kept(name)}
    # An answer's fields hold its reasoning already, as with any other model. Who wants more sets the budget.
    kept.setdefault("MAX_THINKING_TOKENS", "0")
    if kept["MAX_THINKING_TOKENS"] == "0":
        kept["CLAUDE_CODE_DISABLE_THINKING"] = "1"  # newer models think however small the budget is
    if max_tokens is not None:
        kept["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(max_tokens)
    return kept | {
        "CLAUDE_CODE_DISABLE_ATTACHMENTS": "1",
        "CLAUDE_CODE_DISABLE_CLAUDE_MDS": "1",
        "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": str(retries),
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_COMPACT": "1",  # a prompt that is too long is an error, never a summary of itself
        "FLEET_RLM_HOOKS": "off",  # in case an administrator's settings bring them
    }


def _is_kept(name: str) -> bool:
    if name.endswith("_FILE_DESCRIPTOR"):  # descriptors are not handed on
        return False
    return name.startswith(_SEEN_LOGIN) or not name.startswith(_DROPPED)
