"""The command line in a process that ends with the one that started it, however that one ends.

Standard input is a pipe into which nobody writes: its end is the starter's, also after ``kill -9``. The
next line of progress would tell as much, but the one after that may be hours and many sub-calls away.
"""

from __future__ import annotations

import _thread
import os
import signal
import time
from typing import NoReturn

from fleet_rlm.cli.main import main
from fleet_rlm.isolated import GRACE_SECONDS

__all__ = ["run"]


def run() -> NoReturn:
    """Run the command line until it is done, or until standard input ends."""
    # One of the module threading would count there, and the command's way out asks whether any are left.
    _thread.start_new_thread(_watch, (_thread.get_ident(),))
    main()


def _watch(command: int) -> None:
    """Wait for the end of standard input; then end as ``kill`` does, so that the sandbox is ended as well.

    Args:
        command: the thread that takes signals.
    """
    while os.read(0, 1):
        pass
    signal.pthread_kill(command, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(os.getpid(), signal.SIGKILL)
