"""The terminal frame of a cell: what its worker reported, and what only the supervisor knows."""

from __future__ import annotations

from fleet_rlm.driver.wording import notice, text, whole
from fleet_rlm.protocol import FrameError, encode_frame

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Dict, Tuple

    from fleet_rlm.driver.spool import Archive
    from fleet_rlm.driver.underway import Cell
    from fleet_rlm.protocol import Frame

__all__ = ["OUTCOMES", "done_frame", "is_bare", "reported"]

OUTCOMES = frozenset({"ok", "submit", "error", "syntax"})
"""How a worker may say that a cell has ended; the others only its supervisor knows."""

_BARE = {"type", "id", "outcome"}


def is_bare(frame: Frame, cell: Cell) -> bool:
    """Whether there is nothing to add to what the worker reported."""
    return frame.header.keys() == _BARE and cell.spool is None


def reported(frame: Frame, cell: Cell) -> Tuple[str, Dict[str, Any]]:
    """Return the outcome that a worker reported, and the facts that go with it.

    Raises:
        FrameError: it is not what a worker may report of this cell.
    """
    header = frame.header
    outcome = header["outcome"]
    if header["id"] != cell.number or outcome not in OUTCOMES:
        raise FrameError("not the end of the cell under way")
    facts: Dict[str, Any] = {}
    if "error" in header:
        facts["error"] = text(header["error"])
    if header.get("line") is not None:
        facts["line"] = whole(header["line"])
    if cell.reason is not None and facts.get("error") == "KeyboardInterrupt":
        outcome, facts["reason"] = "interrupted", cell.reason
    return outcome, facts


def done_frame(cell: Cell, outcome: str, detail: bytes, facts: Dict[str, Any], archive: Archive) -> bytes:
    """Return the frame, with what the cell printed; ``archive`` keeps that if it is cut."""
    output = b""
    if cell.spool is not None:
        spool, total = cell.spool, cell.spool.total
        head, tail = spool.excerpt(cell.shown)
        if total > cell.shown:
            archive.keep(cell.step, spool)
            facts = {**facts, "cut": total - len(head) - len(tail)}
            head = f"{head}\n{notice(cell.step, facts['cut'], total, spool.missing)}\n{tail}"
        output = head.encode("utf-8", "replace")
        facts = {**facts, "output": len(output)}
    return encode_frame({"type": "done", "id": cell.number, "outcome": outcome, **facts}, output + detail)
