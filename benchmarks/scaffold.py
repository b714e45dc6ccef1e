"""What a user waits for outside a run: a hook at each tool call, an install with nothing to do, a status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import in_turns, timed
from benchmarks.rows import Bar, Row, against

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["hook", "install"]

_TEMPLATES = Path(__file__).resolve().parents[1] / "templates" / "hooks"
_LARGE = "line\n" * 100_000
_PYTHON = str(Path(sys.executable).resolve())  # not a version manager's shim, which takes longer than either


def hook(*, quick: bool) -> list[Row]:
    """A hook process against the cheapest Python process that could read its input."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = _installed_hooks(folder)
        environment = {"PATH": os.environ["PATH"], "HOME": name}
        cheapest = [_PYTHON, "-I", "-c", "import json"]
        for label, event in _events(folder).items():
            stdin = json.dumps({"session_id": "s", "cwd": name, **event}).encode()
            contenders = {
                "hook": lambda stdin=stdin: _run([_PYTHON, "-I", "-S", str(program)], environment, stdin),
                "import json": lambda: _run(cheapest, environment, b""),
            }
            seconds = in_turns(contenders, 7 if quick else 25)
            rows.append(against(f"hook process: {label}", "hook", "import json", seconds, bar=Bar(3)))
    return rows


def install(*, quick: bool) -> list[Row]:
    """An install that finds everything in place, and a status, against a Python that does nothing."""
    command = str(Path(sys.executable).with_name("fleet-rlm-scaffold"))
    with tempfile.TemporaryDirectory() as name:
        environment = {
            **os.environ,
            "HOME": name,
            "CLAUDE_CONFIG_DIR": f"{name}/.claude",
            "FLEET_RLM_HOME": name,
        }
        lines = {
            "install, nothing to do": [command, "install", "--no-self-test"],
            "status": [command, "status"],
            "python -c pass": [sys.executable, "-c", "pass"],
        }
        for line in lines.values():
            _run(line, environment, b"")
        contenders = {
            label: (lambda line=line: _run(line, environment, b"")) for label, line in lines.items()
        }
        seconds = in_turns(contenders, 5 if quick else 15)
    return [against(label, label, "python -c pass", seconds) for label in list(lines)[:2]]


def _run(line: list[str], environment: Mapping[str, str], stdin: bytes) -> float:
    return timed(lambda: subprocess.run(line, env=environment, input=stdin, check=True, capture_output=True))


def _installed_hooks(folder: Path) -> Path:
    """Lay the hooks out as a user has them; return the program."""
    for source in _TEMPLATES.iterdir():
        # The rules' texts hold names to be filled in, which costs a reader nothing.
        (folder / source.name.removesuffix(".j2")).write_bytes(source.read_bytes())
    (folder / "fleet-rlm-hooks.json").write_text(json.dumps({"scope": "user", "command": "sh"}))
    return folder / "fleet_rlm_hooks.py"


def _events(folder: Path) -> dict[str, dict[str, Any]]:
    """One event of each kind, quiet and speaking."""
    small, big = folder / "small.txt", folder / "big.log"
    small.write_text("hello\n")
    big.write_text(_LARGE)
    tool = {"hook_event_name": "PreToolUse"}
    return {
        "Read of a small file": tool | {"tool_name": "Read", "tool_input": {"file_path": str(small)}},
        "Read of a large file": tool | {"tool_name": "Read", "tool_input": {"file_path": str(big)}},
        "cat of a large file": tool | {"tool_name": "Bash", "tool_input": {"command": f"cat {big}"}},
        "ordinary prompt": {"hook_event_name": "UserPromptSubmit", "prompt": "fix the test in small.txt"},
        "prompt with @rlm": {"hook_event_name": "UserPromptSubmit", "prompt": f"@rlm read {big}"},
    }
