"""Ctrl-C at every moment at which Python could raise it, one after the other."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dspy.primitives.code_interpreter import CodeExecutionError

from fleet_rlm.interpreter import LocalSandboxInterpreter, TrustedInterpreter

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")

MOMENTS = frozenset({"call", "return", "c_return", "c_exception"})  # signals are looked at after these
DOCUMENT = "q" * 200_000


def interrupted_at(moment: int, action: Callable[[], Any]) -> bool:
    """Do this and be interrupted at its ``moment``-th moment; False if it has no such moment.

    The last few are those of taking the hook away again, and raise in there.
    """
    seen = 0

    def watch(_frame: FrameType, event: str, _about: Any) -> None:
        nonlocal seen
        if event in MOMENTS:
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGINT)

    sys.setprofile(watch)
    try:
        action()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    assert seen < moment, f"the interrupt at moment {moment} of {seen} did not raise"
    return False


@pytest.fixture
def session() -> Any:
    """A session with a variable and a tool."""
    with TrustedInterpreter(tools={"echo": lambda value: value}, grace=5.0) as session:
        session.execute("kept = 41")
        yield session


CELLS: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing to tell": ("x = 1", {}),
    "output": ("print(1)", {}),
    "a tool call": ("echo(1)", {}),
    "documents": ("len(doc) + len(docs[0])", {"doc": DOCUMENT, "docs": [DOCUMENT[1:], 1]}),
    "an error": ("1 / 0", {}),
}


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_an_execute(session: TrustedInterpreter, cell: tuple[str, dict[str, Any]]) -> None:
    """It raises, and the session goes on with every variable and every document."""
    moment = 0

    def execute() -> None:
        try:
            session.execute(*cell)
        except CodeExecutionError:
            assert "1 / 0" in cell[0]

    while moment == 0 or interrupted_at(moment, execute):
        moment += 1
        if moment % 2:  # so that each of them is sent anew sometimes
            session.execute("pass", {"doc": "", "docs": ""})
        assert session.execute("kept, len(doc)", {"doc": DOCUMENT}) == "(41, 200000)"
    assert moment > 100


@pytest.mark.parametrize(
    ("kind", "every"), [(TrustedInterpreter, 3), (LocalSandboxInterpreter, 300)], ids=["trusted", "local"]
)
def test_a_start(kind: type[TrustedInterpreter | LocalSandboxInterpreter], every: int) -> None:
    """It leaves nothing behind, and the next one starts anew and is verified."""
    with kind():
        pass
    before = len(list(Path("/dev/fd").iterdir()))
    moment, goes_on = 1, True
    while goes_on:
        session = kind()
        goes_on = interrupted_at(moment, session.start)
        assert session.execute("1 + 1") == "2"
        session.shutdown()
        moment += every
    gc.collect()
    assert len(list(Path("/dev/fd").iterdir())) <= before
