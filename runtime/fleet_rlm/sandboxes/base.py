"""What a sandbox is to the interpreter: a place where a driver runs, and a way for bytes to reach it.

A sandbox knows nothing of frames beyond their bytes; the interpreter knows nothing of where they go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fleet_rlm.sandboxes.stream import Stream

__all__ = ["Connection", "Content", "Sandbox"]


class Content(Protocol):
    """Bytes of a known length, produced as often as needed without ever standing whole in memory."""

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in order, in pieces of at most a few MiB."""
        ...


class Connection(Protocol):
    """A byte stream to one running driver.

    ``send`` and ``send_value`` may be called from several threads; ``receive`` from one at a time.
    Every failure of the way there is a ``SandboxError`` whose remedy is one line.
    """

    def stream(self) -> Stream | None:
        """Return the socket that the bytes go through, for what only a socket can; None if there is none."""
        ...

    def send(self, data: bytes, before_waiting: Callable[[], None] | None = None) -> None:
        """Send whole frames, blocking until they are handed over.

        Args:
            data: the frames.
            before_waiting: called first if this has to wait, as for a driver that waits to be read from.

        Raises:
            SandboxError: the driver can no longer be reached.
        """
        ...

    def send_value(self, header: dict[str, Any], content: Content) -> None:
        """Send the ``value`` frame ``header`` with ``content``, by the cheapest way this sandbox has.

        The implementation adds how the driver gets the bytes: ``via`` (``inline``, ``fd`` or ``file``),
        ``codec`` (``raw`` or ``zlib``) and, for ``file``, ``path``. A value is sent before any later
        ``send`` that refers to it is seen by the driver.

        Raises:
            SandboxError: the driver can no longer be reached.
            UsageError: the value is larger than this sandbox can take; nothing was sent.
        """
        ...

    def wait(self, timeout: float | None) -> bool:
        """Wait until there is something to ``receive``, if only the end; return whether there is.

        Args:
            timeout: seconds to wait; None waits for ever.
        """
        ...

    def receive(self, timeout: float | None) -> bytes:
        """Return the next bytes from the driver, or ``b""`` when it has ended.

        Args:
            timeout: seconds to wait; None waits for ever.

        Raises:
            TimeoutError: nothing came in time; calling again is fine.
            SandboxError: the way there broke.
        """
        ...

    def close(self) -> None:
        """End the driver and all it started; free what this side holds. Idempotent, never raises."""
        ...


@runtime_checkable
class Sandbox(Protocol):
    """A place that can run drivers. Holds configuration only; every ``open`` is a new, independent driver."""

    @property
    def name(self) -> str:
        """``local``, ``modal`` or ``trusted``."""
        ...

    @property
    def description(self) -> str:
        """One line for the planner: what code in this sandbox can and cannot do."""
        ...

    @property
    def start_timeout(self) -> float:
        """Seconds a driver may take to say ``ready``."""
        ...

    def verify(self, ready: Mapping[str, Any]) -> None:
        """Look at what a driver reported before it was sent anything.

        Args:
            ready: header of its ``ready`` frame; ``probe`` maps each attempt to break out to its result.

        Raises:
            ConfinementError: the sandbox does not confine as it should.
        """
        ...

    def open(self) -> Connection:
        """Start a driver and return the connection to it, without waiting for its ``ready`` frame.

        Raises:
            ConfinementError: no confinement holds on this machine.
            ConfigurationError: credentials are missing.
            SandboxError: the sandbox cannot be started.
        """
        ...
