"""The tools of a session as its code finds them: those of now, none of before, and their exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dspy.primitives.code_interpreter import CodeExecutionError

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
