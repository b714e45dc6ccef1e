"""A small plugin around the real hooks, with stand-ins for the skill and the agent that they name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "hooks"
PROGRAM = "fleet_rlm_hooks.py"
DELIMITERS = {
    "variable_start_string": "<%=",
    "variable_end_string": "%>",
    "block_start_string": "<%",
    "block_end_string": "%>",
    "comment_start_string": "<%#",
    "comment_end_string": "#%>",
}


BARE_PATH = os.pathsep.join(
    folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "fleet-rlm").exists()
)
"""PATH without a runtime: a test decides itself whether there is one."""


def context(
    scope: str, *, hooks: str = "plugin", command: str = "fleet-rlm", root: str = "${CLAUDE_PLUGIN_ROOT}"
):
    """What the installer renders with in ``scope``."""
    prefix = "fleet-rlm:" if scope == "plugin" else ""
    return {
        "scope": scope, "hooks": hooks, "command": command, "threshold": 262144, "hooks_root": root,
        "skill": lambda name: prefix + name, "agent": lambda name: prefix + name,
    }  # fmt: skip


USER = context("user")
PLUGIN = context("plugin")


def render_hooks(folder: Path, values: dict[str, Any]) -> Path:
    """Render the templates into ``folder``/hooks as the installer does, and return that folder."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True, **DELIMITERS,
    )  # fmt: skip
    hooks = folder / "hooks"
    hooks.mkdir(parents=True)
    for source in sorted(TEMPLATES.iterdir()):
        if source.suffix == ".j2":
            text = environment.from_string(source.read_text(encoding="utf-8")).render(values)
            (hooks / source.stem).write_text(text, encoding="utf-8")
        elif source.is_file():
            (hooks / source.name).write_bytes(source.read_bytes())
    return hooks


def install_runtime(home: Path) -> Path:
    """Put a stand-in for the runtime where ``uv tool install`` puts it."""
    command = home / ".local/bin/fleet-rlm"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    return command


def make_plugin(folder: Path, values: dict[str, Any]) -> Path:
    """Write a whole plugin into ``folder``: manifest, hooks, the skill ``rlm``, the agent ``rlm-orchestrator``."""
    render_hooks(folder, values)
    manifest = {
        "name": "fleet-rlm",
        "version": "0.1.0",
        "description": "The hooks under test.",
        "author": {"name": "tests"},
    }
    files = {
        ".claude-plugin/plugin.json": json.dumps(manifest),
        "skills/rlm/SKILL.md": "---\nname: rlm\ndescription: Stand-in for the skill.\n---\nStand-in body: $ARGUMENTS\n",
        "agents/rlm-orchestrator.md": "---\nname: rlm-orchestrator\ndescription: Stand-in for the agent.\n---\nYou are a stand-in.\n",
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


@dataclass
class Hooks:
    """Installed hooks that can be sent events; each event is a process of its own.

    Attributes:
        folder: where the program lies.
        home: the user's home.
        cwd: the session's working directory.
        environment: further variables.
        session: the session's id.
    """

    folder: Path
    home: Path
    cwd: Path
    environment: dict[str, str] = field(default_factory=dict)
    session: str = "session-1"
    python: str = sys.executable

    def start(self, event: str, **payload: Any) -> subprocess.Popen[str]:
        """Start the program on an event and do not wait for it."""
        process = subprocess.Popen(
            [self.python, "-I", "-S", str(self.folder / PROGRAM)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={"PATH": BARE_PATH, "HOME": str(self.home), **self.environment}, cwd=self.cwd,
        )  # fmt: skip
        given = {"session_id": self.session, "cwd": str(self.cwd), "hook_event_name": event, **payload}
        process.stdin.write(json.dumps(given))
        process.stdin.close()
        process.stdin = None
        return process

    def send(self, event: str, **payload: Any) -> str:
        """Return the context that the model would get; empty for none."""
        return finished(self.start(event, **payload), event)

    def read(self, path: Path | str, **options: Any) -> str:
        """Announce a Read."""
        return self.send("PreToolUse", tool_name="Read", tool_input={"file_path": str(path), **options})

    def bash(self, command: str) -> str:
        """Announce a shell command."""
        return self.send("PreToolUse", tool_name="Bash", tool_input={"command": command})

    def prompt(self, text: str, **payload: Any) -> str:
        """Announce a prompt."""
        return self.send("UserPromptSubmit", prompt=text, **payload)

    def failure(self, error: str, command: str = "make") -> str:
        """Announce a shell command that failed."""
        return self.send("PostToolUseFailure", tool_name="Bash", tool_input={"command": command}, error=error)

    @property
    def log(self) -> str:
        """What the log holds."""
        path = self.home / ".local/state/fleet-rlm/log/hooks.log"
        return path.read_text() if path.exists() else ""


def finished(process: subprocess.Popen[str], event: str) -> str:
    """Wait for ``process`` and return its context, having checked that it is well behaved."""
    printed, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (0, "")
    if not printed:
        return ""
    answer = json.loads(printed)
    assert set(answer) == {"hookSpecificOutput"}
    assert answer["hookSpecificOutput"]["hookEventName"] == event
    return str(answer["hookSpecificOutput"]["additionalContext"])
