"""What a run tells its listeners: one frozen value for each thing that happens.

Events carry facts, not sentences: the command line prints them, a server may forward them. A listener is
called from the thread that runs the task and, for sub-calls, from the threads that make them; it must not
block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "DocumentsRead",
    "Event",
    "Finished",
    "IterationEnded",
    "IterationStarted",
    "Listener",
    "Noted",
    "Preparing",
    "Reading",
    "SandboxChosen",
    "SubCallEnded",
    "Warned",
    "event_data",
    "ignore",
]


class Preparing(NamedTuple):
    """Something that takes a moment has begun: ``what`` is ``documents``, ``model`` or ``sandbox``."""

    what: str


class Reading(NamedTuple):
    """``done`` of ``total`` bytes of the documents have been read; ``total`` is 0 when it is not known."""

    done: int
    total: int


class DocumentsRead(NamedTuple):
    """The documents are in memory; ``left_out`` says what is not, in words."""

    documents: int
    chars: int
    lines: int
    left_out: str = ""


class SandboxChosen(NamedTuple):
    """Where the code will run, with one line on how it is confined."""

    name: str
    detail: str


class IterationStarted(NamedTuple):
    """The planner has written ``code``, with its ``reasoning``, in ``seconds``; the code is about to run."""

    number: int
    limit: int
    reasoning: str
    code: str
    seconds: float


class SubCallEnded(NamedTuple):
    """A sub-model has answered; ``made`` counts the calls of the whole run."""

    made: int


class IterationEnded(NamedTuple):
    """The code has run for ``seconds``; ``output`` is what the planner will see."""

    number: int
    limit: int
    output: str
    failed: bool
    sub_calls: int
    seconds: float


class Warned(NamedTuple):
    """Something the reader should know; also in the result's ``warnings``."""

    message: str


class Noted(NamedTuple):
    """Something the reader may want to know, though nothing is wrong; not in the result."""

    message: str


class Finished(NamedTuple):
    """The run is over; ``complete`` is False when the answer was forced."""

    complete: bool
    iterations: int
    sub_calls: int
    seconds: float


Event = (
    Preparing
    | Reading
    | DocumentsRead
    | SandboxChosen
    | IterationStarted
    | SubCallEnded
    | IterationEnded
    | Warned
    | Noted
    | Finished
)

if TYPE_CHECKING:
    Listener = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Listen to nothing."""


def event_data(event: Event) -> dict[str, Any]:
    """Return the event as a JSON object, its name under ``event``."""
    return {"event": type(event).__name__, **event._asdict()}
