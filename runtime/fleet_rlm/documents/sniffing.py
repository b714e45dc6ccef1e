"""What some bytes are, judged by how they begin. Pure functions of a sample."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["HEAD_BYTES", "UNKNOWN", "Binary", "Package", "Pdf", "Sniffed", "Text", "sniff"]

HEAD_BYTES = 64 * 1024
"""How much of a document decides what it is."""

# The 32-bit marks come first: FF FE is how FF FE 00 00 begins.
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_COMPRESSED = "Decompress it and pass the result, for instance through a pipe to `--docs-path -`."
_OLD_OFFICE = "Save it as .docx, .xlsx or .pptx, or as text."
_ANY_BINARY = "Only text, PDF and Office (.docx, .xlsx, .pptx) documents can be read: extract its text first."
# Signatures that no text begins with, from the formats' own specifications.
_SIGNATURES = (
    (b"\x1f\x8b", "gzip-compressed", _COMPRESSED),
    (b"\xfd7zXZ\x00", "xz-compressed", _COMPRESSED),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed", _COMPRESSED),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _COMPRESSED),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file", _OLD_OFFICE),
    (b"\x89PNG", "a PNG image", _ANY_BINARY),
    (b"\xff\xd8\xff", "a JPEG image", _ANY_BINARY),
    (b"\x7fELF", "an ELF program", _ANY_BINARY),
)
# Signatures made of letters count only where the rest is binary as well.
_LETTERED = (
    (b"BZh", "bzip2-compressed", _COMPRESSED),
    (b"SQLite format 3\x00", "an SQLite database", "Export the tables you need as text."),
    (b"PAR1", "a Parquet file", "Export the columns you need as text."),
    (b"GIF8", "a GIF image", _ANY_BINARY),
)
_TEXT_CONTROLS = b"\x07\x08\t\n\x0b\x0c\r\x1b"
_CONTROLS = bytes(byte for byte in range(32) if byte not in _TEXT_CONTROLS)
_TOO_MANY_CONTROLS = 0.1
_WIDE_LATIN = 0.5  # share of high bytes that are zero: above it, unmarked UTF-16 is certain enough
_LEAST_WIDE = 8  # bytes: in fewer, a few zeros prove nothing
_PRINTABLE = 0.95


@dataclass(frozen=True, slots=True)
class Text:
    """Text: the codec to begin with, and how many bytes of byte order mark come before it."""

    encoding: str
    mark: int = 0


@dataclass(frozen=True, slots=True)
class Pdf:
    """A PDF file."""


@dataclass(frozen=True, slots=True)
class Package:
    """A zip file, which an Office document is too."""


@dataclass(frozen=True, slots=True)
class Binary:
    """Not text: what it seems to be, and what the reader can do about it."""

    what: str
    remedy: str


UNKNOWN = Binary("binary data", _ANY_BINARY)
"""Binary, and nothing more is known."""

Sniffed = Text | Pdf | Package | Binary


def sniff(head: bytes) -> Sniffed:
    """Judge a document by its first ``HEAD_BYTES`` bytes.

    Zero bytes decide between text and binary, as they do for git and grep, after the encodings whose
    text does contain them were considered. ``Text("utf-8")`` means "begin with UTF-8": decoding finds
    out whether that holds to the end.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return Text(encoding, len(mark))
    if head.startswith(b"%PDF-"):
        return Pdf()
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Package()
    for signature, what, remedy in _SIGNATURES:
        if head.startswith(signature):
            return Binary(what, remedy)
    encoding = _unmarked_utf16(head) or "utf-8"
    if encoding == "utf-8" and _is_binary(head):
        return _name_binary(head)
    return Text(encoding)


def _is_binary(head: bytes) -> bool:
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return b"\x00" in head or controls > _TOO_MANY_CONTROLS * len(head)


def _name_binary(head: bytes) -> Binary:
    for signature, what, remedy in _LETTERED:
        if head.startswith(signature):
            return Binary(what, remedy)
    return UNKNOWN


def _unmarked_utf16(head: bytes) -> str | None:
    """Name the UTF-16 byte order of a sample without a mark, or None.

    Mostly Latin text is recognised: half of its units have a zero high byte and none a zero low byte.
    Other scripts without a mark look like binary data and are refused rather than guessed.
    """
    if len(head) < _LEAST_WIDE:
        return None
    for encoding, low, high in (("utf-16-le", head[0::2], head[1::2]), ("utf-16-be", head[1::2], head[0::2])):
        if low.count(0) == 0 and high.count(0) > _WIDE_LATIN * len(low) and _reads_well(head, encoding):
            return encoding
    return None


def _reads_well(head: bytes, encoding: str) -> bool:
    # "ignore" drops the half character at the end of the sample, and whatever else is broken.
    text = head.decode(encoding, "ignore")
    good = sum(char.isprintable() or char.isspace() for char in text)
    return good >= _PRINTABLE * (len(head) // 2)
