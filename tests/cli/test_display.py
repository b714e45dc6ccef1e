"""Progress on a real terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess

from fleet_rlm.cli.show import MAX_ITEMS, MAX_TEXT, first_line, last_line, readable


def test_terminal(tmp_path, document, command):
    """On a terminal the same lines are shown, with a moving part that is gone at the end."""
    host, terminal = pty.openpty()
    arguments = [
        command,
        "run-long-context",
        "--docs-path",
        document,
        "--query",
        "x",
        "--model",
        "script:generic",
    ]
    process = subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=terminal,
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"},
    )
    os.close(terminal)
    shown = bytearray()
    while chunk := _read(host):
        shown += chunk
    assert process.wait(timeout=20) == 0
    assert process.stdout.read().startswith(b"run-long-context\n")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "the planner is writing code" in text
    assert re.search(r"\[1/30\] import collections  \(planner ", text)
    assert "\ndone: 4 iterations" in text.replace("\r", "\n")
    assert shown.rstrip().endswith(b"\x1b[2K")  # the moving line has been wiped
    os.close(host)


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how a pseudo terminal says that the other side is closed
        return b""


def test_long_values_say_what_is_missing(capsys):
    """A person sees the start of what is long, how much is missing, and how to get it."""
    result = {
        "answer": "x" * (MAX_TEXT + 5),
        "findings": ["y"] * (MAX_ITEMS + 2),
        "complete": True,
        "warnings": [],
    }
    readable("run-long-context", result)
    out = capsys.readouterr().out
    assert "… 5 more characters; --full-output shows everything" in out
    assert "… and 2 more; --full-output shows everything" in out
    assert out.count("- y") == MAX_ITEMS


def test_nested_values(capsys):
    """Objects in lists and lists in objects are indented."""
    result = {
        "found": {"A": {"count": 2, "examples": ["one", "two"]}, "B": 1},
        "complete": True,
        "warnings": ["w"],
    }
    readable("t", result)
    expected = (
        "t\n\nFound (2)\n  A:\n    count: 2\n    examples:\n      - one\n      - two\n  B: 1\n\nNote: w\n"
    )
    assert expected == capsys.readouterr().out


def test_first_and_last_line():
    """The first line of code and the last of a traceback that say something, cut to fit."""
    text = "\n  first\nmiddle\nlast\n\n"
    assert (first_line(text), last_line(text), first_line("\n")) == ("first", "last", "")
    assert first_line("a" * 9, width=5) == "aaaa…"
