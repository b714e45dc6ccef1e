"""What is wrong with inputs is never told as a mistake in the code, nor the other way round."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from dspy.primitives.code_interpreter import CodeExecutionError, CodeInterpreterError

from sandbox_kinds import each_local_kind


@dataclass(frozen=True)
class Corner:
    """A key here, and a dict in a sandbox."""

    x: int


@each_local_kind
def test_inputs_that_could_not_be_made_again_are_refused(kind) -> None:
    """By name, before anything runs."""
    deep: list[object] = []
    for _ in range(400):
        deep = [deep]
    with kind() as session:
        for value, told in (({Corner(1): 1}, "Corner"), ({Corner(1)}, "Corner"), (deep, "nested deeper")):
            with pytest.raises(CodeInterpreterError, match=f"value.*{told}"):
                session.execute("1", {"value": value})
        assert session.execute("value", {"value": [[1]]}) == "[[1]]"


@each_local_kind
def test_inputs_that_cannot_be_made_are_no_syntax_error(kind) -> None:
    """The code did that, in an earlier step; it is told so, and what it did can be undone."""
    deep: list[object] = []
    for _ in range(100):
        deep = [deep]
    with kind() as session:
        session.execute("import sys; limit = sys.getrecursionlimit(); sys.setrecursionlimit(80)")
        with pytest.raises(CodeExecutionError, match="inputs cannot be made again"):
            session.execute("1", {"value": deep})
        session.execute("sys.setrecursionlimit(limit)")
        assert session.execute("len(value)", {"value": deep}) == "1"


@each_local_kind
def test_code_too_complex_for_the_compiler_says_nothing_of_inputs(kind) -> None:
    """There are none."""
    with kind() as session:
        with pytest.raises(SyntaxError) as caught:
            session.execute("-" * 100_000 + "1")
        assert "inputs" not in str(caught.value)
        assert session.execute("1 + 1") == "2"
