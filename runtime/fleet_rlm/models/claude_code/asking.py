"""Asking once, whatever it takes: waiting for a place, repeating what failed in passing, telling failures.

The client itself repeats what the API refused in passing, with growing and jittered waits, and waits as long
as ``retry-after`` says if that is at most a minute; only it sees those headers. What it cannot repeat is its
own end. Both draw on one budget: a call makes at most ``retries`` repetitions in all.

Importing this module imports dspy.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dspy.utils.exceptions import LMRateLimitError, LMServerError, LMTransportError

from fleet_rlm.models.claude_code import failures
from fleet_rlm.models.claude_code.gate import GATE
from fleet_rlm.models.claude_code.invocation import arguments, environment
from fleet_rlm.models.claude_code.process import run
from fleet_rlm.models.claude_code.reading import Report, read_report

if TYPE_CHECKING:
    from pathlib import Path

    from dspy.utils.exceptions import LMError

    from fleet_rlm.models.claude_code.process import Call

__all__ = ["LONGEST_WAIT", "Question", "Way", "ask", "backoff"]

LONGEST_WAIT = 60.0
"""Seconds: a quota that is back sooner is waited for, else the call fails and says when. The client's own
bound for ``retry-after`` is the same."""

_FIRST_WAIT = 0.5
_LONGEST_BACKOFF = 32.0


@dataclass(frozen=True)
class Way:
    """How to reach the model.

    Attributes:
        program: the ``claude`` to call.
        model: an alias or a full id.
        silence: seconds without a byte after which a client is given up.
        retries: repetitions of one call, the client's own included.
        parallel: clients that may run at once when another is started.
    """

    program: Path
    model: str
    silence: float
    retries: int
    parallel: int


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        system: the system prompt; may be empty.
        prompt: the prompt.
        max_tokens: the longest answer; the client's default by default.
    """

    system: str
    prompt: str
    max_tokens: int | None = None


def ask(question: Question, way: Way, call: Call, name: str) -> Report:
    """Return the answer; its ``problem`` is None.

    Args:
        question: what to ask.
        way: how.
        call: can stop it from another thread.
        name: what errors call the model.

    Raises:
        LMError: there is no answer; ``remedy`` says what to do.
    """
    left, attempt = way.retries, 0
    while True:
        with GATE.passed(way.parallel, call.is_stopped):
            outcome, used = _once(question, way, call, name, left)
        if isinstance(outcome, Report):
            return outcome
        left -= used
        wait = _wait_before_repeating(outcome, attempt)
        if call.is_stopped() or left <= 0 or wait is None:
            raise outcome
        left, attempt = left - 1, attempt + 1
        call.wait(wait)


def backoff(attempt: int) -> float:
    """Return the seconds to wait before repetition ``attempt``, counted from 0.

    They double, less a random part of up to a half: calls that failed together must not return together.
    """
    most = min(_LONGEST_BACKOFF, _FIRST_WAIT * 2 ** (attempt + 1))
    return random.uniform(most / 2, most)  # noqa: S311 - no secret


def _once(question: Question, way: Way, call: Call, name: str, retries: int) -> tuple[Report | LMError, int]:
    """Return an answer or why there is none, and how many repetitions it took."""
    if call.is_stopped():
        return failures.stopped(name), 0
    try:
        ended = run(
            partial(arguments, way.program, way.model),
            system=question.system,
            prompt=question.prompt,
            env=environment(os.environ, retries=retries, max_tokens=question.max_tokens),
            silence=way.silence,
            call=call,
        )
    except OSError as error:
        return failures.cannot_start(error, way.program, name), 0
    report = read_report(ended.output)
    used = report.retries if report else 0
    if call.is_stopped():
        return failures.stopped(name), used
    if ended.was_silent:
        return failures.silent(way.silence, name), used
    if report is None:
        return failures.no_report(ended, name), used
    return (failures.reported(report.problem, name) if report.problem else report), used


def _wait_before_repeating(error: LMError, attempt: int) -> float | None:
    """Seconds to wait, or None if it is not worth trying again: what the client gave up stays given up."""
    if isinstance(error, LMRateLimitError):
        short = error.retry_after is not None and error.retry_after <= LONGEST_WAIT
        return error.retry_after + backoff(0) if short else None
    if isinstance(error, (LMServerError, LMTransportError)):
        return backoff(attempt)
    return None
