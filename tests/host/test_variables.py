"""Which values a driver is believed to have: exactly those that it was sent."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_rlm.host.variables import VariableTable
from fleet_rlm.interpreter import TrustedInterpreter
from fleet_rlm.values import CrossingError

DOCUMENT = "x" * 200_000


class Raising:
    """A value whose own code raises."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __fspath__(self) -> str:
        raise self._error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError("gone"), CrossingError),
        (MemoryError(), MemoryError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=repr,
)
@pytest.mark.parametrize("inside", [False, True])
def test_binding_that_fails_changes_nothing(error, expected, inside) -> None:
    """What was packed before the failure was not sent, so it is sent with the next binding."""
    table = VariableTable()
    refused: dict[str, Any] = {"config": [DOCUMENT, Raising(error)]} if inside else {"config": Raising(error)}
    with pytest.raises(expected):
        table.bind({"document": DOCUMENT, **refused})
    sent = table.bind({"document": DOCUMENT}).send
    assert [outgoing.content.size for outgoing in sent] == [len(DOCUMENT)]


def test_session_goes_on_with_the_same_document() -> None:
    """The error names the variable, and the document arrives at the next step."""
    with TrustedInterpreter() as session:
        with pytest.raises(Exception, match=r"config.*Raising raised OSError: gone"):
            session.execute("len(document)", {"document": DOCUMENT, "config": Raising(OSError("gone"))})
        assert session.execute("len(document)", {"document": DOCUMENT}) == "200000"
