"""Whatever generated code does, it costs at most its own session (promise P4)."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from hostile.cases import CASES, Case
from hostile.outcomes import run
from hostile.sessions import DOCUMENT, Sessions
from sandbox_kinds import each_kind


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@each_kind
def test_hostile(kind: Any, sessions: Sessions, case: Case) -> None:
    """Each cell ends in one of its defined ways, and leaves alone what it may not touch."""
    if case.needs == "confined" and not kind.confined:
        pytest.skip("harms the host where nothing confines it")
    if case.needs == "3.11" and sys.version_info < (3, 11):
        pytest.skip("needs Python 3.11")
    session = sessions.take()

    ended = run(session, case.code, {"doc": DOCUMENT}, interrupt_after=0.15 if case.spins else None)
    outcome = next((expected for expected in case.expected if expected.fits(ended)), None)
    assert outcome is not None, f"ended as {ended}"

    if outcome.keeps_session and not case.spoils:
        sessions.check(session, keeps_state=outcome.keeps_state)
    if outcome.keeps_session and not case.spoils and not case.lingers:
        sessions.give_back(session)
    else:
        session.shutdown()
    sessions.check_bystander()
