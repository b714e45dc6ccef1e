"""The tools of a session as its code finds them: those of now, none of before, and their exceptions."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dspy.primitives.code_interpreter import CodeExecutionError

from fleet_rlm.errors import ModelError
from fleet_rlm.interpreter import TrustedInterpreter


@pytest.fixture
def session() -> Iterator[Any]:
    """A session of one's own: its tools change."""
    with TrustedInterpreter(tools={"ask": lambda: "asked"}, execute_timeout=20) as interpreter:
        assert interpreter.execute("ask()") == "'asked'"
        yield interpreter


def test_removed_tool_is_gone(session) -> None:
    """It is no name any more, in this cell or any later one."""
    del session.tools["ask"]
    for _ in range(2):
        assert session.execute("'ask' in globals()") == "False"
        with pytest.raises(CodeExecutionError, match="NameError: name 'ask' is not defined"):
            session.execute("ask()")


def test_name_of_a_removed_tool_is_free(session) -> None:
    """What code calls so stays, and is told of like any other variable if it is lost."""
    del session.tools["ask"]
    session.execute("ask = 5")
    assert session.execute("ask") == "5"
    with pytest.raises(CodeExecutionError, match=r"functions and variables \(ask\)"):
        session.execute("import os as _os; _os._exit(1)")


def test_helper_is_back_when_the_tool_in_its_place_is_removed(session) -> None:
    """A tool comes before the helper of its name, for as long as it is there."""
    session.tools["peek"] = lambda text: f"not {text}"
    assert session.execute("peek('abc')") == "'not abc'"
    del session.tools["peek"]
    assert session.execute("peek('abc')") == "'abc'"
    assert session.execute("peek('abc')") == "'abc'"


def test_tool_is_bound_anew_at_each_cell(session) -> None:
    """Whatever code puts in its place."""
    session.execute("ask = None")
    assert session.execute("ask()") == "'asked'"


def test_tool_comes_before_a_helper_after_the_worker_was_replaced(session) -> None:
    """A fresh worker has the tools of now, and the helpers below them."""
    session.tools["peek"] = lambda text: f"not {text}"
    session.execute("1")
    with pytest.raises(CodeExecutionError, match="ended"):
        session.execute("import os; os._exit(1)")
    assert session.execute("peek('abc'), ask()") == "('not abc', 'asked')"


class StatusError(Exception):
    """Says more than it was made from."""

    def __init__(self, code: int) -> None:
        super().__init__(code)

    def __str__(self) -> str:
        return f"the request failed with status {self.args[0]}: quota exceeded"


class WantedError(KeyError):
    """Has a keyword that its arguments do not show, and does not quote its message."""

    def __init__(self, *, page: int) -> None:
        super().__init__(page)

    def __str__(self) -> str:
        return f"page {self.args[0]}"


class MuteError(Exception):
    """Cannot be printed."""

    def __str__(self) -> str:
        raise RuntimeError("never")


class ArmlessError(ValueError):
    """Does not say what it was made from."""

    args = property(lambda self: 1 / 0)  # type: ignore[assignment]


class UnfinishedError(OSError):
    """Was not made by its base's constructor."""

    def __init__(self) -> None:
        """Nothing."""


def raising(error: Exception) -> Any:
    """A tool that raises it."""

    def fail() -> None:
        raise error

    return fail


def failing(act: Any) -> Any:
    """What ``act`` raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whichever it is
        act()
    return caught.value


EXCEPTIONS = {
    "message": (ValueError("bad"), ValueError),
    "no message": (ValueError(), ValueError),
    "key": (KeyError("no such page"), KeyError),
    "key of several parts": (KeyError(("a", 1)), KeyError),
    "object as key": (KeyError(object), KeyError),
    "file name": (FileNotFoundError(2, "No such file or directory", "/no/file"), FileNotFoundError),
    "path": (failing(Path("/no/file").stat), FileNotFoundError),
    "two files": (OSError(18, "Invalid cross-device link", "/a", None, "/b"), OSError),
    "encoding": (failing(b"\xff".decode), UnicodeDecodeError),
    "encoding of much": (failing((b"\xff" * (1 << 20)).decode), UnicodeDecodeError),
    "syntax": (SyntaxError("bad", ("f.py", 3, 4, "text")), SyntaxError),
    "own __str__": (StatusError(429), Exception),
    "own __str__ of a key": (WantedError(page=3), KeyError),
    "subclass": (failing(lambda: json.loads("{")), ValueError),
    "remedy": (ModelError("no model.", remedy="Set one."), Exception),
    "process": (subprocess.CalledProcessError(1, ["false"]), Exception),
    "lone surrogates": (ValueError("\ud800 x"), ValueError),
    "long integer": (ValueError(10**5000), ValueError),
    "no args": (ArmlessError("bad"), ValueError),
    "unfinished": (UnfinishedError(), OSError),
}


@pytest.mark.parametrize(("error", "base"), EXCEPTIONS.values(), ids=EXCEPTIONS)
def test_exception_of_a_tool_is_raised_with_its_type_and_message(session, error, base) -> None:
    """Its class has the same name and is caught as what it is; its text is the same."""
    session.tools["fail"] = raising(error)
    code = (
        f"try:\n    fail()\nexcept {base.__name__} as error:\n    caught = error\n"
        "SUBMIT([type(caught).__name__, str(caught).encode('utf-8', 'backslashreplace')])"
    )
    try:
        said = str(error)
    except ValueError:  # the integer, where Python has a limit
        said = "(the exception could not be printed)"
    told = session.execute(code).output["output"]
    assert told == [type(error).__name__, said.encode("utf-8", "backslashreplace").decode()]


def test_exception_of_a_tool_keeps_what_it_was_made_from(session) -> None:
    """So code can look at it."""
    session.tools["fail"] = raising(FileNotFoundError(2, "No such file or directory", "/no/file"))
    caught = "try: fail()\nexcept Exception as error: print({})"
    assert session.execute(caught.format("error.filename, error.errno")) == "/no/file 2"
    session.tools["fail"] = raising(StatusError(429))
    assert session.execute(caught.format("error.args")) == "(429,)"
    session.tools["fail"] = raising(KeyError(("a", 1)))
    assert session.execute(caught.format("repr(error)")) == "KeyError(('a', 1))"


def test_exception_that_cannot_be_printed_is_raised(session) -> None:
    """By its name, and saying so."""
    session.tools["fail"] = raising(MuteError("bad"))
    with pytest.raises(CodeExecutionError, match=r"MuteError: \(the exception could not be printed\)"):
        session.execute("fail()")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="has no groups")
def test_exception_group_is_raised_by_its_name(session) -> None:
    """Its members stay on the host, so it is no group for ``except*``."""
    session.tools["fail"] = raising(ExceptionGroup("several", [ValueError(1)]))  # noqa: F821
    with pytest.raises(CodeExecutionError, match=r"\nExceptionGroup: several \(1 sub-exception\)"):
        session.execute("fail()")
