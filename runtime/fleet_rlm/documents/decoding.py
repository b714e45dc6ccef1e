"""Bytes to text, piece by piece, without ever losing a byte in silence."""

from __future__ import annotations

import codecs
import re
from typing import Protocol

__all__ = [
    "WINDOWS_1252",
    "BinaryError",
    "Decoder",
    "StrictDecoder",
    "UndecodableError",
    "Utf8Decoder",
    "legacy_or_damaged",
]

WINDOWS_1252 = "windows-1252"
"""The superset of Latin-1 that browsers mean by Latin-1 (WHATWG Encoding Standard, section 9)."""

_WINDOW = 64 * 1024
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))  # ESC: logs have colours
_ESCAPED = re.compile("[\udc80-\udcff]")


def _windows_1252_table() -> str:
    """Map all 256 bytes: Python's cp1252 leaves five undefined, the standard makes them C1 controls."""
    raw = bytes(range(256))
    return "".join(
        raw[code : code + 1].decode("cp1252", "ignore") or raw[code : code + 1].decode("latin-1")
        for code in raw
    )


_TABLE = _windows_1252_table()


class UndecodableError(ValueError):
    """The bytes at ``offset`` are not text in ``encoding``."""

    def __init__(self, encoding: str, offset: int) -> None:
        """Keep the codec's name and where, in bytes from the start of the document, it failed."""
        super().__init__(f"byte {offset} is not valid {encoding}")
        self.encoding = encoding
        self.offset = offset


class BinaryError(ValueError):
    """What could only be text in an encoding nobody has named holds control characters: it is no text."""


class Decoder(Protocol):
    """Turns one document's bytes into text."""

    encoding: str
    """Codec in use; it may change while bytes are fed."""
    escaped: int
    """Bytes so far that were no text and were written as ``\\xNN``."""
    escaped_at: int | None
    """Offset of the first of them, in bytes fed."""

    def feed(self, data: bytes, *, final: bool) -> str:
        """Decode the next bytes; ``final`` says that none follow.

        Raises:
            UndecodableError: the bytes are not in the encoding they have to be in.
            BinaryError: they are no text at all.
        """
        ...


class StrictDecoder:
    """Any codec of Python's, strictly."""

    def __init__(self, encoding: str) -> None:
        """Decode with ``encoding``, the name of a text codec."""
        self.encoding = encoding
        self.escaped = 0
        self.escaped_at: int | None = None
        self._codec = codecs.getincrementaldecoder(encoding)("strict")
        self._fed = 0

    def feed(self, data: bytes, *, final: bool) -> str:
        """Decode the next bytes, as ``Decoder.feed`` says."""
        waiting = len(self._codec.getstate()[0])
        try:
            text = self._codec.decode(data, final)
        except UnicodeDecodeError as error:
            raise UndecodableError(self.encoding, self._fed - waiting + error.start) from error
        except UnicodeError as error:  # a codec that does not say where, as utf-16 without its mark
            raise UndecodableError(self.encoding, self._fed - waiting) from error
        self._fed += len(data)
        return text


class Utf8Decoder:
    """UTF-8 as long as it holds; else legacy 8-bit text, or UTF-8 with damage that is shown.

    What was decoded before the first bad byte is right in either case: before legacy text it was ASCII.
    So nothing is ever read twice and a pipe needs no rewinding.
    """

    def __init__(self) -> None:
        """Begin in UTF-8, strictly."""
        self.encoding = "utf-8"
        self.escaped = 0
        self.escaped_at: int | None = None
        self._damaged = False
        self._ascii = True
        self._controls = False  # in the first ``_WINDOW`` bytes
        self._waiting = b""
        self._fed = 0

    def feed(self, data: bytes, *, final: bool) -> str:
        """Decode the next bytes; every byte has a meaning in one of the modes.

        Raises:
            BinaryError: the encoding would have to be guessed, over control characters.
        """
        start = self._fed - len(self._waiting)
        if self._fed < _WINDOW:
            self._controls = self._controls or _has_controls(data[: _WINDOW - self._fed])
        self._fed += len(data)
        data = self._waiting + data if self._waiting else data
        self._waiting = b""
        if self.encoding == WINDOWS_1252:
            return codecs.charmap_decode(data, "strict", _TABLE)[0]
        return self._with_damage(data, final) if self._damaged else self._strictly(data, start, final)

    def _strictly(self, data: bytes, start: int, final: bool) -> str:  # noqa: FBT001 - as the codecs take it
        try:
            text, used = codecs.utf_8_decode(data, "strict", final)
        except UnicodeDecodeError as error:
            bad = error.start
        else:
            self._waiting = data[used:]
            self._ascii = self._ascii and text.isascii()
            return text
        text, rest = data[:bad].decode("utf-8"), data[bad:]
        self._ascii = self._ascii and text.isascii()
        if len(rest) < _WINDOW and not final:
            self._waiting = rest  # too little to judge by: wait for more
            return text
        if legacy_or_damaged(rest[:_WINDOW], ascii_before=self._ascii) == WINDOWS_1252:
            if self._controls or _has_controls(rest[:_WINDOW]):
                raise BinaryError
            self.encoding = WINDOWS_1252
            return text + codecs.charmap_decode(rest, "strict", _TABLE)[0]
        self._damaged = True
        self.escaped_at = start + bad
        return text + self._with_damage(rest, final)

    def _with_damage(self, data: bytes, final: bool) -> str:  # noqa: FBT001 - as the codecs take it
        # Strict UTF-8 has no surrogates, so those that surrogateescape makes are exactly the bad bytes.
        text, used = codecs.utf_8_decode(data, "surrogateescape", final)
        self._waiting = data[used:]
        if text.isascii():
            return text
        text, count = _ESCAPED.subn(lambda match: f"\\x{ord(match[0]) - 0xDC00:02x}", text)
        self.escaped += count
        return text


def _has_controls(data: bytes) -> bool:
    return len(data) != len(data.translate(None, _CONTROLS))


def legacy_or_damaged(window: bytes, *, ascii_before: bool) -> str:
    """Decide what bytes are that are not valid UTF-8: ``windows-1252`` or (damaged) ``utf-8``.

    Args:
        window: the bytes from the first bad one on, 64 KiB of them where there are as many.
        ascii_before: everything before was ASCII, so UTF-8 has not shown itself yet.
    """
    if not ascii_before:
        return "utf-8"
    text, _ = codecs.utf_8_decode(window, "surrogateescape", False)  # noqa: FBT003 - not final
    bad = len(_ESCAPED.findall(text))
    good = sum(char > "\x7f" for char in text) - bad
    return "utf-8" if good > bad else WINDOWS_1252
