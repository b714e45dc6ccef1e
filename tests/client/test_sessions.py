"""Claude works in one persistent session: the real client, the real runtime, a log too large for any context.

The model is a script; what it is shown is what the recorded requests hold.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from client.equipped import FILLER
from client.messages_api import Request, Step, say, use
from client.run import Client

PROMPT, AGENT = "What went wrong in big.log?", "Look closer at the hits."
GONE_SECONDS = 15.0


class Shell:
    """What the model does with the command, through the tool Bash."""

    tools = "Bash"

    def load(self) -> Step:
        """Load the log."""
        return use("Bash", command="fleet-rlm session load big.log")

    def execute(self, code: str) -> Step:
        """Execute code in the session of the folder."""
        return use("Bash", command=f"fleet-rlm session exec <<'PY'\n{code}\nPY")

    def answer(self) -> Step:
        """Ask for what was submitted."""
        return use("Bash", command="fleet-rlm session answer")

    def stop(self) -> Step:
        """End the session."""
        return use("Bash", command="fleet-rlm session stop")


class Mcp:
    """What the model does with the server's tools."""

    prefix = "mcp__plugin_fleet-rlm_rlm__"
    tools = f"{prefix}*,Bash"

    def load(self) -> Step:
        """Load the log."""
        return use(f"{self.prefix}load", paths=["big.log"])

    def execute(self, code: str) -> Step:
        """Execute code in the session of the folder."""
        return use(f"{self.prefix}execute", code=code)

    def answer(self) -> Step:
        """Look at the session; what was submitted is told at once."""
        return use(f"{self.prefix}status")

    def stop(self) -> Step:
        """End the session."""
        return use(f"{self.prefix}stop")


WAYS: list[Any] = [Shell, Mcp]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.lower())
def test_one_session_serves_a_conversation_and_its_subagents(equipped, log, way):
    """The log is loaded once, code sees it in three steps and in a subagent, and no request holds its text."""
    drive = way()
    brokers: list[int] = []

    def processes(_request: Request) -> Sequence[dict[str, Any]]:
        brokers.extend(_brokers(equipped.home))
        return drive.stop().blocks  # type: ignore[return-value]

    in_the_agent = [
        drive.execute("line = hits[0]\nprint('the agent sees', len(hits), 'hit')"),
        say("The agent has seen it."),
    ]
    steps = [
        drive.load(),
        drive.execute("hits = grep(document, ' ERROR ')\nprint(len(document), len(hits))"),
        use(
            "Agent",
            description="look",
            prompt=AGENT,
            subagent_type=_agent(equipped),
            run_in_background=False,
        ),
        drive.execute("number = int(line.split()[0])\nSUBMIT(f'{line.strip()} (line {number})')"),
        drive.answer(),
        Step(processes),
        Step(lambda request: [{"type": "text", "text": f"It was: {_submitted(request)}"}]),
    ]
    script = [
        *(_for(_is_main, step) for step in steps),
        *(_for(_is_agent, step) for step in in_the_agent),
    ]
    conversation = equipped.run(PROMPT, script, options=(f"--allowedTools={drive.tools},Agent,Task",))

    assert [] == conversation.unused, conversation.stderr
    told = "\n".join(conversation.turns[-1].texts())
    assert f"{log.stat().st_size} 1" in told
    assert any("the agent sees 1 hit" in text for turn in conversation.turns for text in turn.texts())
    result = next(event for event in conversation.events if event.get("type") == "result")
    assert "the disk of node-42 is full" in str(result["result"])
    assert [] == [request.path for request in conversation.requests if FILLER.encode() in request.raw]
    assert brokers
    assert _gone(brokers)


def _for(who: Callable[[Request], bool], step: Step) -> Step:
    return dataclasses.replace(step, when=who)


def _is_main(request: Request) -> bool:
    return any(PROMPT in text for text in request.texts())


def _is_agent(request: Request) -> bool:
    return not _is_main(request) and any(AGENT in text for text in request.texts())


def _agent(client: Client) -> str:
    return (
        "fleet-rlm:rlm-specialist"
        if any("--plugin-dir" in option for option in client.options)
        else "rlm-specialist"
    )


def _submitted(request: Request) -> str:
    """The line that the last tool result but one, the code that submitted, has shown."""
    return next(text for text in reversed(request.texts()) if "ERROR the disk" in text)


def _brokers(home: Path) -> list[int]:
    """Every process of the sessions under ``home``: the brokers and all that they have started."""
    records = home.glob(".local/state/fleet-rlm/sessions/*/record.json")
    pids = [json.loads(record.read_text())["pid"] for record in records]
    return [one for pid in pids for one in (pid, *_descendants(pid))]


def _descendants(pid: int) -> list[int]:
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(status.parent.name)] = int(fields[1])
    found: list[int] = []
    for one in [pid]:
        found += [child for child, parent in parents.items() if parent == one]
    return found + [grandchild for child in found for grandchild in _descendants(child)]


def _gone(pids: Sequence[int]) -> bool:
    deadline = time.monotonic() + GONE_SECONDS
    alive: Callable[[int], bool] = lambda pid: Path(f"/proc/{pid}").exists()  # noqa: E731
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(alive, pids))
