"""The way in and the only way out of ``fleet-rlm``.

This module needs nothing that Python has not loaded by itself. All else is imported where a Ctrl-C is caught:
loading it takes as long as it takes somebody to think better of it.
"""

from __future__ import annotations

import _signal
import atexit
import os
import sys

TYPE_CHECKING = False  # that of typing is a module to load
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, NoReturn

__all__ = ["Terminated", "main", "stopped"]

_BUG = 3
_PIPE_CLOSED = 141


class Terminated(BaseException):
    """The process was told to end by the signal ``number``."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    try:
        code = _run()
    except (KeyboardInterrupt, Terminated) as error:
        code = stopped(error, as_json="--json" in sys.argv)
    except Exception as error:  # noqa: BLE001 - what tells errors has failed, or could not be loaded
        code = _last_resort(error)
    _leave(code)


def stopped(error: BaseException, *, as_json: bool) -> int:
    """Tell that somebody ended the command; return the exit code."""
    message = "Interrupted."
    code: int = 128 + _signal.SIGINT
    if isinstance(error, Terminated):
        message, code = "Terminated.", error.exit_code
    stream = sys.stdout if as_json else sys.stderr
    if as_json:
        facts = f'"type": "Interrupted", "message": "{message}", "remedy": null, "exit_code": {code:d}'
        message = f'{{"error": {{{facts}}}}}'
    if stream is not None:  # the signal may have come before the streams were looked after
        stream.write(message + "\n")
        stream.flush()
    return code


def _run() -> int:
    from fleet_rlm_scaffold import streams  # noqa: PLC0415 - here a Ctrl-C is caught

    atexit.register(_signal.signal, _signal.SIGINT, _signal.SIG_IGN)  # the first is called last
    streams.guard()
    for number in (_signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(number, _terminate)
    from fleet_rlm.cli.invoking import invoke  # noqa: PLC0415 - as above

    return invoke(sys.argv[1:])


def _last_resort(error: Exception) -> int:
    if sys.stderr is not None:
        sys.stderr.write(f"Error: This is a bug in fleet-rlm: {type(error).__name__}: {error}\n")
    return _BUG


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)


def _leave(code: int) -> NoReturn:
    """End now: a thread that still waits for a model's answer must not hold up the end."""
    threading: Any = sys.modules.get("threading")
    if threading is None or threading.active_count() == 1:
        if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
            # All is said: for a Ctrl-C that comes while Python takes itself down there is nothing to show.
            _signal.signal(_signal.SIGINT, lambda *_: os._exit(128 + _signal.SIGINT))
        sys.exit(code)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or _PIPE_CLOSED
    os._exit(code)
