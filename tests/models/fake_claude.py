"""A stand-in for ``claude``: a real program that keeps how it was called and answers as it was told."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROGRAM = """#!{python} -IS
import json, os, signal, sys, time
from pathlib import Path
folder = Path({folder!r})
if sys.argv[1:] == ["--version"]:
    print("9.9.9 (Claude Code)")
    raise SystemExit
prompt = sys.stdin.read()
if not prompt:
    sys.exit("Error: Input must be provided either through stdin or as a prompt argument when using --print")
system = next(each for each in sys.argv if each.startswith("--system-prompt-file=")).partition("=")[2]
number = 0
while True:
    try:
        kept = open(folder / f"call-{{number}}.json", "x")
        break
    except FileExistsError:
        number += 1
with kept:
    json.dump({{"argv": sys.argv[1:], "env": dict(os.environ), "system": open(system).read(), "pid": os.getpid(),
               "prompt": prompt, "cwd": os.getcwd(), "files": os.listdir()}}, kept)
plan = json.loads((folder / "plan.json").read_text())
act = plan[min(number, len(plan) - 1)]
for line in act["lines"]:
    print(line if isinstance(line, str) else json.dumps(line), flush=True)
sys.stderr.write(act["stderr"])
sys.stderr.flush()
if act["sleep"]:
    time.sleep(act["sleep"])
if act["signal"]:
    os.kill(os.getpid(), act["signal"])
raise SystemExit(act["code"])
"""


def act(*lines: object, stderr: str = "", sleep: float = 0, signal: int = 0, code: int = 0) -> dict[str, Any]:
    """What to do at one call: write lines, wait, end."""
    return {"lines": lines, "stderr": stderr, "sleep": sleep, "signal": signal, "code": code}


def result(text: str, **more: Any) -> dict[str, Any]:
    """The event with which a client ends."""
    usage = {
        "input_tokens": 10,
        "output_tokens": 4,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 3,
    }
    return {
        "type": "result", "subtype": "success", "is_error": False, "result": text, "usage": usage,
        "total_cost_usd": 0.25, "modelUsage": {"claude-haiku-4-5": {}}, "terminal_reason": "completed",
        "api_error_status": None, **more,
    }  # fmt: skip


def answered(text: str) -> dict[str, Any]:
    """A call that is answered."""
    return act(result(text))


def failed(
    words: str, error: str = "unknown", *, before: Sequence[object] = (), **more: Any
) -> dict[str, Any]:
    """A call that ends with a failure that the client reports."""
    said = {"type": "assistant", "error": error, "message": {"content": [{"type": "text", "text": words}]}}
    end = result(words, is_error=True, terminal_reason="api_error") | more
    return act(*before, said, end, code=1)


@dataclass(frozen=True)
class FakeClaude:
    """One such program."""

    program: Path
    folder: Path

    @classmethod
    def at(cls, program: Path, folder: Path) -> FakeClaude:
        """Make one; it answers ``ok`` until told otherwise."""
        for each in (program.parent, folder):
            each.mkdir(parents=True, exist_ok=True)
        program.write_text(_PROGRAM.format(python=sys.executable, folder=str(folder)))
        program.chmod(0o755)
        fake = cls(program, folder)
        fake.plan(answered("ok"))
        return fake

    def plan(self, *acts: Mapping[str, Any]) -> None:
        """Say what the calls do, in order; the last is for all later ones too."""
        (self.folder / "plan.json").write_text(json.dumps(acts))

    @property
    def calls(self) -> list[dict[str, Any]]:
        """How it was called so far."""
        files = sorted(self.folder.glob("call-*.json"), key=lambda path: int(path.stem.partition("-")[2]))
        return [json.loads(path.read_text()) for path in files if path.stat().st_size]

    def put_on_path(self, monkeypatch) -> None:
        """Let it be the ``claude`` of this process's PATH."""
        monkeypatch.setenv("PATH", f"{self.program.parent}{os.pathsep}{os.environ['PATH']}")
