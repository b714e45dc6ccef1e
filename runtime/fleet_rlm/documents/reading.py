"""One document's bytes to pieces of text."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from fleet_rlm.documents.converting import convert, office_format
from fleet_rlm.documents.decoding import BinaryError, Decoder, StrictDecoder, UndecodableError, Utf8Decoder
from fleet_rlm.documents.model import Reason, Refusal
from fleet_rlm.documents.opening import open_regular
from fleet_rlm.documents.sniffing import HEAD_BYTES, UNKNOWN, Binary, Package, Pdf, sniff
from fleet_rlm.documents.standard_input import Patient

__all__ = ["CHUNK_BYTES", "Reading", "read_file", "read_stream"]

CHUNK_BYTES = 2 << 20
"""Bytes read and decoded at a time."""

OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What became known of a document while it was read."""

    format: str
    encoding: str | None
    size: int
    escaped: int = 0
    escaped_at: int | None = None


Pieces = Generator[str, None, Reading]


def read_file(path: str, shown: str, *, size: int, encoding: str | None, on_bytes: OnBytes) -> Pieces:
    """Yield the text of a file in pieces, and return what became known of it.

    Args:
        path: the file.
        shown: its name in messages.
        size: bytes to expect; only a hint.
        encoding: the codec to use for text, or None to find out.
        on_bytes: told the length of every chunk read.

    Raises:
        Refusal: it cannot be read, is binary, or is not text in its encoding. One that is found in the
            first chunk is raised before anything is yielded.
    """
    try:
        descriptor = open_regular(path)
    except OSError as error:
        raise _unreadable(shown, error) from error
    # Reading, not mapping: a log that is truncated while it is mapped would kill the process (SIGBUS).
    with io.FileIO(descriptor, "rb") as stream:
        chunks = _chunks(stream, min(size + 1, CHUNK_BYTES), shown, on_bytes)
        return (yield from _read(chunks, shown, encoding, stream))


def read_stream(stream: BinaryIO, shown: str, *, encoding: str | None, on_bytes: OnBytes) -> Pieces:
    """Yield the text of a stream that need not be seekable; otherwise as ``read_file``."""
    chunks = _chunks(Patient(stream), CHUNK_BYTES, shown, on_bytes)
    return (yield from _read(chunks, shown, encoding, None))


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes | None: ...


def _chunks(stream: _Readable, first: int, shown: str, on_bytes: OnBytes) -> Iterator[bytes]:
    """Read until the end, wherever that is by then; the first chunk is enough for most files."""
    length = max(first, HEAD_BYTES)
    while True:
        try:
            data = stream.read(length)
        except OSError as error:
            raise _unreadable(shown, error) from error
        if data is None:  # a file of /proc that would wait for an event
            raise _unreadable(shown, BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)))
        if not data:
            return
        on_bytes(len(data))
        yield data
        length = CHUNK_BYTES


def _unreadable(shown: str, error: OSError) -> Refusal:
    return Refusal(
        f"{shown} cannot be read: {error.strerror or error}.",
        reason=Reason.UNREADABLE,
        remedy="Check that it still exists and that you may read it.",
    )


def _read(chunks: Iterator[bytes], shown: str, encoding: str | None, file: io.FileIO | None) -> Pieces:
    head = b""
    for chunk in chunks:
        head += chunk  # a pipe may hand over a few bytes at a time
        if len(head) >= HEAD_BYTES:
            break
    sniffed = sniff(head[:HEAD_BYTES])
    if isinstance(sniffed, (Pdf, Package)):
        with io.BufferedReader(file) if file else io.BytesIO(b"".join([head, *chunks])) as whole:
            text, kind, size = _converted(whole, sniffed, shown)
        yield text
        return Reading(kind, None, size)
    if encoding is not None:
        return (yield from _decoded(head, 0, chunks, StrictDecoder(encoding), shown))
    if isinstance(sniffed, Binary):
        raise _binary(shown, sniffed.what, sniffed.remedy)
    decoder = Utf8Decoder() if sniffed.encoding == "utf-8" else StrictDecoder(sniffed.encoding)
    return (yield from _decoded(head, sniffed.mark, chunks, decoder, shown))


def _converted(stream: BinaryIO, sniffed: Pdf | Package, shown: str) -> tuple[str, str, int]:
    kind = "pdf" if isinstance(sniffed, Pdf) else office_format(stream, shown)
    if kind is None:
        raise _binary(shown, "a zip archive", "Unpack it and name the files in it.")
    size = stream.seek(0, os.SEEK_END)
    return convert(stream, kind, shown), kind, size


def _binary(shown: str, what: str, remedy: str) -> Refusal:
    return Refusal(f"{shown} is not text but {what}.", reason=Reason.BINARY, remedy=remedy)


def _decoded(head: bytes, mark: int, chunks: Iterator[bytes], decoder: Decoder, shown: str) -> Pieces:
    size = len(head)
    try:
        text = decoder.feed(head[mark:] if mark else head, final=False)
        for chunk in chunks:
            size += len(chunk)
            yield text
            text = decoder.feed(chunk, final=False)
        yield text + decoder.feed(b"", final=True)
    except UndecodableError as error:
        raise Refusal(
            f"{shown} is not valid {error.encoding}: byte {error.offset + mark:,} does not decode.",
            reason=Reason.UNDECODABLE,
            remedy="Convert it to UTF-8 first, for instance with iconv.",
        ) from error
    except BinaryError:
        raise _binary(shown, UNKNOWN.what, UNKNOWN.remedy) from None
    at = None if decoder.escaped_at is None else decoder.escaped_at + mark
    return Reading("text", decoder.encoding, size, decoder.escaped, at)
