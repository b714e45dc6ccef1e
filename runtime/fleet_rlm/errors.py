"""Every error the runtime raises on purpose, each with its exit code.

::

    FleetError                       1
    ├── OutputError                  1   a result that cannot be written to where it was sent
    ├── UsageError                   2   a flag, name or value that cannot be used
    ├── ConfigurationError           4   no model, no credentials, a setting that makes no sense
    ├── DocumentError                5   a document that cannot be found, read or decoded
    ├── SandboxError                 6   the sandbox could not be started or has died
    │   └── ConfinementError         6   no confinement held, so nothing was run
    ├── ModelError                   7   a language model refused, failed or is missing
    ├── RunTimeoutError              8   the run took longer than it was given
    └── SessionError                 9   a session that cannot be used, or told from others
        ├── EndedSessionError        9   it has ended, or there was none of its name
        ├── SessionBusyError         9   somebody else's code runs in it now
        └── SilentSessionError       9   its process is there and does not answer

Exit code 0 is success, 3 is a bug (its log file is named), 130 is Ctrl-C.
The message is one sentence that says what is wrong; ``remedy`` says what to do.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ConfigurationError",
    "ConfinementError",
    "DocumentError",
    "EndedSessionError",
    "FleetError",
    "ModelError",
    "OutputError",
    "RunTimeoutError",
    "SandboxError",
    "SessionBusyError",
    "SessionError",
    "SilentSessionError",
    "UsageError",
]


class FleetError(Exception):
    """Base of the tree; ``str()`` is the message, followed by the remedy if there is one."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        """Keep ``message`` (what is wrong) and ``remedy`` (what the reader can do)."""
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        """Message and remedy in one line."""
        return f"{self.message} {self.remedy}" if self.remedy else self.message


class OutputError(FleetError):
    """The result cannot be written to where it was sent."""

    @classmethod
    def because(cls, reason: object, remedy: str = "Send it elsewhere.") -> OutputError:
        """Return the error for a ``reason`` in words that end a sentence."""
        return cls(f"The result could not be written: {reason}.", remedy=remedy)


class UsageError(FleetError):
    """A flag, a name or a value that cannot be used as given."""

    exit_code = 2


class ConfigurationError(FleetError):
    """Settings are missing or contradict each other."""

    exit_code = 4


class DocumentError(FleetError):
    """A document cannot be found, read or decoded."""

    exit_code = 5


class SandboxError(FleetError):
    """The sandbox could not be started, or it has died and its session with it."""

    exit_code = 6


class ConfinementError(SandboxError):
    """No confinement held on this machine, so nothing was run."""


class ModelError(FleetError):
    """A language model is missing, refused or failed."""

    exit_code = 7


class RunTimeoutError(FleetError):
    """The run took longer than it was given."""

    exit_code = 8


class SessionError(FleetError):
    """A session does not exist, has ended, cannot be used, or cannot be told from others."""

    exit_code = 9


class EndedSessionError(SessionError):
    """The session has ended, or there was none of its name."""


class SessionBusyError(SessionError):
    """Somebody else's code is running in the session."""


class SilentSessionError(SessionError):
    """The session's process is there and does not answer."""
