"""What the user should know after a load, as sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet_rlm.documents.decoding import WINDOWS_1252
from fleet_rlm.documents.model import Reason, Skipped, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["remarks"]

_NAMES_SHOWN = 5
_EXPECTED = frozenset({Reason.IGNORED, Reason.HIDDEN})  # ordinary in any folder; `describe()` counts them


def remarks(
    sources: Sequence[Source],
    skipped: Sequence[Skipped],
    *,
    escaped_at: Mapping[str, int],
    empty: Sequence[str],
) -> tuple[str, ...]:
    """Return the warnings for what was read and what was left out, grouped so that they stay few.

    Args:
        sources: what was read.
        skipped: what was not.
        escaped_at: for damaged documents, the offset of the first bad byte by name.
        empty: documents that the user named and that have no text.
    """
    nothing = [f"Empty: {_listed(empty)}."] if empty else []
    return (*_left_out(skipped), *_guessed(sources), *_damaged(sources, escaped_at), *nothing)


def _left_out(skipped: Sequence[Skipped]) -> Iterator[str]:
    for reason in Reason:
        entries = [entry for entry in skipped if entry.reason is reason and _unexpected(entry)]
        if len(entries) == 1:
            yield f"Left out: {entries[0].detail} {entries[0].remedy}".rstrip()
        elif entries:
            remedies = {entry.remedy for entry in entries}
            remedy = remedies.pop() if len(remedies) == 1 else ""
            yield f"Left out ({reason.value}): {_listed(entry.name for entry in entries)}. {remedy}".rstrip()


def _unexpected(entry: Skipped) -> bool:
    if entry.reason is Reason.LINK:
        return bool(entry.detail)  # a link that stays inside leads to what is read in its own place
    return entry.reason not in _EXPECTED


def _guessed(sources: Sequence[Source]) -> Iterator[str]:
    names = [source.name for source in sources if source.encoding == WINDOWS_1252]
    if names:
        yield f"Not UTF-8, read as Latin-1 ({WINDOWS_1252}) by guess: {_listed(names)}."


def _damaged(sources: Sequence[Source], escaped_at: Mapping[str, int]) -> Iterator[str]:
    places = [
        f"{source.name} ({source.escaped:,}, first at offset {escaped_at[source.name]:,})"
        for source in sources
        if source.escaped
    ]
    if places:
        yield f"UTF-8 but for some bytes, which read \\xNN in the text: {_listed(places)}."


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = len(every) - _NAMES_SHOWN
    return ", ".join(every[:_NAMES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
