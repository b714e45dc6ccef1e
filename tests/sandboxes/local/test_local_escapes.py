"""Attempts to escape, under each confinement and without one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from local_escapes import ESCAPES, EXPECTED, NEEDS_ROOT


@pytest.fixture(autouse=True)
def restored(facts):
    """What earlier attempts took or left is as it was."""
    folder = Path(facts["folder"])
    for name in ("file", "truncated", "deleted", "taken"):
        (folder / name).write_text("outside")
    (folder / "new").unlink(missing_ok=True)
    if (folder / "made").exists():
        (folder / "made").rmdir()


@pytest.mark.parametrize("name", ESCAPES)
def test_an_escape_works_where_there_is_no_wall(name, unconfined):
    """Without a confinement each attempt succeeds; otherwise its failure elsewhere would prove nothing."""
    if name in NEEDS_ROOT and os.geteuid() != 0:
        pytest.skip("only root can do this in the first place")
    assert unconfined.run(f"print(outcome({name!r}, facts))") == "escaped"


@pytest.mark.parametrize("name", ESCAPES)
def test_an_escape_ends_at_the_wall(name, confinement, confined):
    """Under each confinement every attempt ends with the error that its wall gives."""
    found = confined[confinement].run(f"print(outcome({name!r}, facts))")
    if name in NEEDS_ROOT and os.geteuid() != 0:
        assert found not in {"escaped", "nothing"}  # the user's own lack of rights may have answered first
    else:
        assert found == EXPECTED[name][confinement]
