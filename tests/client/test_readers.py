"""The orchestrator and its readers in the real client: one session, chunk files, checked answers."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path

import pytest

from assets.rendering import write
from client.messages_api import Request, Step, say, use
from client.run import Client
from hooks.plugin import BARE_PATH

COMMAND = Path(sys.executable).with_name("fleet-rlm")
FILLER = "nobody-but-a-reader-may-see-this-line"
CULPRIT = "10:01:00 ERROR disk full"
CHUNK = "rlm-work/pieces-0000.txt"
CUT = """\
chunks = chunk_by_size(document, size=60000, overlap=1000)
pieces = [chunk for chunk in chunks if "ERROR" in chunk]
print(len(pieces), "of", len(chunks), "chunks")
"""
ANSWER = json.dumps(
    {
        "chunk_id": Path(CHUNK).name,
        "relevant": [{"point": "The disk was full.", "evidence": CULPRIT, "confidence": "high"}],
        "missing": [],
        "suggested_queries": [],
        "complete_answer": "The disk was full at 10:01.",
    }
)


@pytest.fixture
def equipped(binary, home, tmp_path) -> Client:
    """A client with the plugin, the runtime on the user's PATH, and a log of 2 MB in its folder."""
    cwd, commands = tmp_path / "work", home / ".local/bin"
    for folder in (cwd, commands):
        folder.mkdir(parents=True)
    (commands / "fleet-rlm").symlink_to(COMMAND)
    lines = [f"10:00:00 INFO {FILLER}"] * 19_000
    (cwd / "big.log").write_text("\n".join([*lines, CULPRIT, *lines, ""]))
    environment = {"PATH": f"{commands}{os.pathsep}{BARE_PATH}"}
    plugin = write("plugin", tmp_path / "plugin")
    return Client(binary, home, cwd, options=(f"--plugin-dir={plugin}",), environment=environment)


def test_readers_see_what_the_session_wrote(equipped):
    """A reader reads a whole chunk that the orchestrator's session wrote; its answer passes the check."""
    answer = equipped.cwd / "rlm-work/answers/pieces-0000.json"
    orchestrator = [
        use("Bash", command="fleet-rlm session load big.log"),
        use("Bash", command=f"fleet-rlm session exec <<'PY'\n{CUT}PY"),
        use("Bash", command="fleet-rlm session save pieces --to rlm-work"),
        _start("rlm-subcall", f"Chunk: {equipped.cwd / CHUNK}. Question: what went wrong?"),
        use("Write", file_path=str(answer), content=ANSWER),
        use("Bash", command=f"fleet-rlm subcall check {answer} --chunk {CHUNK}"),
        use("Bash", command="fleet-rlm session stop"),
        say("The disk was full."),
    ]
    reader = [use("Read", file_path=str(equipped.cwd / CHUNK)), say(ANSWER)]
    script = [
        dataclasses.replace(_start("rlm-orchestrator", "What went wrong in big.log?"), when=_is_main),
        *(dataclasses.replace(step, when=_is_orchestrator) for step in orchestrator),
        *(dataclasses.replace(step, when=_is_reader) for step in reader),
    ]
    done = equipped.run("go", script, options=("--allowedTools=Read,Write,Bash,Agent,Task",))

    assert done.unused == [], done.stderr
    told = "\n".join(next(turn for turn in reversed(done.turns) if _is_orchestrator(turn)).texts())
    assert "1 of 34 chunks" in told
    assert "The disk was full at 10:01." in told
    assert "The answer can be used." in told
    assert "stopped: " in told
    read = next(turn for turn in reversed(done.turns) if _is_reader(turn))
    assert any(CULPRIT in text for text in read.texts())
    assert [FILLER.encode() in turn.raw for turn in done.turns if not _is_reader(turn)].count(True) == 0


def _start(agent: str, prompt: str) -> Step:
    return use(
        "Agent",
        description="work",
        prompt=prompt,
        subagent_type=f"fleet-rlm:{agent}",
        run_in_background=False,
    )


def _is_orchestrator(request: Request) -> bool:
    return "You coordinate work on text" in request.system


def _is_reader(request: Request) -> bool:
    return "You get the path of one chunk" in request.system


def _is_main(request: Request) -> bool:
    return not (_is_orchestrator(request) or _is_reader(request))
