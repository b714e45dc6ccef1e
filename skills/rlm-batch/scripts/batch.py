"""Ask each of many documents each question, several at a time; one JSON object a line, in the order given."""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

from fleet_rlm import FleetError, run_long_context


def ask(document: str, query: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the answer about one document, or why there is none."""
    try:
        return {"document": document, "query": query, **run_long_context(document, query, **options)}
    except FleetError as error:
        return {"document": document, "query": query, "error": str(error)}


def main() -> int:
    """Ask, and print each answer as soon as those before it are printed; 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", nargs="+", help="files, folders or globs; each is asked alone")
    parser.add_argument("--query", action="append", required=True, help="may be given several times")
    parser.add_argument("--parallel", type=int, default=4, help="runs at the same time (default 4)")
    parser.add_argument("--sandbox", help="auto, local or modal")
    parser.add_argument("--model", help="the model that writes code")
    parser.add_argument("--sub-model", help="the model that reads pieces")
    given = parser.parse_args()
    options = {name: getattr(given, name) for name in ("sandbox", "model", "sub_model")}
    options = {name: value for name, value in options.items() if value}
    failed = False
    with ThreadPoolExecutor(max(1, given.parallel)) as pool:
        asked = [
            pool.submit(ask, document, query, options)
            for document, query in product(given.documents, given.query)
        ]
        for future in asked:
            answer = future.result()
            failed = failed or "error" in answer
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
