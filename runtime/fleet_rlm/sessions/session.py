"""A session itself: what clients may ask of it, and what its code has answered.

It knows nothing of sockets. One request at a time; ``interrupt`` and the properties from any thread.
"""

from __future__ import annotations

import io
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import SessionError, UsageError
from fleet_rlm.sessions import snippets
from fleet_rlm.sessions.asking import SubModel
from fleet_rlm.sessions.budget import Budget
from fleet_rlm.sessions.budget import Limits as BudgetLimits
from fleet_rlm.sessions.coverage import coverage_of
from fleet_rlm.sessions.names import check_variable
from fleet_rlm.sessions.workspace import DEFAULT_LIMITS, PLAIN_FIELDS, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fleet_rlm.config import Settings
    from fleet_rlm.errors import FleetError
    from fleet_rlm.host.outcome import Limits, Outcome
    from fleet_rlm.sandboxes.base import Sandbox
    from fleet_rlm.sessions.options import StartOptions

__all__ = ["Session", "ended_by"]

_CODE = ("function", "method")  # what the driver defines is no variable, and what code defines has no size


class _Cancelled(BaseException):
    """The client that asked is gone, or wants no answer any more."""


class Session:
    """The state that requests work on.

    Args:
        name: the session's name, told in every answer.
        sandbox: where its code runs.
        settings: for the sub-model.
        options: limits, the sub-model's name, SUBMIT's fields.

    Attributes:
        emit: is told of progress, as JSON data, on the thread that makes it.
    """

    def __init__(self, name: str, sandbox: Sandbox, settings: Settings, options: StartOptions) -> None:
        self.name = name
        self.steps = 0
        self.budget = Budget(
            BudgetLimits(options.max_llm_calls, options.max_tokens, options.max_cost, options.max_seconds)
        )
        self.emit: Callable[[dict[str, Any]], None] = lambda _event: None
        self._fields = [{"name": field, **({"type": kind} if kind else {})} for field, kind in options.fields]
        self._model = SubModel(settings, options.sub_model, self.budget, self._tell, lambda: self._over)
        self._tools = self._model.tools()
        self._answer: tuple[int, dict[str, Any]] | None = None
        self._over = threading.Event()
        self._workspace = Workspace(sandbox, self._tools, self._is_over)

    @property
    def loaded(self) -> int:
        """How many variables were loaded."""
        return len(self._workspace.loaded)

    def start(self) -> None:
        """Start the driver.

        Raises:
            FleetError: it cannot be started.
        """
        self._workspace.start()

    def check(self) -> None:
        """Look whether the sandbox is still there; between requests only.

        Raises:
            SandboxError: it is gone.
        """
        self._workspace.check()

    def close(self) -> None:
        """End the driver. Idempotent."""
        self._model.stop(for_good=True)
        self._workspace.close()

    def begin(self) -> None:
        """A request begins: what was cancelled before is not about it."""
        self._over = threading.Event()

    def end(self) -> None:
        """The request is over: what it left behind asks no model any more."""
        self._over.set()

    def interrupt(self) -> None:
        """Stop what the running request does, from another thread."""
        self._over.set()
        self._workspace.interrupt()
        self._model.stop(for_good=False)

    # What clients ask for

    def load(
        self, sources: Sequence[str], name: str = "document", stdin: bytes | None = None
    ) -> dict[str, Any]:
        """Bind the text of ``sources`` to ``name``, and a mapping to each document if there are several.

        Raises:
            DocumentError: something cannot be read.
            UsageError: ``name`` cannot be a variable.
        """
        from fleet_rlm.documents import load  # noqa: PLC0415 - not every session loads

        check_variable(name, self._tools)
        stream = None if stdin is None else io.BytesIO(stdin)
        try:
            documents = load(sources, stdin=stream, on_progress=self._reading)
        except _Cancelled:
            raise SessionError("Loading was interrupted; nothing was loaded.") from None
        loading = self._workspace.load(name, documents)
        return {
            "session": self.name,
            "variables": loading.rows(),
            "documents": [source.name for source in documents.sources],
            "warnings": list(documents.warnings),
        }

    def execute(self, code: str, timeout: float | None = None) -> dict[str, Any]:
        """Run code as the next step; ``timeout`` in seconds."""
        limits = DEFAULT_LIMITS if timeout is None else DEFAULT_LIMITS._replace(timeout=timeout)
        began, calls = time.monotonic(), self.budget.calls
        outcome = self._step(code, limits, self._fields or PLAIN_FIELDS)
        if outcome.kind == "submit" and outcome.answer is not None:
            self._answer = (outcome.step, outcome.answer)
        failed = outcome.kind not in ("ok", "submit")
        return {
            "session": self.name,
            "step": outcome.step,
            "outcome": outcome.kind,
            "output": outcome.output,
            "cut": outcome.cut,
            "error": self._workspace.explained(outcome, limits) if failed else None,
            "answer": outcome.answer,
            "seconds": round(time.monotonic() - began, 3),
            "llm_calls": self.budget.calls - calls,
        }

    def variables(self) -> dict[str, Any]:
        """Names, types and sizes of the variables."""
        rows = self._hidden(snippets.VARIABLES)
        tools = self._tools.keys()
        shown = [row for row in rows if row["type"] not in _CODE and row["name"] not in tools]
        return {"session": self.name, "variables": sorted(shown, key=lambda row: str(row["name"]))}

    def output(self, step: int | None = None) -> dict[str, Any]:
        """All that a step printed, the last by default.

        Raises:
            SessionError: it is not kept.
        """
        step = self.steps if step is None else step
        text = self._workspace.output(step)
        if text is None:
            raise SessionError(
                f"The output of step {step} is not kept: it was shown whole, or has been dropped.",
                remedy="Run the code again.",
            )
        return {"session": self.name, "step": step, "output": text}

    def answer(self) -> dict[str, Any]:
        """What code has submitted last.

        Raises:
            SessionError: nothing yet.
        """
        if self._answer is None:
            raise SessionError("Nothing has been submitted.", remedy="Call SUBMIT(value) in executed code.")
        step, answer = self._answer
        return {"session": self.name, "step": step, "answer": answer}

    def ask(
        self, question: str, variable: str, *, size: int, overlap: int, match: str | None, save_as: str
    ) -> dict[str, Any]:
        """Ask the sub-model about every chunk of a variable; see ``snippets.asking``.

        Raises:
            UsageError: an argument cannot be used.
            SessionError: the variable is not there, or holds no text.
        """
        check_variable(variable, self._tools)
        check_variable(save_as, self._tools)
        if size < 1 or not 0 <= overlap < size:
            raise UsageError(
                f"Chunks of {size:,} characters cannot overlap by {overlap:,}.",
                remedy="Use a size above 0 and an overlap smaller than it.",
            )
        try:
            re.compile(match or "")
        except re.error as error:
            raise UsageError(
                f"{match!r} is not a regular expression: {error}.", remedy="Correct it, or escape its signs."
            ) from None
        code = snippets.asking(variable, question, size=size, overlap=overlap, match=match, save_as=save_as)
        outcome = self._step(code, DEFAULT_LIMITS._replace(timeout=None), PLAIN_FIELDS)
        report = coverage_of(self._workspace.submitted(outcome))
        return {
            "session": self.name,
            "step": outcome.step,
            "variable": variable,
            **report,
            "saved_as": save_as,
        }

    def value(self, variable: str) -> Any:
        """The value of a variable as plain data.

        Raises:
            SessionError: there is none, or it cannot leave the sandbox.
        """
        return self._hidden(snippets.value_of(check_variable(variable, self._tools)))

    # How it is done

    def _step(self, code: str, limits: Limits, fields: list[dict[str, str]]) -> Outcome:
        self.steps += 1
        return self._workspace.run(code, step=self.steps, limits=limits, fields=fields)

    def _hidden(self, code: str) -> Any:
        """What code submits that is no step of anybody's."""
        return self._workspace.submitted(self._workspace.run(code))

    def _is_over(self) -> bool:
        return self._over.is_set()

    def _tell(self, event: dict[str, Any]) -> None:
        self.emit(event)

    def _reading(self, done: int, total: int) -> None:
        if self._is_over():
            raise _Cancelled
        self.emit({"event": "reading", "done": done, "total": total})


def ended_by(error: FleetError) -> str:
    """Why a session ended whose sandbox failed with ``error``."""
    why = error.message.rstrip(".")
    return "its sandbox has ended" if why == "the sandbox has ended" else f"its sandbox has ended ({why})"
