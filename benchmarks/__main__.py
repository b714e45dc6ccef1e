"""Measure ours and the peer side by side.

python -m benchmarks                     all of them, a few minutes
python -m benchmarks execute tool        some of them
python -m benchmarks --json FILE         also write FILE, and the same as Markdown beside it
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import command, latency, report, runs, scaffold, sessions, soak, values, wire
from benchmarks.machine import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.rows import Row

BENCHMARKS: dict[str, Callable[..., list[Row]]] = {
    "start": latency.start,
    "execute": latency.execute,
    "tool": latency.tool,
    "first": values.first,
    "following": values.following,
    "gigabyte": values.gigabyte,
    "iterations": runs.iterations,
    "batch": runs.batch,
    "modal": wire.modal,
    "hello": command.hello,
    "hook": scaffold.hook,
    "install": scaffold.install,
    "executes": soak.executes,
    "sessions": soak.sessions,
    "session-exec": sessions.command,
    "session-executes": sessions.executes,
    "session-lives": sessions.lives,
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("name", nargs="*", help=f"one of {', '.join(BENCHMARKS)}; default: all")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE and FILE's .md")
    made.add_argument("--quick", action="store_true", help="fewer rounds: noisier figures, sooner")
    return made


def main() -> int:
    """Run what was asked for; 1 if a bar was missed."""
    options = parser().parse_args()
    if unknown := sorted(set(options.name) - BENCHMARKS.keys()):
        parser().error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    logging.getLogger("dspy").setLevel(logging.ERROR)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # all starts are measured with their bytecode cached
    sys.dont_write_bytecode = False
    machine, rows = describe(), []
    print(report.as_markdown(machine, []), end="", flush=True)
    for name in options.name or BENCHMARKS:
        for row in BENCHMARKS[name](quick=options.quick):
            rows.append(row)
            print(report.line(row), flush=True)
    if options.json:
        options.json.write_text(report.as_json(machine, rows), encoding="utf-8")
        options.json.with_suffix(".md").write_text(report.as_markdown(machine, rows), encoding="utf-8")
    return int(any(row.verdict == "MISSED" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
