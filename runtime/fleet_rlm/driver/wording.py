"""What a supervisor takes from a worker's frame, and the words in which it tells what happened."""

from __future__ import annotations

import os

from fleet_rlm.protocol import FrameError

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Optional

__all__ = ["cause", "notice", "text", "whole"]

_NAME_CHARACTERS = 200


def whole(value: Any) -> int:
    """Return a number from a worker's frame.

    Raises:
        FrameError: it is not a whole one that a header has room for.
    """
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise FrameError("a number is needed")
    return value


def text(value: Any) -> str:
    """Return a name from a worker's frame, cut.

    Raises:
        FrameError: it is not text.
    """
    if type(value) is not str:
        raise FrameError("text is needed")
    return value[:_NAME_CHARACTERS]


def notice(step: int, cut: int, total: int, missing: int) -> str:
    """What stands where output was cut, so that the reader knows how much and how to get it.

    Args:
        step: that printed it.
        cut: how many characters are not shown.
        total: how many were printed.
        missing: how many were not even kept.
    """
    kept = f"all but {missing:,}, which were not kept" if missing else "all"
    return f"[... {cut:,} of {total:,} characters cut here; get_output({step}) returns {kept} ...]"


def cause(status: Optional[int]) -> str:
    """What ended a worker, from its wait status; None if the supervisor ended it for what it sent."""
    if status is None:
        return "its code forged frames, or took its descriptors away"
    if os.WIFSIGNALED(status):
        from signal import SIGRTMIN, Signals

        number = os.WTERMSIG(status)
        return f"signal {number if number >= SIGRTMIN else Signals(number).name}"
    return f"exit {os.WEXITSTATUS(status)}"
