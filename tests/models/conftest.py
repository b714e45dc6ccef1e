"""What the tests of the models share."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from models.fake_claude import FakeClaude

LIBRARY = sorted(Path(ast.__file__).parent.glob("[a-d]*.py"))


@pytest.fixture(scope="session")
def source_text() -> str:
    """A real text: about a megabyte of the standard library's own sources."""
    return "\n".join(path.read_text(encoding="utf-8") for path in LIBRARY)


def chat_planner(iteration="1/5", *, outputs="answer", note="", extra=""):
    """The messages that dspy 3.4's ChatAdapter makes for an RLM's action, cut to what matters."""
    system = (
        "Your input fields are:\n1. `variables_info` (str): Metadata\n2. `repl_history` (REPLHistory): Previous\n"
        "3. `iteration` (str): Current\nYour output fields are:\n1. `reasoning` (str): Think\n2. `code` (str): Python\n"
        "All interactions will be structured in the following way, with the appropriate values filled in.\n\n"
        "[[ ## iteration ## ]]\n{iteration}\n\nIn adhering to this structure, your objective is: \n"
        "        You are tasked with producing the following outputs given the inputs `docs`, `query`:\n"
        f"        - {{{outputs}}}{note}\n        Available:\n        - Variables: `docs`, `query` (your input data)\n"
        f"        - `SUBMIT({outputs})` - submit final output when done\n"
    )
    user = f"[[ ## variables_info ## ]]\n{extra}\n\n[[ ## iteration ## ]]\n{iteration}\n\nRespond with the fields."
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def note(schema: object) -> str:
    """How dspy tells a planner the type of an output field."""
    return f"        # note: the value you produce must adhere to the JSON schema: {json.dumps(schema)}"


@pytest.fixture
def claude(tmp_path) -> FakeClaude:
    """A stand-in for Claude Code; not on PATH."""
    return FakeClaude.at(tmp_path / "claude-bin" / "claude", tmp_path / "claude-calls")
