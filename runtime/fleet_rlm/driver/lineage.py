"""Which cell a thread belongs to: the one it was started in, and so are all that it starts itself."""

from __future__ import annotations

import _thread
import sys

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

__all__ = ["Lineage"]

_STARTERS = ("start_new_thread", "start_new", "start_joinable_thread")  # as far as this version has them


class _Stamp(_thread._local):  # noqa: SLF001 - threading.local, without the cost of importing threading
    """The number of the calling thread's cell; None if it was started by something else than Python."""

    cell: Optional[int] = None


class Lineage:
    """Numbers the cells, and marks each thread as it is started with the number of its parent's cell.

    A list of the threads that are alive when a cell ends would not do: one of them may start another later.
    """

    def __init__(self) -> None:
        self._main = _thread.get_ident()
        self._cell = 0
        self._stamp = _Stamp()
        threading: Any = sys.modules.get("threading")
        for name in _STARTERS:
            start = getattr(_thread, name, None)
            if start is None:
                continue
            marking = self._marking(start)
            setattr(_thread, name, marking)
            if hasattr(threading, "_" + name):  # it was imported before; else it takes ours
                setattr(threading, "_" + name, marking)

    def end_cell(self) -> None:
        """From now on the threads of this cell, and all that come of them, are left over."""
        self._cell += 1

    def is_leftover(self) -> bool:
        """Whether the calling thread belongs to an earlier cell."""
        if _thread.get_ident() == self._main:
            return False
        return self._stamp.cell not in (None, self._cell)

    def _marking(self, start: Callable[..., Any]) -> Callable[..., Any]:
        """Return a ``start`` whose threads are marked before they run anything."""

        def start_marked(function: Any, *args: Any, **kwargs: Any) -> Any:
            return start(self._marked(function) if callable(function) else function, *args, **kwargs)

        start_marked.__name__ = start_marked.__qualname__ = start.__name__
        start_marked.__doc__ = start.__doc__
        return start_marked

    def _marked(self, function: Callable[..., Any]) -> Callable[..., Any]:
        cell = None if _thread.get_ident() == self._main else self._stamp.cell
        stamp, number = self._stamp, self._cell if cell is None else cell

        def run(*args: Any, **kwargs: Any) -> Any:
            stamp.cell = number
            return function(*args, **kwargs)

        return run
