"""How long a hook process takes, against the cheapest Python process that could read its input.

``python benchmarks/hook_start.py [--runs N] [--python PROGRAM]`` prints medians in milliseconds and the ratio
to ``python3 -I -c "import json"``, whose must is 3. Both are started in turn, so that a busy machine slows
both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parents[1] / "templates" / "hooks"
BAR = 3.0


def payloads(folder: Path) -> dict[str, dict[str, object]]:
    """One event of each kind, quiet and speaking."""
    small, big = folder / "small.txt", folder / "big.log"
    small.write_text("hello\n")
    big.write_text("line\n" * 100_000)
    tool = {"hook_event_name": "PreToolUse"}
    return {
        "Read of a small file": tool | {"tool_name": "Read", "tool_input": {"file_path": str(small)}},
        "Read of a large file": tool | {"tool_name": "Read", "tool_input": {"file_path": str(big)}},
        "Bash that pours nothing": tool | {"tool_name": "Bash", "tool_input": {"command": "git status"}},
        "Bash: cat of a large file": tool | {"tool_name": "Bash", "tool_input": {"command": f"cat {big}"}},
        "ordinary prompt": {"hook_event_name": "UserPromptSubmit", "prompt": "fix the test in small.txt"},
        "prompt with @rlm and a file": {"hook_event_name": "UserPromptSubmit", "prompt": f"@rlm read {big}"},
        "failing tool": {"hook_event_name": "PostToolUseFailure", "error": "Exit code 1\nno"},
        "session start": {"hook_event_name": "SessionStart", "source": "startup"},
    }


def installation(folder: Path) -> Path:
    """Lay out the hooks as a user has them, and return the program."""
    for source in TEMPLATES.iterdir():
        # The rules' texts hold names to be filled in, which costs a reader nothing.
        (folder / source.name.removesuffix(".j2")).write_bytes(source.read_bytes())
    facts = {"scope": "user", "command": "sh"}
    (folder / "fleet-rlm-hooks.json").write_text(json.dumps(facts))
    return folder / "fleet_rlm_hooks.py"


def timed(arguments: list[str], stdin: bytes, environment: dict[str, str]) -> float:
    """Run once; milliseconds."""
    begun = time.perf_counter()
    subprocess.run(arguments, input=stdin, env=environment, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - begun) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--python", default="python3", help="the interpreter that hooks are started with")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = installation(folder)
        # With a HOME of its own it reads and writes nothing of the user's.
        environment = {"PATH": os.environ["PATH"], "HOME": name}
        print(f"{'event':30} {'base ms':>8} {'hook ms':>8} {'ratio':>6}  must <= {BAR:.0f}")
        for label, payload in payloads(folder).items():
            base, hook = [], []
            for run in range(options.runs):
                # A new session each time, so that what speaks once a session speaks.
                stdin = json.dumps({**payload, "session_id": f"s{run}", "cwd": name}).encode()
                base.append(timed([options.python, "-I", "-c", "import json"], b"", environment))
                hook.append(timed([options.python, "-I", "-S", str(program)], stdin, environment))
            ours, theirs = statistics.median(hook), statistics.median(base)
            verdict = "met" if ours <= BAR * theirs else "MISSED"
            print(f"{label:30} {theirs:8.1f} {ours:8.1f} {ours / theirs:6.2f}  {verdict}")


if __name__ == "__main__":
    main()
