"""Python's own streams are whole at the start of each cell, whatever the cell before did to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fleet_rlm.interpreter import TrustedInterpreter
from sandbox_kinds import each_local_kind

WRAPPED = "sys.{0} = io.TextIOWrapper(sys.{0}.buffer, encoding='utf-8')"
DETACHED = "sys.{0} = io.TextIOWrapper(sys.{0}.detach(), encoding='utf-8')"
TREATMENTS = {
    "wrapped": WRAPPED,
    "detached": DETACHED,
    "detached past our own": "io.TextIOWrapper.detach(sys.{0})",
    "detached down to the file": "sys.{0}.buffer.detach()",
    "closed": "sys.{0}.close()",
    "closed below": "sys.{0}.buffer.close()",
    "closed at the file": "sys.{0}.buffer.raw.close()",
    "wrapped and dropped": "io.TextIOWrapper(sys.{0}.buffer)",
    "gone": "del sys.{0}",
    "strict": "sys.{0}.reconfigure(encoding='ascii', errors='strict')",
}
EACH_TREATMENT = pytest.mark.parametrize("treatment", TREATMENTS.values(), ids=TREATMENTS)


@pytest.fixture
def session() -> Iterator[Any]:
    """A session of one's own: its streams are ill-treated."""
    with TrustedInterpreter(execute_timeout=20) as interpreter:
        interpreter.execute("import io, sys\nkept = 7")
        yield interpreter


@EACH_TREATMENT
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_next_cells_print(session, name, treatment) -> None:
    """To both streams, in order, any character; and nothing that was there is lost."""
    session.execute(treatment.format(name) + "\nNone")
    for _ in range(2):
        code = "print('é\\ud800')\nprint('two', file=sys.stderr)\nprint('three')\nkept"
        assert session.execute(code).splitlines() == ["é\\ud800", "two", "three", "7"]


@EACH_TREATMENT
def test_next_cells_read_an_empty_stdin(session, treatment) -> None:
    """What was done to stdin neither ends the process nor stays."""
    session.execute(treatment.format("stdin") + "\nNone")
    for _ in range(2):
        assert session.execute("sys.stdin.read(), kept") == "('', 7)"


@pytest.mark.parametrize("way", [WRAPPED, DETACHED], ids=["wrapped", "detached"])
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_replaced_stream_prints_in_its_own_cell(session, way, name) -> None:
    """A usual way to have a stream write UTF-8, as often as it is done; it leaves the other stream alone."""
    code = (
        f"{way.format(name)}\nprint('one', file=sys.{name}, flush=True)\n"
        "print('two', flush=True)\nsys.stderr.write('three\\n')\nNone"
    )
    for _ in range(3):
        assert session.execute(code).splitlines() == ["one", "two", "three"]


def test_wrapper_that_is_dropped_closes_nothing(session) -> None:
    """The stream that it wrapped goes on in the same cell."""
    code = "out = io.TextIOWrapper(sys.stdout.buffer)\nout.write('one\\n')\ndel out\nprint('two')"
    assert session.execute(code) == "one\ntwo"


def test_handler_of_an_earlier_cell_writes_on(session) -> None:
    """A stream that was handed out is still the cell's when another one has been replaced."""
    session.execute("import logging\nlogging.basicConfig(stream=sys.stderr, format='%(message)s')")
    session.execute("sys.stdin.detach()\nNone")
    assert session.execute("logging.warning('logged')\nprint('printed')") == "logged\nprinted"


def test_original_streams_are_shown(session) -> None:
    """What a library writes to the streams as they were at the start comes in order, and never later."""
    code = (
        "print('one', file=sys.__stdout__)\nprint('two')\nprint('three', file=sys.__stderr__)\n"
        "sys.__stdout__.write('four')\nNone"
    )
    for _ in range(2):
        assert session.execute(code).splitlines() == ["one", "two", "three", "four"]


def test_what_a_leftover_thread_writes_to_the_original_streams_is_kept_apart(session) -> None:
    """They are the cell's, too."""
    session.execute(
        "import threading, time\nover, may_go = [], threading.Event()\n"
        "def late():\n    may_go.wait(); print('stale', file=sys.__stdout__); over.append(1)\n"
        "threading.Thread(target=late).start()"
    )
    code = "may_go.set()\nwhile not over: time.sleep(0.01)\nprint('a later cell')"
    assert session.execute(code) == "a later cell"


@each_local_kind
def test_output_of_c_code_is_shown(kind) -> None:
    """In its own cell and in its place, also without the end of a line."""
    with kind() as session:
        session.execute("import ctypes\nc = ctypes.CDLL(None)")
        code = "print('one')\nc.puts(b'two')\nprint('three')\nc.printf(b'four')\nNone"
        for _ in range(2):
            assert session.execute(code).splitlines() == ["one", "two", "three", "four"]
