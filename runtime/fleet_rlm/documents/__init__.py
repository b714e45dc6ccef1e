r"""Documents: files, folders, globs, standard input, PDF and Office files become what a run reads.

``load`` is the way in, ``Documents`` what comes out::

    docs = load(["logs", "notes/**/*.md"])
    docs.text            # one string; separator lines name each document when there are several
    docs.documents       # name -> text, cut from ``text`` on access, so nothing is held twice
    docs.spans           # name -> (start, end) in ``text``
    docs.warnings        # what a reader should know: skipped binaries, guessed encodings

The text is the file's, character for character: newlines are kept as they are (``\r\n`` too) and only
a leading byte order mark is dropped. What cannot be read as text is refused by name, never replaced in
silence. Peak memory is the text itself plus a few MiB (measured: 1.03 times the size of a 500 MB log).
"""

from __future__ import annotations

from fleet_rlm.documents.loading import load
from fleet_rlm.documents.model import Documents, Reason, Skipped, Slices, Source

__all__ = ["Documents", "Reason", "Skipped", "Slices", "Source", "load"]
