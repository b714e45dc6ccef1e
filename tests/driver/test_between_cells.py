"""What happens to a worker while no cell runs."""

from __future__ import annotations

import os
import signal
import time

from fleet_rlm import TrustedInterpreter


def test_an_interrupt_between_cells_is_nothing():
    """One that comes when its cell has already ended takes no variable away and interrupts no later cell."""
    with TrustedInterpreter() as interpreter:
        worker = int(interpreter.execute("import os; kept = 7; print(os.getpid())"))
        for _ in range(5):
            os.kill(worker, signal.SIGINT)
            time.sleep(0.01)
        assert interpreter.execute("print(kept)") == "7"
