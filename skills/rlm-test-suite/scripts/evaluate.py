"""Run questions with known answers and say how often the answer was right."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from fleet_rlm import FleetError, run_long_context


def attempt(case: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Run one case once; right means complete and matching."""
    try:
        result = run_long_context(case["docs_path"], case["query"], **options)
    except FleetError as error:
        return {"passed": False, "error": str(error)}
    right = bool(result["complete"] and re.search(case["expect"], result["answer"]))
    return {"passed": right, "answer": result["answer"], "complete": result["complete"]}


def main() -> int:
    """Run every case; 1 if fewer passed than were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=Path, help='JSON: [{"name", "docs_path", "query", "expect"}]')
    parser.add_argument("--repeat", type=int, default=1, help="runs of each case (default 1)")
    parser.add_argument("--at-least", type=float, default=1.0, help="share that must pass (default 1.0)")
    parser.add_argument("--report", type=Path, help="write every answer to this file")
    for name in ("--model", "--sub-model", "--sandbox"):
        parser.add_argument(name, help="as for the run")
    given = parser.parse_args()
    options = {name: getattr(given, name) for name in ("model", "sub_model", "sandbox")}
    options = {name: value for name, value in options.items() if value}
    report = []
    for case in json.loads(given.cases.read_text(encoding="utf-8")):
        attempts = [attempt(case, options) for _ in range(given.repeat)]
        passed = sum(one["passed"] for one in attempts)
        sys.stdout.write(f"{passed}/{given.repeat}  {case['name']}\n")
        report.append({**case, "attempts": attempts})
    outcomes = [one["passed"] for case in report for one in case["attempts"]]
    share = sum(outcomes) / max(1, len(outcomes))
    sys.stdout.write(f"{share:.0%} of {len(outcomes)} runs passed\n")
    if given.report:
        given.report.write_text(json.dumps(report, indent=2), encoding="utf-8")
    return int(share < given.at_least)


if __name__ == "__main__":
    sys.exit(main())
