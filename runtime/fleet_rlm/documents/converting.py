"""PDF and Office files to Markdown through markitdown, which the extra ``docs`` brings.

markitdown's converters are called directly: its own front end loads a file-type model and asks every
converter in turn, while what a file is was already found out from its bytes.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import warnings
import zipfile
from typing import TYPE_CHECKING, BinaryIO

from fleet_rlm.documents.model import Reason, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EXTRA", "convert", "office_format"]

EXTRA = "pip install 'fleet-rlm-scaffold[docs]'"

_CONVERTERS = {
    "docx": "DocxConverter",
    "pdf": "PdfConverter",
    "pptx": "PptxConverter",
    "xlsx": "XlsxConverter",
}
_PARTS = {"word/document.xml": "docx", "xl/workbook.xml": "xlsx", "ppt/presentation.xml": "pptx"}
_MOST_UNPACKED = 1 << 30  # bytes; an honest Office document is far below, a decompression bomb far above
_TALKERS = ("pdfminer", "pdfplumber", "openpyxl", "mammoth", "markitdown")


def office_format(stream: BinaryIO, shown: str) -> str | None:
    """Return ``docx``, ``xlsx`` or ``pptx`` for an Office document, None for any other zip file.

    Raises:
        Refusal: the archive is damaged, or unpacks to more than 1 GiB.
    """
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            names = set(archive.namelist())
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _failed(shown, f"it is a damaged zip file ({error})") from error
    found = next((kind for part, kind in _PARTS.items() if part in names), None)
    if found and unpacked > _MOST_UNPACKED:
        raise _failed(shown, f"it unpacks to {unpacked / 1e9:.1f} GB")
    return found


def convert(stream: BinaryIO, kind: str, shown: str) -> str:
    """Return the Markdown of a ``pdf``, ``docx``, ``pptx`` or ``xlsx`` document.

    Raises:
        Refusal: the extra is not installed, the document is damaged or encrypted, or it holds no text.
    """
    stream.seek(0)
    with _quiet():
        try:
            markitdown = importlib.import_module("markitdown")
            converters = importlib.import_module("markitdown.converters")
        except ImportError as error:
            raise _extra_is_missing(shown, kind) from error
        try:
            info = markitdown.StreamInfo(extension=f".{kind}")
            text: str = getattr(converters, _CONVERTERS[kind])().convert(stream, info).markdown
        except MemoryError:
            raise
        except markitdown.MissingDependencyException as error:
            raise _extra_is_missing(shown, kind) from error
        except Exception as error:
            raise _failed(shown, f"{type(error).__name__} {error}".strip().splitlines()[0]) from error
    if not text.strip():
        raise _failed(shown, "it holds no text, perhaps only images of it")
    return text


def _extra_is_missing(shown: str, kind: str) -> Refusal:
    return Refusal(
        f"{shown} is a {kind.upper()} document, and what converts it is not installed.",
        reason=Reason.UNCONVERTIBLE,
        remedy=f"Install it with {EXTRA}.",
    )


def _failed(shown: str, why: str) -> Refusal:
    return Refusal(
        f"{shown} cannot be converted to text: {why}.",
        reason=Reason.UNCONVERTIBLE,
        remedy="Open it in its own program and export it as text or as an unprotected copy.",
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the converters' own remarks off the user's terminal; failures are exceptions all the same."""
    loggers = [logging.getLogger(name) for name in _TALKERS]
    levels = [logger.level for logger in loggers]
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
