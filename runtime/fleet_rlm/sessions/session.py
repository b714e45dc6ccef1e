"""A session itself: one driver, what was loaded into it, and what its code has answered.

It knows nothing of sockets. One request at a time; ``interrupt`` and the properties from any thread.
"""

from __future__ import annotations

import io
import keyword
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import ConfigurationError, FleetError, ModelError, SessionError, UsageError
from fleet_rlm.guidance import explain
from fleet_rlm.host.client import DriverClient
from fleet_rlm.host.outcome import Limits
from fleet_rlm.host.tools import call_tool
from fleet_rlm.sessions import snippets
from fleet_rlm.sessions.asking import SubModel
from fleet_rlm.sessions.budget import Budget
from fleet_rlm.sessions.budget import Limits as BudgetLimits
from fleet_rlm.sessions.coverage import coverage_of
from fleet_rlm.sessions.loaded import Loaded
from fleet_rlm.values import CrossingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fleet_rlm.config import Settings
    from fleet_rlm.host.outcome import Outcome
    from fleet_rlm.sandboxes.base import Sandbox
    from fleet_rlm.sessions.options import StartOptions

__all__ = ["EXECUTE_SECONDS", "Session", "ended_by"]

EXECUTE_SECONDS = 600.0
"""Seconds one ``exec`` may take unless it asks for another limit: a shell's tool call rarely waits longer."""

_LIMITS = Limits(timeout=EXECUTE_SECONDS)
_CODE = ("function", "method")  # what the driver defines is no variable, and what code defines has no size
_KINDS: dict[str, type[FleetError]] = {
    "ConfigurationError": ConfigurationError,
    "ModelError": ModelError,
    "ValueError": UsageError,
}  # what code of ours raises in the sandbox, as what it is outside
_OWN_FIELDS = [{"name": "output"}]


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
        self._loaded = Loaded()
        self._answer: tuple[int, dict[str, Any]] | None = None
        self._over = threading.Event()
        self._interrupting = threading.Lock()
        self._is_binding = False
        self._client = DriverClient(sandbox, _LIMITS, self._invoke)

    @property
    def loaded(self) -> int:
        """How many variables were loaded."""
        return len(self._loaded.names)

    def start(self) -> None:
        """Start the driver.

        Raises:
            FleetError: it cannot be started.
        """
        self._client.start()

    def check(self) -> None:
        """Look whether the sandbox is still there; between requests only.

        Raises:
            SandboxError: it is gone.
        """
        self._client.check()

    def close(self) -> None:
        """End the driver. Idempotent."""
        self._model.stop(for_good=True)
        self._client.close()

    def begin(self) -> None:
        """A request begins: what was cancelled before is not about it."""
        self._over = threading.Event()

    def end(self) -> None:
        """The request is over: what it left behind asks no model any more."""
        self._over.set()

    def interrupt(self) -> None:
        """Stop what the running request does, from another thread."""
        self._over.set()
        self._interrupt_code()
        self._model.stop(for_good=False)

    def _interrupt_code(self) -> None:
        with self._interrupting:
            if not self._is_binding:  # else a later step would miss what was loaded
                self._client.interrupt()

    def _begun(self) -> None:
        if self._over.is_set():
            self._interrupt_code()

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

        check_variable(name)
        stream = None if stdin is None else io.BytesIO(stdin)
        try:
            documents = load(sources, stdin=stream, on_progress=self._reading)
        except _Cancelled:
            raise SessionError("Loading was interrupted; nothing was loaded.") from None
        loading = self._loaded.plan(name, documents)
        self._bind(loading.bound, loading.code)
        self._loaded.add(loading)
        return {
            "session": self.name,
            "variables": loading.rows(),
            "documents": [source.name for source in documents.sources],
            "warnings": list(documents.warnings),
        }

    def execute(self, code: str, timeout: float | None = None) -> dict[str, Any]:
        """Run code as the next step; ``timeout`` in seconds."""
        limits = _LIMITS if timeout is None else _LIMITS._replace(timeout=timeout)
        began, calls = time.monotonic(), self.budget.calls
        outcome = self._step(code, limits, self._fields or _OWN_FIELDS)
        if outcome.kind == "submit" and outcome.answer is not None:
            self._answer = (outcome.step, outcome.answer)
        failed = outcome.kind not in ("ok", "submit")
        return {
            "session": self.name,
            "step": outcome.step,
            "outcome": outcome.kind,
            "output": outcome.output,
            "cut": outcome.cut,
            "error": self._explained(outcome, limits) if failed else None,
            "answer": outcome.answer,
            "seconds": round(time.monotonic() - began, 3),
            "llm_calls": self.budget.calls - calls,
        }

    def variables(self) -> dict[str, Any]:
        """Names, types and sizes of the variables."""
        rows = self._submitted(self._hidden(snippets.VARIABLES))
        tools = self._tools.keys()
        shown = [row for row in rows if row["type"] not in _CODE and row["name"] not in tools]
        return {"session": self.name, "variables": sorted(shown, key=lambda row: str(row["name"]))}

    def output(self, step: int | None = None) -> dict[str, Any]:
        """All that a step printed, the last by default.

        Raises:
            SessionError: it is not kept.
        """
        step = self.steps if step is None else step
        text = self._client.output(step)
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
        check_variable(variable)
        check_variable(save_as)
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
        outcome = self._step(code, _LIMITS._replace(timeout=None), _OWN_FIELDS)
        report = coverage_of(self._submitted(outcome))
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
        return self._submitted(self._hidden(snippets.value_of(check_variable(variable))))

    # How it is done

    def _step(self, code: str, limits: Limits, fields: list[dict[str, str]]) -> Outcome:
        self.steps += 1
        outcome = self._run(code, limits, fields, step=self.steps, begun=self._begun)
        if outcome.kind == "lost":
            self._bind_again()
        return outcome

    def _hidden(self, code: str) -> Outcome:
        """Run code that is no step of anybody's."""
        outcome = self._run(code, _LIMITS, _OWN_FIELDS, step=0, begun=self._begun)
        if outcome.kind == "lost":
            self._bind_again()
        return outcome

    def _bind(self, variables: Mapping[str, Any], code: str) -> None:
        """Bind what is being loaded, in a worker that has all that was loaded before."""
        outcome = self._bound(variables, code)
        if outcome.kind == "lost":
            self._bind_again()
            outcome = self._bound(variables, code)  # it may have died unnoticed, not of this text
            if outcome.kind == "lost":
                self._bind_again()
        if outcome.kind != "ok":
            raise SessionError(f"The text could not be loaded: {self._explained(outcome, _LIMITS)}")

    def _bind_again(self) -> None:
        """Give a fresh worker what was loaded."""
        outcome = self._bound(self._loaded.variables, self._loaded.code)
        if outcome.kind != "ok":
            raise SessionError(f"The texts could not be loaded again: {self._explained(outcome, _LIMITS)}")

    def _bound(self, variables: Mapping[str, Any], code: str) -> Outcome:
        with self._interrupting:
            self._is_binding = True
        try:
            return self._run(code, _LIMITS, _OWN_FIELDS, step=0, variables=variables)
        finally:
            self._is_binding = False

    def _run(
        self,
        code: str,
        limits: Limits,
        fields: list[dict[str, str]],
        *,
        step: int,
        variables: Mapping[str, Any] | None = None,
        begun: Callable[[], None] | None = None,
    ) -> Outcome:
        self._client.configure(list(self._tools), fields)
        try:
            return self._client.execute(code, variables or {}, step=step, limits=limits, begun=begun)
        except CrossingError as error:
            raise UsageError(f"variable {error}") from error

    def _submitted(self, outcome: Outcome) -> Any:
        if outcome.kind == "submit" and outcome.answer is not None:
            return outcome.answer.get("output")
        told = self._explained(outcome, _LIMITS).strip() or "nothing was submitted"
        if outcome.kind not in ("error", "syntax"):
            raise SessionError(told)
        last = told.splitlines()[-1]
        if outcome.error == "NameError":
            name = last.removeprefix("NameError: name ").removesuffix(" is not defined")
            raise UsageError(f"There is no variable {name}.", remedy="`fleet-rlm session vars` shows them.")
        kind = _KINDS.get(outcome.error, SessionError)
        raise kind(last.removeprefix(f"{outcome.error}: ") if kind is not SessionError else last)

    def _explained(self, outcome: Outcome, limits: Limits) -> str:
        if outcome.kind == "syntax":
            return outcome.detail
        return explain(outcome._replace(output=""), limits.timeout, self._loaded.names)

    def _invoke(self, name: str, args: list[Any], kwargs: Mapping[str, Any]) -> Any:
        return call_tool(self._tools[name], args, kwargs)

    def _tell(self, event: dict[str, Any]) -> None:
        self.emit(event)

    def _reading(self, done: int, total: int) -> None:
        if self._over.is_set():
            raise _Cancelled
        self.emit({"event": "reading", "done": done, "total": total})


def check_variable(name: str) -> str:
    """Return ``name`` if code can have a variable of that name.

    Raises:
        UsageError: it cannot.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise UsageError(
            f"{name!r} cannot be the name of a variable.",
            remedy="Use letters, digits and underscores, and begin with a letter.",
        )
    return name


def ended_by(error: FleetError) -> str:
    """Why a session ended whose sandbox failed with ``error``."""
    why = error.message.rstrip(".")
    return "its sandbox has ended" if why == "the sandbox has ended" else f"its sandbox has ended ({why})"
