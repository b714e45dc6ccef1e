"""When Ctrl-C may raise in the thread that executes: only while it waits for the driver.

Python raises ``KeyboardInterrupt`` between any two steps of the main thread. Between reading bytes from the
driver and acting on what they say, the frame would be lost, and with it the end of a cell.
"""

from __future__ import annotations

import _signal as signal  # what `signal` wraps: its enums would take a tenth of a short cell's time
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    Handler = Callable[[int, FrameType | None], object]

__all__ = ["Interrupts"]


class Interrupts:
    """Holds back SIGINT from ``defer`` to ``release``, but for where it is a context: there it may raise.

    A second one, while one is held back, is never held back. In a thread other than the main one, where no
    signal raises, it does nothing.
    """

    def __init__(self) -> None:
        self._handler: Handler | None = None  # the one that was there before
        self._is_open = False
        self._held: tuple[int, FrameType | None] | None = None

    def defer(self) -> None:
        """Hold them back from now on."""
        if threading.get_ident() == threading.main_thread().ident:
            handler = signal.getsignal(signal.SIGINT)
            if callable(handler):
                self._handler, self._is_open, self._held = handler, False, None
                try:
                    signal.signal(signal.SIGINT, self._on_signal)
                except ValueError:  # where Python is embedded, another thread may be the one
                    self._handler = None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        is_second = self._held is not None
        self._held = (number, frame)
        if self._is_open or is_second:
            self._let_through()

    def _let_through(self) -> None:
        held, self._held = self._held, None
        if held is not None and self._handler is not None:
            self._handler(*held)

    def __enter__(self) -> None:
        """Let them through; one that was held back comes now."""
        self._is_open = True
        if self._held is not None:
            self._let_through()

    def __exit__(self, *_: object) -> None:
        """Hold them back again."""
        self._is_open = False

    def release(self) -> None:
        """Let them through for good; one that was held back comes now."""
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
            try:
                self._let_through()
            finally:
                self._handler = None
