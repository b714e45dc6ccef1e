"""Agents: loaded, with the tools and the model that they claim."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fleet_rlm_scaffold.lint.files import FrontMatterError, front_matter
from fleet_rlm_scaffold.lint.finding import Finding, error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["check"]

_MODELS = frozenset({"haiku", "sonnet", "opus", "inherit"})
_FULL_ID = re.compile(r"claude-[a-z0-9.-]+(\[1m\])?")
_TOOLS = frozenset(
    [
        "Agent",
        "AskUserQuestion",
        "Bash",
        "BashOutput",
        "Edit",
        "EnterPlanMode",
        "EnterWorktree",
        "ExitPlanMode",
        "ExitWorktree",
        "Glob",
        "Grep",
        "KillShell",
        "LSP",
        "ListMcpResourcesTool",
        "Monitor",
        "MultiEdit",
        "NotebookEdit",
        "Read",
        "ReadMcpResourceTool",
        "SendMessage",
        "Skill",
        "Task",
        "TaskCreate",
        "TaskGet",
        "TaskList",
        "TaskOutput",
        "TaskStop",
        "TaskUpdate",
        "TodoWrite",
        "ToolSearch",
        "WebFetch",
        "WebSearch",
        "Write",
    ]
)
_FIELDS = frozenset(
    [
        "name",
        "description",
        "tools",
        "disallowedTools",
        "model",
        "color",
        "permissionMode",
        "mcpServers",
        "hooks",
        "skills",
        "memory",
        "background",
        "isolation",
        "maxTurns",
        "effort",
        "initialPrompt",
    ]
)
_IGNORED_IN_PLUGIN = ("hooks", "mcpServers", "permissionMode")
_RESTRICTED = re.compile(r"(Task|Agent)\(")


def check(files: Mapping[str, bytes], *, is_plugin: bool) -> Iterator[Finding]:
    """Yield what is wrong with the agents in ``files``."""
    names: dict[str, str] = {}
    for path in sorted(files):
        if not path.startswith("agents/") or path.endswith("/.gitkeep"):
            continue
        if not path.endswith(".md"):
            yield error(path, "the client reads agents/*.md only; this file is dead.")
            continue
        try:
            fields, body = front_matter(files[path])
        except FrontMatterError as reason:
            yield error(path, f"{reason}: the agent is not loaded.")
            continue
        yield from _required(path, fields, body)
        yield from _tools(path, fields)
        yield from _rest(path, fields, is_plugin=is_plugin)
        other = names.setdefault(str(fields.get("name")), path)
        if other != path:
            yield error(path, f"its name is also that of {other}; one of the two is not loaded.")


def _required(path: str, fields: Mapping[str, Any], body: str) -> Iterator[Finding]:
    for field in ("name", "description"):
        if not fields.get(field):
            yield error(path, f"it has no {field}: the client skips it without a word.")
    stem = path.rpartition("/")[2].removesuffix(".md")
    if fields.get("name", stem) != stem:
        yield warning(path, f"its name is {fields['name']!r}; call the file {fields['name']}.md.")
    if not body.strip():
        yield error(path, "it has no body, which is its prompt.")


def _tools(path: str, fields: Mapping[str, Any]) -> Iterator[Finding]:
    if "tools" not in fields:
        return
    raw = fields["tools"]
    listed = [str(tool).strip() for tool in (raw if isinstance(raw, list) else str(raw).split(","))]
    unknown = [
        tool for tool in listed if tool.partition("(")[0] not in _TOOLS and not tool.startswith("mcp__")
    ]
    if unknown and len(unknown) == len(listed):
        yield error(path, f"the client knows none of its tools ({', '.join(unknown)}) and refuses the agent.")
    elif unknown:
        yield error(path, f"the client drops tools that it does not know: {', '.join(unknown)}.")
    if "Bash" in listed and {"Grep", "Glob"}.intersection(listed):
        yield error(
            path, "with Bash in the list native clients drop Grep and Glob; search with Bash, or drop Bash."
        )
    if any(_RESTRICTED.match(tool) for tool in listed):
        yield warning(
            path, "Task(x) and Agent(x) restrict nothing in a subagent; only under `claude --agent`."
        )


def _rest(path: str, fields: Mapping[str, Any], *, is_plugin: bool) -> Iterator[Finding]:
    model = fields.get("model", "inherit")
    if model not in _MODELS and not _FULL_ID.fullmatch(str(model)):
        yield error(
            path,
            f"model {model!r} goes to the API unchecked and fails there; use {', '.join(sorted(_MODELS))}.",
        )
    elif model not in _MODELS:
        yield warning(path, f"model {model!r} will age; use {', '.join(sorted(_MODELS))}.")
    for field in sorted(set(fields) - _FIELDS):
        yield warning(path, f"the client ignores the field {field!r}.")
    for field in _IGNORED_IN_PLUGIN:
        if is_plugin and field in fields:
            yield error(path, f"in a plugin the client ignores {field}.")
