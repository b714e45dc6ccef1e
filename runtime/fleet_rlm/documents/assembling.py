"""Many pieces to one string, holding hardly more than that string."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["BATCH_CHARS", "Rewind", "assemble"]

BATCH_CHARS = 2 << 20
"""Small pieces are joined up to this length before they are appended."""


@dataclass(frozen=True, slots=True)
class Rewind:
    """Among the pieces: forget all that came after the first ``length`` characters."""

    length: int


def assemble(pieces: Iterable[str | Rewind]) -> str:
    """Join ``pieces`` with a peak of about the result's own size, where ``"".join`` needs it twice.

    CPython extends a string in place when a local variable holds its only reference, and the operating
    system extends the memory of a large one by moving pages instead of bytes. So the loop has to stay as
    plain as it is: measured on CPython 3.10 to 3.13 with 527 MB of ASCII it peaks at 1.03 times the text and
    takes 0.2 s, while the same through an attribute is quadratic on 3.13 (15 s). A test watches the peak.
    """
    text = ""
    for piece in _batched(pieces):
        if isinstance(piece, Rewind):
            text = text[: piece.length]
        else:
            text += piece
    return text


def _batched(pieces: Iterable[str | Rewind]) -> Iterator[str | Rewind]:
    held: list[str] = []
    length = 0
    for piece in pieces:
        if isinstance(piece, Rewind):
            yield "".join(held)
            held.clear()
            length = 0
            yield piece
            continue
        held.append(piece)
        length += len(piece)
        if length >= BATCH_CHARS:
            held[:] = ["".join(held)]
            length = 0
            yield held.pop()
    yield "".join(held)
