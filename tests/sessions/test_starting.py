"""Loads that start a session: several at once, and those that fail."""

from __future__ import annotations

import pytest


def together(box, *commands):
    """Run commands of ``session`` at the same time; return their exit codes and what they said."""
    begun = [box.popen(*command) for command in commands]
    ended = [process.communicate(timeout=120) for process in begun]
    box("list")
    return [process.returncode for process in begun], ended


@pytest.mark.parametrize("name", [["-s", "par"], []])
def test_several_loads_at_once(box, name):
    """One of them starts the session, the others find it; without a name it is the folder's only one."""
    (box.folder / "a.txt").write_text("a\n")
    codes, said = together(box, *[("load", "a.txt", "--as", f"text{n}", *name) for n in range(4)])
    assert codes == [0, 0, 0, 0], said
    assert sum("(started)" in out for out, _ in said) == 1
    assert [one["state"] for one in box("list", "--json").json["sessions"]] == ["idle"]
    assert [row["name"] for row in box("vars", "--json").json["variables"]] == [f"text{n}" for n in range(4)]


def test_a_load_that_fails_leaves_the_session_to_those_who_use_it(box):
    """Whoever has started it for a text that is not there stops it only while nobody else uses it."""
    starter = box.start("shared")
    box.sessions.find("shared").execute("x = 1")
    starter.stop(unless_used=True)
    assert [row["name"] for row in starter.variables()["variables"]] == ["x"]
    unused = box.start("unused")
    unused.stop(unless_used=True)
    assert [handle.name for handle in box.sessions.live()] == ["shared"]


def test_a_load_waits_for_the_session_that_is_being_started(box):
    """``load`` finds what ``start`` is about to make, rather than to be told that it runs already."""
    (box.folder / "a.txt").write_text("a\n")
    codes, said = together(box, ("start", "s"), ("load", "a.txt", "-s", "s"))
    assert codes in ([0, 0], [9, 0]), said  # the load may have come first
    assert box("vars", "-s", "s").out.startswith("document")
