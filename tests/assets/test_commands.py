"""Everything that an asset shows works, in the form that its scope gives it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from assets.conftest import BIN
from assets.rendering import SCOPES, facts, paths, rendered, text, write
from assets.showing import blocks, sessions, shown
from fleet_rlm.subcall import faults

ABSOLUTE = shlex.quote(f"{BIN}/fleet-rlm")
FORMS = {"user": ABSOLUTE, "plugin": "fleet-rlm"}
"""How the runtime is started: from a user's skills by its path, in a plugin through the launcher in ``bin``."""


class Shown(NamedTuple):
    """A piece of shell, the scope it is for, and the first asset that shows it."""

    scope: str
    script: str
    asset: str


class Walk(NamedTuple):
    """All that one asset shows of a session, for one scope."""

    scope: str
    asset: str
    steps: list[str]


SHOWN = [Shown(scope, *item) for scope in SCOPES for item in shown(scope, FORMS[scope]).items()]
WALKS = [Walk(scope, *item) for scope in SCOPES for item in sessions(scope, FORMS[scope]).items()]
BEGINS = re.compile(r" session (?:load|start) ")
BEGINNING = "fleet-rlm session load big.log\necho 'SUBMIT(len(document))' | fleet-rlm session exec"
NEEDS_MODAL = re.compile(r"--modal|--sandbox modal|check-secret")


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The assets of each scope, written to a folder."""
    return {scope: write(scope, tmp_path_factory.mktemp(scope), FORMS[scope]) for scope in SCOPES}


@pytest.mark.parametrize(
    "case",
    SHOWN,
    ids=[f"{case.scope}-{Path(case.asset).parent.name}-{number}" for number, case in enumerate(SHOWN)],
)
def test_every_command_shown_works(shell, installed, request, case):
    """Every piece of shell that an asset shows succeeds as written, among documents of the names it uses."""
    done = shell(case.script, **surroundings(case, case.script, installed, request))
    allowed = {0, 1} if re.search(r"\bdoctor\b", case.script) else {0}  # doctor's code tells of this machine
    assert done.returncode in allowed, f"{case.script}\n{done.stdout}\n{done.stderr}"
    assert "Usage:" not in done.stderr


@pytest.mark.parametrize("walk", WALKS, ids=[f"{walk.scope}-{walk.asset}" for walk in WALKS])
def test_every_session_shown_works(shell, installed, request, walk):
    """All that an asset shows of a session succeeds in one session, in order; it ends if the asset ends it."""
    script = "\n".join(walk.steps)
    if not BEGINS.search(walk.steps[0]):
        script = f"{BEGINNING}\n{script}"
    done = shell(script, **surroundings(walk, script, installed, request))
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    left = json.loads(shell("fleet-rlm session list --json").stdout)["sessions"]
    assert left
    if walk.steps[-1] == f"{FORMS[walk.scope]} session stop":
        assert {"ended"} == {one["state"] for one in left}


def surroundings(case, script, installed, request):
    """What a shell needs to run what an asset shows: its folders and, if it uses Modal, the loopback plane."""
    variables = {}
    if NEEDS_MODAL.search(script):
        plane = request.getfixturevalue("modal_plane")
        plane.secrets["LITELLM"] = {"DSPY_LLM_API_KEY": "hush"}
        variables = plane.settings
    root = installed[case.scope]
    path = f"{root}/bin:{BIN}" if case.scope == "plugin" else BIN
    return {"path": path, "CLAUDE_SKILL_DIR": str((root / case.asset).parent), **variables}


def test_no_asset_makes_a_sandbox_of_its_own():
    """Sandboxes are the sessions' and the runs'; only the page for people with tools of their own makes one."""
    making = [path for path in paths("plugin", "*.md") if "Interpreter(" in text("plugin", path)]
    assert [path for path in making if not path.endswith("references/python.md")] == []


def test_every_command_is_shown():
    """Together the assets show every command but the installer's, a check-up's own and what the plugin itself starts."""
    scripts = "\n".join(
        [
            *(case.script for case in SHOWN),
            *("\n".join(walk.steps) for walk in WALKS if walk.scope == "plugin"),
        ]
    )
    tables = "\n".join(text("plugin", path) for path in paths("plugin", "*.md"))
    missing = [
        command["name"]
        for command in facts()["commands"]
        if command["name"] not in {"init", "mcp"}
        and f"fleet-rlm {command['name']}" not in scripts
        and command["name"] not in tables
    ]
    assert missing == []


PYTHON = sorted({code for path in paths("user", "*.md") for code in blocks(text("user", path), "python")})


@pytest.mark.parametrize("code", PYTHON)
def test_python_shown_works(code, workspace):
    """Every Python block runs."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=workspace,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_batch_keeps_order_and_failures(shell, installed):
    """One line a document, in the order given; one that cannot be read is an error in its place, exit code 1."""
    folder = installed["user"] / "skills/rlm-batch"
    script = f'"$({ABSOLUTE} describe --python)" {folder}/scripts/batch.py --query what docs/guide.md nowhere.md docs/api.md'
    done = shell(script)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [line["document"] for line in lines] == ["docs/guide.md", "nowhere.md", "docs/api.md"]
    assert ["error" in line for line in lines] == [False, True, False]


def test_evaluation_tells_wrong_from_right(shell, installed, workspace):
    """A case whose answer does not match fails, is counted, and makes the exit code 1; the report holds the answer."""
    cases = [
        {"name": "right", "docs_path": "big.log", "query": "what", "expect": "disk full"},
        {"name": "wrong", "docs_path": "big.log", "query": "what", "expect": "no such words"},
    ]
    (workspace / "cases.json").write_text(json.dumps(cases))
    folder = installed["user"] / "skills/rlm-test-suite"
    done = shell(
        f'"$({ABSOLUTE} describe --python)" {folder}/scripts/evaluate.py cases.json --report report.json'
    )
    assert (done.returncode, done.stdout) == (1, "1/1  right\n0/1  wrong\n50% of 2 runs passed\n")
    report = json.loads((workspace / "report.json").read_text())
    assert [case["attempts"][0]["passed"] for case in report] == [True, False]


def test_the_reader_agent_shows_the_schema_and_an_answer_that_follows_it():
    """The agent's prompt holds the runtime's own schema, and its example passes the runtime's own check."""
    schema, example = blocks(text("plugin", "agents/rlm-subcall.md"), "json")
    assert json.loads(schema) == facts()["schemas"]["subcall"]
    assert faults(example) == []


def test_chunks_fit_into_one_read():
    """The size of a chunk that the assets show stays below what the client's Read shows: 25,000 tokens, 256 KB."""
    sizes = {
        int(size)
        for file in rendered("user").values()
        for size in re.findall(rb"size=(\d+), overlap", file.data)
    }
    assert len(sizes) == 1
    assert max(sizes) / 4 < 25_000
