"""What cells print: counted whole, kept up to a limit, shown as a head and a tail."""

from __future__ import annotations

import codecs

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Dict, Optional

__all__ = ["Archive", "Spool"]

KEPT_BYTES = 32 << 20
"""Most of one cell's output that is kept for ``get_output`` from its start, and as much from its end."""

ARCHIVE_BYTES = 64 << 20
"""Most of all cells' outputs together that is kept; the oldest go first."""


class Spool:
    """The output of one cell."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._kept = bytearray()
        self._tail = bytearray()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._bytes = self._characters = 0

    def add(self, data: bytes) -> None:
        """Append what the cell wrote."""
        self._bytes += len(data)
        self._characters += len(self._decoder.decode(data))
        room = self._kept_bytes - len(self._kept)
        self._kept += data[:room]
        if len(data) > room:
            self._tail += data[room:]
            if len(self._tail) > 2 * self._kept_bytes:
                del self._tail[: -self._kept_bytes]

    @property
    def size(self) -> int:
        """Bytes kept."""
        return len(self._kept) + len(self._tail)

    @property
    def total(self) -> int:
        """Characters written, kept or not."""
        return self._characters

    def excerpt(self, limit: int) -> tuple[str, str]:
        """Return all and "" if it fits in ``limit`` characters, else a head and a tail of half each."""
        if self._characters <= limit:
            return self.text(), ""
        half = limit // 2
        head = bytes(self._kept[: 4 * half + 4]).decode("utf-8", "replace")[:half]
        source = self._tail if len(self._tail) >= 4 * half else self._kept + self._tail
        tail = bytes(source[-4 * half - 4 :]).decode("utf-8", "replace")[-half:] if half else ""
        return head, tail

    @property
    def missing(self) -> int:
        """Characters that were not kept."""
        head, tail = self._ends()
        return self._characters - len(head) - len(tail) if tail else 0

    def text(self) -> str:
        """All that is kept; where something is missing, it says how much."""
        head, tail = self._ends()
        if not tail:
            return head
        missing = self._characters - len(head) - len(tail)
        return f"{head}\n[... {missing:,} characters were not kept ...]\n{tail}"

    def _ends(self) -> tuple[str, str]:
        """Return all and "" if all is kept, else what is kept of the start and of the end."""
        if self._bytes <= 2 * self._kept_bytes:
            return (self._kept + self._tail).decode("utf-8", "replace"), ""
        tail = self._tail[-self._kept_bytes :]
        return self._kept.decode("utf-8", "replace"), tail.decode("utf-8", "replace")


class Archive:
    """The outputs that were shown only in part, by the number of their step."""

    def __init__(self, limit: int = ARCHIVE_BYTES) -> None:
        self._limit = limit
        self._spools: Dict[int, Spool] = {}

    def keep(self, step: int, spool: Spool) -> None:
        """Add one, and drop the oldest ones beyond the limit."""
        self._spools[step] = spool
        while len(self._spools) > 1 and sum(spool.size for spool in self._spools.values()) > self._limit:
            del self._spools[next(iter(self._spools))]

    def text(self, step: int) -> Optional[str]:
        """The output of a step as far as it was kept, or None if it is not here."""
        spool = self._spools.get(step)
        return None if spool is None else spool.text()
