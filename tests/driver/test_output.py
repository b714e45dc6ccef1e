"""What a cell prints: all of it counted, the ends of it shown, the rest at hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dspy.primitives.code_interpreter import CodeExecutionError

from fleet_rlm.driver.spool import Archive, Spool
from fleet_rlm.interpreter import TrustedInterpreter


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    """One session for all: no test here harms it."""
    with TrustedInterpreter(max_output_chars=200) as interpreter:
        yield interpreter


def test_output_that_fits_is_whole(session) -> None:
    """Up to the limit, what was printed is what is shown."""
    assert session.execute("print('x' * 199)") == "x" * 199


def test_long_output_is_cut_in_the_middle(session) -> None:
    """A head, a tail, and between them how much is missing of how much, and how to get it."""
    told = session.execute("print('a' * 1000 + 'b' * 1000)")
    step = session._steps
    assert told.splitlines() == [
        "a" * 100,
        f"[... 1,801 of 2,001 characters cut here; get_output({step}) returns all ...]",
        "b" * 99,
    ]
    assert session.output(step) == "a" * 1000 + "b" * 1000 + "\n"
    assert session.execute(f"len(get_output({step})), get_output({step})[998:1002]") == "(2001, 'aabb')"


def test_output_of_characters_that_are_many_bytes_is_counted_in_characters(session) -> None:
    """Cutting never splits a character, and the total is the number of them."""
    told = session.execute("print('€' * 5000, end='')")
    assert told.startswith("€" * 100 + "\n[... 4,800 of 5,000 characters cut here")
    assert told.endswith("\n" + "€" * 100)


def test_output_that_was_shown_whole_is_not_kept(session) -> None:
    """Asking for it is an error that says why."""
    session.execute("print('short')")
    assert session.output(session._steps) is None
    with pytest.raises(CodeExecutionError, match="it was shown whole, or has been dropped"):
        session.execute(f"get_output({session._steps})")


def test_streams_and_child_processes_share_one_order(session) -> None:
    """stdout, stderr, raw descriptors and child processes, in the order of writing."""
    code = (
        "import os, subprocess, sys\n"
        "print('one')\nprint('two', file=sys.stderr)\nos.write(1, b'three\\n')\n"
        "subprocess.run(['echo', 'four'])\nprint('five', end='')\nsys.stderr.write('six\\n')\nos.write(2, b'seven\\n')\n'eight'"
    )
    assert session.execute(code).splitlines() == [
        "one",
        "two",
        "three",
        "four",
        "fivesix",
        "seven",
        "'eight'",
    ]


def test_output_before_an_error_is_kept_and_cut_alike(session) -> None:
    """An error comes after what was printed, which is cut as ever."""
    with pytest.raises(CodeExecutionError) as caught:
        session.execute("print('z' * 5000)\n1 / 0")
    told = str(caught.value)
    assert told.startswith("z" * 100 + "\n[... 4,801 of 5,001 characters cut here")
    assert told.endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("'text'", "'text'"),
        ("None", None),
        ("x = 5", None),
        ("5;", "5"),
        ("print(1); 2", "1\n2"),
        ("if True: 7", None),
        ("[n for n in range(3)]", "[0, 1, 2]"),
        ("print('no newline', end='')", "no newline"),
        ("'é\\ud800'", "'é\\ud800'"),
        ("_ = 3\n4\n_", "3"),
    ],
)
def test_last_expression_is_shown_as_in_a_repl(session, code, shown) -> None:
    """Its repr, unless it is None; and ``_`` stays the code's own name."""
    assert session.execute(code) == shown


def test_traceback_shows_the_users_frames_only(session) -> None:
    """Line numbers and source of the code's own frames, of this and of earlier steps; libraries in between."""
    session.execute("def earlier(value):\n    import json\n    return json.loads(value)")
    with pytest.raises(CodeExecutionError) as caught:
        session.execute("text = '{'\n\nearlier(text)")
    told = str(caught.value)
    assert f"Step {session._steps}, line 3, in <module>\n    earlier(text)" in told
    assert f"Step {session._steps - 1}, line 3, in earlier\n    return json.loads(value)" in told
    assert "json.decoder.JSONDecodeError" in told
    assert "fleet_rlm" not in told


def test_syntax_error_shows_the_line(session) -> None:
    """Where Python stopped reading, with the line itself."""
    with pytest.raises(SyntaxError, match=r"line 2\n    if x\n"):
        session.execute("x = 1\nif x\n    pass")


def test_notice_says_what_was_not_kept() -> None:
    """More than is kept of one cell: its two ends are at hand, and nobody is told that all of it is."""
    with TrustedInterpreter(max_output_chars=200) as session:
        told = session.execute("for _ in range(7): print('x' * 9_999_999)\nprint('end')").splitlines()
        assert told[1] == (
            "[... 69,999,804 of 70,000,004 characters cut here; "
            "get_output(1) returns all but 2,891,140, which were not kept ...]"
        )
        whole = session.output(1)
        assert whole.count("x") + whole.count("\n") - 2 == (64 << 20) - len("end")
        assert "\n[... 2,891,140 characters were not kept ...]\n" in whole
        assert whole.endswith("x\nend\n")


@pytest.mark.parametrize("shown", [0, 1, 2, 3])
def test_shortest_output_says_that_it_is_cut(shown) -> None:
    """However little is to be shown, what is missing is counted and can be had."""
    with TrustedInterpreter(max_output_chars=shown) as session:
        told = session.execute("print('0123456789', end='')")
        half = shown // 2
        lines = [
            "0"[:half],
            f"[... {10 - 2 * half} of 10 characters cut here; get_output(1) returns all ...]",
            "9"[:half],
        ]
        assert told.strip("\n") == "\n".join(lines).strip("\n")
        assert session.output(1) == "0123456789"


def test_spool_that_is_shown_whole_shows_both_ends() -> None:
    """A limit beyond what is kept does not hide that something is missing."""
    spool = Spool(kept_bytes=10)
    spool.add(b"0" * 10 + b"1" * 5 + b"2" * 10)
    assert spool.excerpt(100) == ("0000000000\n[... 5 characters were not kept ...]\n2222222222", "")


def test_spool_keeps_both_ends() -> None:
    """Beyond what is kept, the middle is dropped and its length told."""
    spool = Spool(kept_bytes=10)
    for digit in range(10):
        spool.add(str(digit).encode() * 10)
    assert spool.total == 100
    assert spool.excerpt(8) == ("0000", "9999")
    assert spool.text() == "0000000000\n[... 80 characters were not kept ...]\n9999999999"


def test_archive_drops_the_oldest() -> None:
    """Beyond its limit, the outputs of the earliest steps go first; the last one stays."""
    archive = Archive(limit=25)
    for step in range(1, 4):
        spool = Spool()
        spool.add(b"x" * 10)
        archive.keep(step, spool)
    assert [archive.text(step) is not None for step in range(1, 4)] == [False, True, True]
