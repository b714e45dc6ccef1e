"""What a question asked of many chunks has covered and found, as a report that fits into a context."""

from __future__ import annotations

from typing import Any

from fleet_rlm.errors import SessionError

__all__ = ["SHOWN_CHARS", "coverage_of"]

SHOWN_CHARS = 8_000
"""Characters of findings in a report; all of them stay in a variable."""

_FAILED = "[ERROR]"
_NOTHING = "NOTHING"
_ERRORS_SHOWN = 3
_ERROR_CHARS = 300


def coverage_of(submitted: Any) -> dict[str, Any]:
    """Return the report on what code in the sandbox submitted, which may be anything.

    Raises:
        SessionError: it is no such report.
    """
    try:
        return _report(submitted)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise SessionError(f"The answers cannot be read: {type(error).__name__}: {error}.") from None


def _report(submitted: dict[str, Any]) -> dict[str, Any]:
    rows = [{**row, "answer": str(row["answer"]).strip()} for row in submitted["rows"]]
    failed = [row["answer"] for row in rows if row["answer"].startswith(_FAILED)]
    nothing = [row for row in rows if row["answer"].rstrip(".") == _NOTHING]
    found = [row for row in rows if row not in nothing and not row["answer"].startswith(_FAILED)]
    shown = _fitting(found)
    chars, asked = int(submitted["chars"]), int(submitted["chars_asked"])
    return {
        "chunks": int(submitted["chunks"]),
        "asked": len(rows),
        "answered": len(rows) - len(failed),
        "nothing": len(nothing),
        "failed": len(failed),
        "chars": chars,
        "chars_asked": asked,
        "coverage_pct": round(100 * asked / chars, 1) if chars else 0.0,
        "findings": shown,
        "findings_shown": len(shown),
        "findings_total": len(found),
        "errors": [error[:_ERROR_CHARS] for error in dict.fromkeys(failed)][:_ERRORS_SHOWN],
    }


def _fitting(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many findings as fit, in their order; a long answer is cut to its share."""
    share = max(200, SHOWN_CHARS // max(1, len(found)))
    shown: list[dict[str, Any]] = []
    room = SHOWN_CHARS
    for row in found:
        text = row["answer"] if len(row["answer"]) <= share else row["answer"][: share - 1] + "…"
        if len(text) > room:
            break
        room -= len(text)
        shown.append({**row, "answer": text})
    return shown
