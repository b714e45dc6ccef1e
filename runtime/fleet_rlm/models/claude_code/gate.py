"""How many ``claude`` processes this process runs at once, whatever asks for them."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["GATE", "MEGABYTES_EACH", "MOST", "Gate", "default_limit"]

MEGABYTES_EACH = 400
"""Resident memory of one client, in MB, rounded up: 192 measured with 2.1.329, 384 with 2.1.240."""

MOST = 8
"""More at once than this meets rate limits before it saves time."""

_EACH_CORE = 4
"""A call keeps a core busy for about 0.5 s and then waits for the model for several."""


def default_limit(cores: int | None = None, megabytes: int | None = None) -> int:
    """Return how many clients this machine can run at once: 1 to ``MOST``, in at most half of its memory.

    Args:
        cores: of the machine, if not this one's.
        megabytes: memory of the machine, if not this one's.
    """
    cores = cores or os.cpu_count() or 1
    megabytes = megabytes or _megabytes()
    return max(1, min(MOST, cores * _EACH_CORE, megabytes // 2 // MEGABYTES_EACH))


def _megabytes() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    except (ValueError, OSError):  # a system that does not say
        return 4096


class Gate:
    """A counter of what is under way, with a limit that each caller brings along."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0

    @contextmanager
    def passed(self, limit: int, given_up: Callable[[], bool]) -> Iterator[None]:
        """Wait until fewer than ``limit`` are inside or the caller has given up, then be inside."""
        with self._changed:
            self._changed.wait_for(lambda: self._inside < limit or given_up())
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def look_again(self) -> None:
        """Have those who wait ask whether they have given up."""
        with self._changed:
            self._changed.notify_all()


GATE = Gate()
"""The one of this process."""
