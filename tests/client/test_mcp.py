"""The MCP server in the real client: connected, described to the model, used with one permission rule."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from assets.rendering import write
from client.messages_api import Request, Step, say, until_offered, use
from fleet_rlm.mcp.instructions import INSTRUCTIONS
from fleet_rlm.mcp.table import TOOLS
from fleet_rlm_scaffold.context import PERMISSION

PREFIX = PERMISSION.removesuffix("*")
SECRET = "the vault is behind the painting"


@pytest.fixture(params=["user", "plugin"])
def equipped(request, bare_client, tmp_path):
    """A client with the plugin, installed or given with ``--plugin-dir``, and a real runtime; its sessions end."""
    runtime = bare_client.home / ".local/bin/fleet-rlm"
    runtime.write_text(f'#!/bin/sh\nexec {sys.executable} -m fleet_rlm.cli "$@"\n')
    (bare_client.cwd / "big.log").write_text(f"2026-11-01 ERROR {SECRET}\n" * 50_000)
    if request.param == "user":
        write("user", bare_client.home / ".claude")
        yield bare_client
    else:
        folder = write("plugin", tmp_path / "plugin")
        yield dataclasses.replace(bare_client, options=(f"--plugin-dir={folder}",))
    stop = [str(runtime), "session", "stop", "--all"]
    subprocess.run(stop, env={**os.environ, "HOME": str(bare_client.home)}, check=True, capture_output=True)


@pytest.fixture
def allowed(equipped):
    """The same, its user having granted what the installer names."""
    settings = equipped.home / ".claude/settings.json"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(json.dumps({"permissions": {"allow": [PERMISSION]}}))
    return equipped


def test_the_model_knows_the_server(equipped):
    """The server is connected, its tools are at hand under the names of the rule, and its instructions arrive whole."""
    done = equipped.run("hello", until_offered(f"{PREFIX}load"))
    (server,) = done.init["mcp_servers"]
    assert server["name"] == "plugin:fleet-rlm:rlm"
    assert server["status"] in {"connected", "pending"}  # it had to start while the client did
    told = done.turns[-1]
    assert [name for name in TOOLS if f"{PREFIX}{name}".encode() not in told.raw] == []
    assert INSTRUCTIONS.strip() in "\n".join(told.texts())


def test_the_repository_is_no_project_with_a_server(bare_client, tmp_path):
    """Who opens the plugin's root as a project, as whoever works on it does, gets no server that fails."""
    folder = write("plugin", tmp_path / "plugin")
    assert dataclasses.replace(bare_client, cwd=folder).run("hello").init["mcp_servers"] == []


def test_the_model_uses_it(allowed):
    """Loaded by path, counted by code, stopped: the answer comes back, and the text of the file is in no request."""
    script = [
        use(f"{PREFIX}load", paths=["big.log"]),
        use(f"{PREFIX}execute", code="print(document.count('ERROR'))"),
        use(f"{PREFIX}stop"),
    ]
    done = allowed.run("how many errors?", script)
    assert (done.exit_code, done.unused) == (0, [])
    texts = done.turns[-1].texts()
    assert any("document: str, 2,500,000 chars" in text for text in texts)
    assert any(text.startswith("50000\n[session work: step 1, ok") for text in texts)
    assert "Stopped: work." in texts
    assert SECRET not in json.dumps([turn.body for turn in done.requests])


def test_the_model_saves_for_readers(allowed):
    """What it saves with the one rule is a file that can be Read by its path in the project, and no other place is."""
    cut = "pieces = [document[at:at + 500] for at in range(0, 1_500, 500)]"
    script = [
        use(f"{PREFIX}load", paths=["big.log"]),
        use(f"{PREFIX}execute", code=cut),
        use(f"{PREFIX}save", variable="pieces", to="rlm-work"),
        use(f"{PREFIX}save", variable="pieces", to="../elsewhere"),
        use("Read", file_path=str(allowed.cwd / "rlm-work/pieces-0001.txt")),
    ]
    done = allowed.run("go", script)
    assert (done.exit_code, done.unused) == (0, [])
    texts = done.turns[-1].texts()
    assert any(text.startswith("3 files, 1,500 bytes: ") for text in texts)
    assert any("is not below the project's folder" in text for text in texts)
    assert any(SECRET in text for text in texts)
    assert not (allowed.cwd.parent / "elsewhere").exists()


def test_the_model_reads_a_resource(allowed):
    """What a result shows only in part the model can read whole."""
    uri = "fleet-rlm://session/work/output/1"
    script = [
        use(f"{PREFIX}load", paths=["big.log"]),
        use(f"{PREFIX}execute", code="print('\\n'.join(f'row {n}' for n in range(3_000)))"),
        use("ReadMcpResourceTool", server="plugin:fleet-rlm:rlm", uri=uri),
    ]
    done = allowed.run("go", script)
    texts = done.turns[-1].texts()
    assert any(f"] {uri}" in text for text in texts)
    assert any("row 1500" in text for text in texts)


@pytest.mark.parametrize("agent", ["rlm-orchestrator", "rlm-specialist"])
def test_an_agent_uses_it(allowed, agent):
    """The agents that drive sessions are offered every tool at once, and see what the conversation has loaded."""
    prefix = "fleet-rlm:" if allowed.options else ""
    start = use("Agent", description="x", prompt="y", subagent_type=prefix + agent, run_in_background=False)
    wait = dataclasses.replace(use("Bash", command="sleep 0.2"), when=_knows_no_server)
    main = [use(f"{PREFIX}load", paths=["big.log"]), start]
    agents = [use(f"{PREFIX}execute", code="print(document.count('ERROR'))"), say("50000")]
    script = [*(_for(_is_main, step) for step in main), *(_for(_is_agent, step) for step in agents)]
    done = allowed.run("go", [*[wait] * 100, *script])
    assert (done.exit_code, [step for step in done.unused if step is not wait]) == (0, [])
    turns = [turn for turn in done.turns if _is_agent(turn)]
    assert {PREFIX + name for name in TOOLS} <= set(turns[0].tools)
    assert any(text.startswith("50000\n[session work: step 1, ok") for text in turns[-1].texts())


def _for(who: Callable[[Request], bool], step: Step) -> Step:
    return dataclasses.replace(step, when=who)


def _is_agent(request: Request) -> bool:
    return any(
        begin in request.system for begin in ("You coordinate work on text", "You answer one question")
    )


def _is_main(request: Request) -> bool:
    return not _is_agent(request)


def _knows_no_server(request: Request) -> bool:
    """2.1.240 sends its first request without waiting for servers that take a second to start."""
    return _is_main(request) and f"{PREFIX}load".encode() not in request.raw


def test_nothing_happens_without_the_rule(equipped):
    """A user who has granted nothing is asked: in a headless session the call is refused."""
    done = equipped.run("go", [use(f"{PREFIX}status")])
    assert any(f"requested permissions to use {PREFIX}status" in text for text in done.turns[-1].texts())
