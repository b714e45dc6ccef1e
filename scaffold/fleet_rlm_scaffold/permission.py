"""The rule that lets Claude Code use the MCP server's tools without asking; granted only on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet_rlm_scaffold.context import PERMISSION
from fleet_rlm_scaffold.errors import UsageError
from fleet_rlm_scaffold.settings_text import ALLOW

if TYPE_CHECKING:
    from collections.abc import Collection

    from fleet_rlm_scaffold.context import Choices
    from fleet_rlm_scaffold.engine import Wanted
    from fleet_rlm_scaffold.settings_text import Entries

__all__ = ["check_request", "remarks", "rules"]


def check_request(groups: Collection[str], choices: Choices) -> None:
    """Check that there is a server to allow.

    Args:
        groups: the groups that are acted on.
        choices: what is installed, and how.

    Raises:
        UsageError: there is none.
    """
    if "hooks" not in groups:
        raise UsageError(
            "--allow-mcp is about the MCP server, which comes with the hooks.",
            remedy="Do not leave the hooks out.",
        )
    if choices.hooks != "plugin":
        raise UsageError(
            "--allow-mcp is about the MCP server, which needs the plugin folder.",
            remedy="Use --hooks plugin.",
        )


def rules(choices: Choices) -> Entries:
    """Return the rules that are to stand in the settings file."""
    return {ALLOW: [PERMISSION]} if choices.allow_mcp and choices.hooks == "plugin" else {}


def remarks(wanted: Wanted, options: str) -> list[str]:
    """Return what to say about a permission that only the user can grant; nothing if there is no server.

    Args:
        wanted: what is to be there.
        options: what the shown command needs to find this install again.
    """
    served = any(
        path.endswith("/plugin.json") and b'"mcpServers"' in file.data for path, file in wanted.files.items()
    )
    if not served or ALLOW in (wanted.entries or {}):
        return []
    remark = (
        f"Claude Code asks before it uses the MCP server's tools. The rule {PERMISSION} under "
        "permissions.allow in settings.json lets it use them without asking, and by them read any file that "
        "you can read, and write files below the project's folder; "
        f"`fleet-rlm-scaffold install --allow-mcp{options}` adds it."
    )
    return [remark]
