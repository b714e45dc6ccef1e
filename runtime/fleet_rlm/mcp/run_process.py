"""The process of a run: our own command, which ends when its server is gone, however that went.

Standard input is a pipe into which nobody writes: its end is that of the server, also after ``kill -9``. The
next line of progress would tell as much, but the one after that may be hours and many sub-calls away.
"""

from __future__ import annotations

import _thread
import os
import signal
import time
from typing import NoReturn

from fleet_rlm.cli.main import main

__all__ = ["GRACE_SECONDS", "run"]

GRACE_SECONDS = 5.0
"""For a run to end its sandbox after it was told to; then its group is killed."""


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
