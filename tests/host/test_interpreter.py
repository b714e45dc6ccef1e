"""An interpreter whose caller interrupts it, drops it, or asks for more than it can do."""

from __future__ import annotations

import gc
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from dspy.primitives.code_interpreter import CodeExecutionError, CodeInterpreterError

from fleet_rlm.interpreter import LocalSandboxInterpreter, TrustedInterpreter
from fleet_rlm.sandboxes.trusted import TrustedSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType

    from fleet_rlm.sandboxes.process import ProcessConnection


@pytest.fixture
def session() -> Iterator[TrustedInterpreter]:
    """A session that answers."""
    with TrustedInterpreter(grace=2.0) as session:
        yield session


class TooLateError(Exception):
    """What a caller's own signal handler raises."""


def test_an_exception_of_the_callers_signal_handler(session: TrustedInterpreter) -> None:
    """It ends the cell as Ctrl-C does, and no state is lost."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        raise TooLateError

    before = signal.signal(signal.SIGALRM, handler)
    try:
        session.execute("import time; kept = 41")
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(TooLateError):
            session.execute("time.sleep(30)")
    finally:
        signal.signal(signal.SIGALRM, before)
    for _ in range(3):
        assert session.execute("kept") == "41"


def test_output_while_code_runs(session: TrustedInterpreter) -> None:
    """It is refused, instead of taking what the execute waits for."""
    session.execute("print('x' * 100_000)")
    session.tools["ask"] = lambda: session.output(1)
    with pytest.raises(CodeExecutionError, match="already executing"):
        session.execute("ask()")
    running = threading.Thread(target=session.execute, args=("import time; time.sleep(1)",))
    running.start()
    time.sleep(0.3)
    with pytest.raises(CodeInterpreterError, match="already executing"):
        session.output(1)
    running.join()
    assert session.output(1) == "x" * 100_000 + "\n"


def test_inputs_that_are_called_like_dspys_own(session: TrustedInterpreter) -> None:
    """They are an input like any other: code that used them is not run again in a fresh process."""
    calls: list[int] = []
    session.tools["count"] = lambda: calls.append(1)
    assert session.execute("count(); 'a' + _raw_text", {"_raw_text": "b", "other": 1}) == "'ab'"
    with pytest.raises(CodeExecutionError):
        session.execute("import os; os._exit(1)")
    assert calls == [1]


@pytest.mark.parametrize("kind", ["variable", "tool"])
def test_a_name_that_python_would_change(session: TrustedInterpreter, kind: str) -> None:
    """Code could not find it, because Python normalises the names in code."""
    named = {"\N{ANGSTROM SIGN}": len}
    session.tools.update(named if kind == "tool" else {})
    with pytest.raises(CodeInterpreterError, match=f"cannot be a {kind} name"):
        session.execute("1", dict.fromkeys(named, 1) if kind == "variable" else {})


@pytest.mark.parametrize("kind", ["variables", "tools"])
def test_too_many_names(session: TrustedInterpreter, kind: str) -> None:
    """They are refused before anything is sent, and the session goes on."""
    many: dict[str, Any] = {f"{'n' * 100}{number}": len for number in range(12_000)}
    session.tools.update(many if kind == "tools" else {})
    with pytest.raises(CodeInterpreterError, match=f"too many {kind}"):
        session.execute("1", dict.fromkeys(many, 1) if kind == "variables" else {})
    session.tools.clear()
    assert session.execute("2") == "2"


def test_a_start_that_was_interrupted_before_the_sandbox_was_verified() -> None:
    """Nothing runs in a sandbox that was not."""
    verified: list[bool] = []

    class Watched(TrustedSandbox):
        def open(self) -> ProcessConnection:
            connection = super().open()
            if not verified:
                signal.raise_signal(signal.SIGINT)
            return connection

        def verify(self, ready: Any) -> None:
            verified.append(True)
            super().verify(ready)

    session = TrustedInterpreter()
    session.sandbox = Watched()
    with pytest.raises(KeyboardInterrupt):
        session.start()
    assert verified == []
    verified.append(False)
    with session:
        assert session.execute("1 + 1") == "2"
    assert verified == [False, True]


def test_shutdown_while_another_thread_starts() -> None:
    """Whichever is first, nothing is left running and neither fails in another way."""
    told: list[str] = []
    hook, threading.excepthook = threading.excepthook, lambda given: told.append(repr(given.exc_value))

    def start(session: TrustedInterpreter) -> None:
        try:
            session.start()
        except CodeInterpreterError as error:
            told.append(str(error))

    for number in range(100):
        session = TrustedInterpreter()
        thread = threading.Thread(target=start, args=(session,))
        thread.start()
        time.sleep(number / 5000)
        session.shutdown()
        thread.join()
        assert session._client is None
    threading.excepthook = hook
    assert {text.rstrip(".") for text in told} <= {
        "the session has ended",
        "this session has ended: it was shut down",
        "the sandbox has ended. Run `fleet-rlm doctor`",
    }


def test_one_that_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its threads and its folder go with it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = set(threading.enumerate())
    for _ in range(3):
        session = LocalSandboxInterpreter(tools={"f": lambda: 1})
        assert session.execute("f()") == "1"
        del session
    deadline = time.monotonic() + 10
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        gc.collect()  # once more: a tool thread may just be leaving
        time.sleep(0.05)
    assert left == set()
    assert list(tmp_path.glob("fleet-rlm-*/session-*")) == []
