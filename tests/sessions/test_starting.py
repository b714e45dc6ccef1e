"""Loads that start a session, and what becomes of it if they fail."""

from __future__ import annotations


def test_a_load_that_fails_leaves_the_session_to_those_who_use_it(box):
    """Whoever has started it for a text that is not there stops it only while nobody else uses it."""
    starter = box.start("shared")
    box.sessions.find("shared").execute("x = 1")
    starter.stop(unless_used=True)
    assert [row["name"] for row in starter.variables()["variables"]] == ["x"]
    unused = box.start("unused")
    unused.stop(unless_used=True)
    assert [handle.name for handle in box.sessions.live()] == ["shared"]
