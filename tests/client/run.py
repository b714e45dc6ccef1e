"""Running the real client headless, and reading what it told the model."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client.messages_api import Answer, MessagesApi, Request, Step, until_offered
from client.reading import Context, contexts
from hooks.plugin import BARE_PATH

TIMEOUT = 60.0
NOWHERE = "http://127.0.0.1:9"
"""An address that refuses at once: whatever the client would ask of another machine fails without waiting."""


@dataclass(frozen=True)
class Conversation:
    """What one headless run of the client did.

    Attributes:
        requests: every request to the Messages API, in order.
        events: the lines of ``--output-format stream-json``.
        exit_code: the client's.
        stderr: what it said to the user.
        unused: the steps of the script that were never asked for.
    """

    requests: Sequence[Request]
    events: Sequence[Mapping[str, Any]]
    exit_code: int
    stderr: str
    unused: Sequence[Step]

    @property
    def init(self) -> Mapping[str, Any]:
        """The event that says what the client loaded."""
        return next(event for event in self.events if event.get("subtype") == "init")

    @property
    def turns(self) -> list[Request]:
        """The requests of the conversation itself: those that offer tools."""
        return [request for request in self.requests if request.tools]

    @property
    def contexts(self) -> list[Context]:
        """What hooks had told the model by the last request."""
        return contexts(self.turns[-1])


@dataclass(frozen=True)
class Client:
    """A client of one version with a home of its own.

    Attributes:
        binary: the native executable.
        home: its ``HOME``; ``.claude`` lies in it.
        cwd: the session's working directory.
        options: further command-line options, such as ``--plugin-dir``.
        environment: further variables.
    """

    binary: Path
    home: Path
    cwd: Path
    options: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(
        self,
        prompt: str,
        script: Sequence[Step] = (),
        *,
        options: Sequence[str] = (),
        toolless: Answer | None = None,
    ) -> Conversation:
        """Send ``prompt`` with the model answering from ``script``, and what offers no tools from ``toolless``."""
        with MessagesApi([*_patience(script), *script], toolless) as api:
            # Root may not skip permissions, so what the script uses is allowed by name.
            done = self.command(
                "-p", "--output-format", "stream-json", "--verbose", "--allowedTools=Read,Bash,Skill,Agent,Task",
                *self.options, *options, stdin=prompt, environment={"ANTHROPIC_BASE_URL": api.url},
            )  # fmt: skip
            events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            return Conversation(api.requests, events, done.returncode, done.stderr, api.unused)

    def command(
        self, *arguments: str, stdin: str = "", environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``claude ARGUMENTS`` in an environment built from nothing."""
        temporary = self.home / "tmp"
        temporary.mkdir(exist_ok=True)
        return subprocess.run(
            [str(self.binary), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.cwd,
            env={
                "PATH": BARE_PATH,
                "HOME": str(self.home),
                "TMPDIR": str(temporary),
                "ANTHROPIC_BASE_URL": NOWHERE,
                "HTTPS_PROXY": NOWHERE,
                "NO_PROXY": "127.0.0.1",
                "ANTHROPIC_API_KEY": "dummy",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                "DISABLE_TELEMETRY": "1",
                "DISABLE_AUTOUPDATER": "1",
                **self.environment,
                **(environment or {}),
            },
            timeout=TIMEOUT,
            check=False,
        )


def _patience(script: Sequence[Step]) -> list[Step]:
    """Steps that wait for the server whose tools the script uses."""
    blocks = [block for step in script if not callable(step.blocks) for block in step.blocks]
    used = [str(block["name"]) for block in blocks if str(block.get("name", "")).startswith("mcp__")]
    return until_offered(used[0]) if used else []
