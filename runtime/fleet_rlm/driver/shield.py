"""When an interrupt may reach generated code, and when it has to wait."""

from __future__ import annotations

from fleet_rlm.driver.lean import signal

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Shield"]

_handle, _mask = signal.signal, signal.pthread_sigmask
_SIGINT, _SIG_UNBLOCK = signal.SIGINT, signal.SIG_UNBLOCK


class Shield:
    """Delays SIGINT while the driver's own state is being changed.

    Up from the start; down only while generated code runs or the main thread waits for its tools.
    """

    def __init__(self) -> None:
        self.up = True
        self.pending = False

        self.listen()

    def listen(self) -> None:
        """Be the SIGINT handler again, whatever code made of it, and forget what came between cells."""
        _handle(_SIGINT, self._on_interrupt)
        _mask(_SIG_UNBLOCK, (_SIGINT,))
        self.pending = False

    def _on_interrupt(self, _signal: int, _frame: Any) -> None:
        if self.up:
            self.pending = True
        else:
            raise KeyboardInterrupt

    def lower(self) -> None:
        """Let interrupts through; raises one that was held back."""
        self.up = False
        if self.pending:
            self.pending = False
            raise KeyboardInterrupt
