"""The values that loading produces, and the errors and names that go with them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from fleet_rlm.errors import DocumentError

__all__ = ["Documents", "Reason", "Refusal", "Skipped", "Slices", "Source", "counted", "display", "separator"]

_UNSAFE_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Reason(Enum):
    """Why something below a folder, or matched by a pattern, was not read."""

    IGNORED = "ignored"
    """A ``.gitignore`` rule, or a folder of derived files."""
    INSTALLED = "installed packages"
    """A folder into which a tool has installed packages: other people's files."""
    HIDDEN = "hidden"
    """Its name starts with a dot; such files often hold secrets."""
    LINK = "symbolic link"
    SPECIAL = "not a regular file"
    BINARY = "binary"
    UNREADABLE = "unreadable"
    UNDECODABLE = "undecodable"
    UNCONVERTIBLE = "not convertible"


class Refusal(DocumentError):  # noqa: N818 - a refusal is what it is; its base has the suffix
    """A document that is not read, with the reason as data."""

    def __init__(self, message: str, *, reason: Reason, remedy: str) -> None:
        """Keep ``reason`` beside the sentence and its remedy."""
        super().__init__(message, remedy=remedy)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was found and not read; a folder's name ends with a slash."""

    name: str
    reason: Reason
    detail: str = ""
    """A sentence that says more, if there is more to say."""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One document that was read."""

    name: str
    """Path relative to what all sources have in common, with forward slashes; unique."""
    path: str | None
    """Absolute path; None for standard input."""
    size: int
    """Bytes read."""
    start: int
    """Where its text begins in ``Documents.text``, in characters."""
    chars: int
    """Length of its text in characters."""
    format: str
    """``text``, ``pdf``, ``docx``, ``pptx`` or ``xlsx``; all but ``text`` were converted to Markdown."""
    encoding: str | None
    """Codec the bytes were read with; None when converted."""
    escaped: int = 0
    """Bytes that are no valid UTF-8 and stand in the text as ``\\xNN``."""

    @property
    def end(self) -> int:
        """Where its text ends in ``Documents.text``, in characters."""
        return self.start + self.chars


class Slices(Mapping[str, str]):
    """Name to text, each cut out of one shared string when it is asked for.

    A mapping of ready strings would hold every character twice; this one holds offsets only.
    """

    __slots__ = ("_spans", "_text")

    def __init__(self, text: str, spans: Mapping[str, tuple[int, int]]) -> None:
        self._text = text
        self._spans = spans

    def __getitem__(self, name: str) -> str:
        """Return the text of the document called ``name``."""
        start, end = self._spans[name]
        return self._text[start:end]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, in the order in which the documents were read."""
        return iter(self._spans)

    def __len__(self) -> int:
        """Count the documents."""
        return len(self._spans)

    def __repr__(self) -> str:
        """Show the names only: the texts may be hundreds of megabytes."""
        return f"Slices({', '.join(self._spans)})"


@dataclass(frozen=True, slots=True)
class Documents:
    """Everything that was read, as one text and as its parts."""

    text: str = field(repr=False)
    """For one document exactly its text; for several, their texts under ``separator`` lines."""
    sources: tuple[Source, ...]
    skipped: tuple[Skipped, ...] = ()
    warnings: tuple[str, ...] = ()
    """Sentences for the user, each complete in itself."""
    lines: int = 0
    """Lines of ``text``: newline characters, plus one for a last line without any."""

    @property
    def chars(self) -> int:
        """Length of ``text`` in characters."""
        return len(self.text)

    @property
    def size(self) -> int:
        """Bytes read, over all documents."""
        return sum(source.size for source in self.sources)

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """Name to (start, end) in ``text``: enough to build ``documents`` elsewhere without sending it."""
        return {source.name: (source.start, source.end) for source in self.sources}

    @property
    def documents(self) -> Slices:
        """Name to text, cut from ``text`` on access."""
        return Slices(self.text, self.spans)

    def describe(self) -> str:
        """Say in one line what was read and what was left out."""
        count = len(self.sources)
        read = (
            f"{count:,} document{'s' * (count != 1)}, {self.size / 1e6:,.1f} MB, "
            f"{self.chars:,} characters, {self.lines:,} lines"
        )
        return f"{read}; left out: {self.left_out}" if self.left_out else read

    @property
    def left_out(self) -> str:
        """How many were left out for which reason, in words; "" if none was."""
        return counted(self.skipped)


def counted(skipped: Iterable[Skipped]) -> str:
    """Say how many were left out for which reason, such as ``2 hidden, 1 ignored``."""
    numbers = Counter(entry.reason for entry in skipped)
    return ", ".join(f"{numbers[reason]:,} {reason.value}" for reason in Reason if numbers[reason])


def separator(name: str) -> str:
    """Return the line that stands above the document called ``name`` when there are several."""
    return f"===== document: {name} =====\n"


def display(path: str) -> str:
    """Return ``path`` as one printable line: undecodable bytes and control characters are escaped."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _UNSAFE_IN_A_LINE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
