"""The cell under way, as the supervisor knows it."""

from __future__ import annotations

import os

from fleet_rlm.driver.spool import Spool
from fleet_rlm.protocol import SLATE_BYTES, read_slate

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional

__all__ = ["Cell", "Underway"]


class Cell:
    """One execute that has begun.

    Args:
        number: the ``id`` of its frame.
        step: as in the frame.
        shown: as in the frame.
        grace: as in the frame.
        is_direct: whether it went to the worker by its line, past the supervisor.
    """

    def __init__(self, number: int, step: int, shown: int, grace: float, *, is_direct: bool = False) -> None:
        self.number, self.step, self.shown, self.grace = number, step, shown, grace
        self.is_direct = is_direct
        self.deadline: Optional[float] = None  # when its worker is replaced, once it was interrupted
        self.reason: Optional[str] = None  # why it was interrupted: "timeout" or "request"
        self.spool: Optional[Spool] = None

    @classmethod
    def of(cls, header: Dict[str, Any]) -> Cell:
        """The cell of an ``execute`` frame."""
        return cls(header["id"], header["step"], header["shown"], header["grace"])

    def take(self, data: bytes) -> None:
        """Add to its output."""
        if self.spool is None:
            self.spool = Spool()
        self.spool.add(data)


class Underway:
    """At most one cell: a relayed one, or the direct one that the host's slate tells of.

    Args:
        watch: called with the number of a direct cell before anything is done for it, so that its worker
            sends its end to the supervisor too.
    """

    def __init__(self, watch: Callable[[int], None]) -> None:
        self._watch = watch
        self._slate: Optional[int] = None
        self.cell: Optional[Cell] = None
        """As it was when last looked for; a direct one may have ended since."""
        self.ended = 0
        """Number of the last cell that ended by the supervisor."""

    def read(self, slate: int) -> None:
        """Look at this descriptor from now on."""
        if self._slate is not None:
            os.close(self._slate)
        self._slate = slate

    def now(self) -> Optional[Cell]:
        """Return the cell that is under way now."""
        cell = self.cell
        if self._slate is None or (cell is not None and not cell.is_direct):
            return cell
        noted = read_slate(os.pread(self._slate, SLATE_BYTES, 0))
        if noted is None or noted[0] <= self.ended:
            self.cell = None
        elif cell is None or cell.number != noted[0]:
            self.cell = Cell(*noted, is_direct=True)
            self._watch(noted[0])
        return self.cell

    def relay(self, cell: Cell) -> None:
        """Make it one that goes by the supervisor."""
        cell.is_direct = False
        self.cell = cell

    def end(self, cell: Cell) -> None:
        """It has ended."""
        self.cell, self.ended = None, cell.number
