"""What happens to a worker while no cell runs."""

from __future__ import annotations

import os
import signal
import time

import pytest
from dspy.primitives.code_interpreter import CodeExecutionError

from fleet_rlm import TrustedInterpreter


def test_an_interrupt_between_cells_is_nothing():
    """One that comes when its cell has already ended takes no variable away and interrupts no later cell."""
    with TrustedInterpreter() as interpreter:
        worker = int(interpreter.execute("import os; kept = 7; print(os.getpid())"))
        for _ in range(5):
            os.kill(worker, signal.SIGINT)
            time.sleep(0.01)
        assert interpreter.execute("print(kept)") == "7"


def test_a_failed_cell_keeps_nothing():
    """What only the frames of its traceback held is freed when it has been told, not when memory runs short."""
    code = """
import gc
gc.disable()
class Large:
    def __del__(self): freed.append(self)
freed = []
def fail():
    held = Large()
    raise ValueError
fail()
"""
    with TrustedInterpreter() as interpreter:
        with pytest.raises(CodeExecutionError, match="ValueError"):
            interpreter.execute(code)
        assert interpreter.execute("len(freed)") == "1"


@pytest.mark.parametrize("clock", ["ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF"])
@pytest.mark.parametrize("handling", ["", "signal.signal(signal.{}, late)\n"], ids=["unhandled", "handled"])
def test_a_timer_ends_with_its_cell(clock, handling):
    """Whatever clock it goes by, it neither ends the worker in a later cell nor interrupts that one."""
    name = {"ITIMER_REAL": "SIGALRM", "ITIMER_VIRTUAL": "SIGVTALRM", "ITIMER_PROF": "SIGPROF"}[clock]
    with TrustedInterpreter() as interpreter:
        interpreter.execute(
            f"import signal, time\nkept = 7\ndef late(*_): raise TimeoutError\n{handling.format(name)}"
            f"signal.setitimer(signal.{clock}, 0.05, 0.05)"
        )
        busy = "until = time.process_time() + 0.2\nwhile time.process_time() < until: pass\nkept"
        assert interpreter.execute(busy) == "7"
