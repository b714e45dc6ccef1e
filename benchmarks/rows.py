"""What a benchmark returns: one figure, what it must and should be, and what it was computed from."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Bar", "Row", "against"]


@dataclass(frozen=True)
class Bar:
    """Upper bounds on a figure: ``must`` is the promise, ``aim`` where it should end up."""

    must: float
    aim: float | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: what was measured.
        value: the figure that the bar is about.
        unit: of the figure; ``x`` for a ratio.
        bar: its bounds; None for a figure that is only told.
        seconds: the medians behind a ratio, by contender.
        note: what a reader has to know beside it.
    """

    what: str
    value: float
    unit: str = "x"
    bar: Bar | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def verdict(self) -> str:
        """``aim``, ``must`` or ``MISSED``: the best bound that the figure keeps."""
        if self.bar is None:
            return ""
        if self.value <= (self.bar.must if self.bar.aim is None else self.bar.aim):
            return "must" if self.bar.aim is None else "aim"
        return "must" if self.value <= self.bar.must else "MISSED"

    def as_json(self) -> dict[str, Any]:
        """The row for a report."""
        return {**asdict(self), "verdict": self.verdict}


def against(
    what: str, ours: str, peer: str, seconds: dict[str, float], *, bar: Bar | None = None, note: str = ""
) -> Row:
    """Return the ratio of two medians as a row."""
    return Row(what, seconds[ours] / seconds[peer], "x", bar, {n: seconds[n] for n in (ours, peer)}, note)
