"""Load: find the files, read them one after another into one text, and say what happened."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from fleet_rlm.documents import memory
from fleet_rlm.documents.assembling import Rewind, assemble
from fleet_rlm.documents.finding import Candidate, Found, find
from fleet_rlm.documents.model import Documents, Refusal, Skipped, Source, separator
from fleet_rlm.documents.reading import Pieces, Reading, read_file, read_stream
from fleet_rlm.documents.remarks import remarks
from fleet_rlm.documents.standard_input import standard_input, stream_size
from fleet_rlm.errors import DocumentError, UsageError

__all__ = ["load"]

OnProgress = Callable[[int, int], None]


def load(
    sources: Sequence[str],
    *,
    stdin: BinaryIO | None = None,
    encoding: str | None = None,
    on_progress: OnProgress | None = None,
    memory_limit: int | None = None,
) -> Documents:
    """Read everything that ``sources`` name.

    Args:
        sources: files, folders, glob patterns (``**`` too) and ``-`` for standard input. A file counts
            once, however often it is named. Folders are read recursively and in order; their hidden and
            ignored files are left out, unless named themselves.
        stdin: what ``-`` reads; by default the process's standard input.
        encoding: the codec of all text, for when detection is wrong; None detects it per document.
        on_progress: called with (bytes done, bytes in total) after every chunk. The total grows while a
            pipe is read, since its length is not known before.
        memory_limit: bytes the text may take; by default what the machine has available.

    Raises:
        DocumentError: a named source is missing, binary, undecodable or unreadable, or there is nothing to
            read, or it does not fit in memory.
        UsageError: no source, or an unknown encoding.
    """
    if not sources or not all(sources):
        raise UsageError("No document was named.", remedy="Give a file, a folder, a pattern, or - for stdin.")
    codec = _codec(encoding) if encoding else None
    found = find(sources)
    total = sum(candidate.size for candidate in found.candidates)
    _require_memory(total, memory.available_bytes() if memory_limit is None else memory_limit)
    loading = _Loading(found, stdin, codec, on_progress or (lambda _done, _total: None), total)
    try:
        text = assemble(loading.pieces())
        return loading.finished(text)
    except MemoryError as error:
        raise _too_large(total) from error


def _codec(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
        makes_text = isinstance(codecs.getincrementaldecoder(name)().decode(b""), str)  # "hex" makes bytes
    except (LookupError, ValueError):
        makes_text = False
    if not makes_text:
        raise UsageError(
            f"{encoding!r} is not a text encoding.",
            remedy="Use a name such as utf-16-le, cp1251 or shift_jis.",
        )
    return "utf-8-sig" if name == "utf-8" else name


def _require_memory(total: int, limit: int | None) -> None:
    if limit is not None and total > limit:
        raise _too_large(total, f" and only {limit / 1e9:,.1f} GB of memory is free")


def _too_large(total: int, free: str = "") -> DocumentError:
    return DocumentError(
        f"The documents do not fit in memory: they are {total / 1e9:,.1f} GB{free}.",
        remedy="Name fewer files, or split them and run once for each part.",
    )


@dataclass
class _Loading:
    """The state of one load while its pieces are produced."""

    found: Found
    stdin: BinaryIO | None
    encoding: str | None
    on_progress: OnProgress
    total: int
    done: int = 0
    length: int = 0
    last: str = "\n"
    sources: list[Source] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    escaped_at: dict[str, int] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)

    def pieces(self) -> Iterator[str | Rewind]:
        """Yield the whole text in pieces, taking back what turns out to be unreadable."""
        for candidate in self.found.candidates:
            reached = self.done + candidate.size
            yield from self._attempt(candidate)
            if self.done < reached:  # it was left out, converted, or has shrunk
                self._advance(reached - self.done)

    def _attempt(self, candidate: Candidate) -> Iterator[str | Rewind]:
        before, last = self.length, self.last
        try:
            yield from self._document(candidate)
        except Refusal as refusal:
            if candidate.named:
                raise
            self.skipped.append(
                Skipped(candidate.name, refusal.reason, refusal.message, refusal.remedy or "")
            )
            if self.length > before:
                yield Rewind(before)
                self.length, self.last = before, last

    def _document(self, candidate: Candidate) -> Iterator[str]:
        reading, start = self._open(candidate), None
        while True:
            try:
                piece = next(reading)
            except StopIteration as stop:
                known: Reading = stop.value
                break
            if start is None:  # only now is it sure to begin as text
                yield self._count(self._heading(candidate.name))
                start = self.length
            yield self._count(piece)
        self._record(candidate, self.length if start is None else start, known)

    def _heading(self, name: str) -> str:
        if len(self.found.candidates) == 1:
            return ""
        return ("" if self.last == "\n" else "\n") + separator(name)

    def _record(self, candidate: Candidate, start: int, known: Reading) -> None:
        chars = self.length - start
        self.sources.append(
            Source(
                name=candidate.name,
                path=candidate.path,
                size=known.size,
                start=start,
                chars=chars,
                format=known.format,
                encoding=known.encoding,
                escaped=known.escaped,
            )
        )
        if known.escaped_at is not None:
            self.escaped_at[candidate.name] = known.escaped_at
        if candidate.named and not chars:
            self.empty.append(candidate.name)

    def _count(self, piece: str) -> str:
        self.length += len(piece)
        self.last = piece[-1:] or self.last
        return piece

    def _open(self, candidate: Candidate) -> Pieces:
        if candidate.path is None:
            stream = standard_input(self.stdin)
            self.total += stream_size(stream)
            return read_stream(stream, candidate.shown, encoding=self.encoding, on_bytes=self._advance)
        return read_file(
            candidate.path,
            candidate.shown,
            size=candidate.size,
            encoding=self.encoding,
            on_bytes=self._advance,
        )

    def _advance(self, count: int) -> None:
        self.done += count
        self.total = max(self.total, self.done)
        self.on_progress(self.done, self.total)

    def finished(self, text: str) -> Documents:
        """Make the value: ``text`` is what the pieces add up to."""
        skipped = (*self.found.skipped, *self.skipped)
        if not any(source.chars for source in self.sources):
            raise self._nothing(skipped)
        if len(self.sources) == 1 < len(self.found.candidates):
            only = self.sources[0]
            text, self.sources[0] = text[only.start : only.end], replace(only, start=0)
        return Documents(
            text=text,
            sources=tuple(self.sources),
            skipped=skipped,
            warnings=remarks(self.sources, skipped, escaped_at=self.escaped_at, empty=self.empty),
            lines=text.count("\n") + (text[-1:] not in {"", "\n"}),
        )

    def _nothing(self, skipped: Sequence[Skipped]) -> DocumentError:
        if not self.sources:
            why = next((f"{entry.detail} {entry.remedy}" for entry in reversed(skipped) if entry.detail), "")
            return DocumentError(f"None of the {len(skipped):,} files could be read as text.", remedy=why)
        named = self.found.candidates[0].shown
        what = f"{named} is" if len(self.sources) == 1 else f"All {len(self.sources):,} documents are"
        return DocumentError(f"{what} empty.", remedy="Name a document with text in it.")
