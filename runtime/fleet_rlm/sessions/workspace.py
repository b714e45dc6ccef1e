"""Where a session's code runs: one driver, and what was loaded into it, which outlives every worker."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import ConfigurationError, FleetError, ModelError, SessionError, UsageError
from fleet_rlm.guidance import explain
from fleet_rlm.host.client import DriverClient
from fleet_rlm.host.outcome import Limits
from fleet_rlm.host.tools import call_tool
from fleet_rlm.sessions.loaded import Loaded
from fleet_rlm.sessions.options import EXECUTE_SECONDS
from fleet_rlm.values import CrossingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fleet_rlm.documents import Documents
    from fleet_rlm.host.outcome import Outcome
    from fleet_rlm.sandboxes.base import Sandbox
    from fleet_rlm.sessions.loaded import Loading

    Fields = list[dict[str, str]]

__all__ = ["DEFAULT_LIMITS", "PLAIN_FIELDS", "Workspace"]

DEFAULT_LIMITS = Limits(timeout=EXECUTE_SECONDS)
PLAIN_FIELDS = [{"name": "output"}]
"""What SUBMIT takes where nobody has named fields."""

_KINDS: dict[str, type[FleetError]] = {
    "ConfigurationError": ConfigurationError,
    "ModelError": ModelError,
    "ValueError": UsageError,
}  # what code of ours raises in the sandbox, as what it is outside


class Workspace:
    """One driver. One call at a time, but for ``interrupt``, which may come from any thread.

    Args:
        sandbox: where the driver runs.
        tools: what code may call, by name.
        is_over: asked once code can be interrupted, whether it shall be at once.
    """

    def __init__(
        self, sandbox: Sandbox, tools: Mapping[str, Callable[..., Any]], is_over: Callable[[], bool]
    ) -> None:
        self._tools = tools
        self._is_over = is_over
        self._loaded = Loaded()
        self._interrupting = threading.Lock()
        self._is_binding = False
        self._client = DriverClient(sandbox, DEFAULT_LIMITS, self._invoke)

    @property
    def loaded(self) -> Sequence[str]:
        """The names of the variables that were loaded."""
        return self._loaded.names

    def start(self) -> None:
        """Start the driver.

        Raises:
            FleetError: it cannot be started.
        """
        self._client.start()

    def check(self) -> None:
        """Look whether the sandbox is still there; between calls only.

        Raises:
            SandboxError: it is gone.
        """
        self._client.check()

    def close(self) -> None:
        """End the driver. Idempotent."""
        self._client.close()

    def interrupt(self) -> None:
        """Stop the code that runs, unless it is what binds a text: a later step would miss it."""
        with self._interrupting:
            if not self._is_binding:
                self._client.interrupt()

    def run(
        self,
        code: str,
        *,
        step: int = 0,
        limits: Limits = DEFAULT_LIMITS,
        fields: Fields = PLAIN_FIELDS,
    ) -> Outcome:
        """Run code; what was loaded is there again afterwards, if the worker was lost.

        Args:
            code: Python source.
            step: under which number its output is kept; 0 for code that is no step of anybody's.
            limits: bounds on it.
            fields: what SUBMIT takes.

        Raises:
            SandboxError: the driver is gone, and the session with it.
            SessionError: what was loaded cannot be given to a fresh worker.
        """
        self._client.configure(list(self._tools), fields)
        outcome = self._client.execute(code, {}, step=step, limits=limits, begun=self._begun)
        if outcome.kind == "lost":
            self._bind_again()
        return outcome

    def load(self, name: str, documents: Documents) -> Loading:
        """Bind a text in a worker that has all that was loaded before.

        Raises:
            SessionError: the worker does not survive it.
            UsageError: it is larger than this sandbox takes.
        """
        loading = self._loaded.plan(name, documents)
        outcome = self._bound(loading.bound, loading.code)
        if outcome.kind == "lost":
            self._bind_again()
            outcome = self._bound(loading.bound, loading.code)  # it may have died unnoticed, not of this text
            if outcome.kind == "lost":
                self._bind_again()
        if outcome.kind != "ok":
            raise SessionError(f"The text could not be loaded: {self.explained(outcome)}")
        self._loaded.add(loading)
        return loading

    def submitted(self, outcome: Outcome) -> Any:
        """What the code that ended so has submitted as its one plain field.

        Raises:
            FleetError: nothing; the kind says why.
        """
        if outcome.kind == "submit" and outcome.answer is not None:
            return outcome.answer.get("output")
        told = self.explained(outcome).strip() or "nothing was submitted"
        if outcome.kind not in ("error", "syntax"):
            raise SessionError(told)
        last = told.splitlines()[-1]
        if outcome.error == "NameError":
            name = last.removeprefix("NameError: name ").removesuffix(" is not defined")
            raise UsageError(f"There is no variable {name}.", remedy="`fleet-rlm session vars` shows them.")
        kind = _KINDS.get(outcome.error, SessionError)
        raise kind(last.removeprefix(f"{outcome.error}: ") if kind is not SessionError else last)

    def explained(self, outcome: Outcome, limits: Limits = DEFAULT_LIMITS) -> str:
        """What to tell of code that failed."""
        if outcome.kind == "syntax":
            return outcome.detail
        return explain(outcome._replace(output=""), limits.timeout, self._loaded.names)

    def output(self, step: int) -> str | None:
        """All that a step printed, if it is kept."""
        return self._client.output(step)

    def _bind_again(self) -> None:
        """Give a fresh worker what was loaded."""
        outcome = self._bound(self._loaded.variables, self._loaded.code)
        if outcome.kind != "ok":
            raise SessionError(f"The texts could not be loaded again: {self.explained(outcome)}")

    def _bound(self, variables: Mapping[str, Any], code: str) -> Outcome:
        with self._interrupting:
            self._is_binding = True
        try:
            self._client.configure(list(self._tools), PLAIN_FIELDS)
            return self._client.execute(code, variables, step=0, limits=DEFAULT_LIMITS)
        except CrossingError as error:
            raise UsageError(f"variable {error}") from error
        finally:
            self._is_binding = False

    def _begun(self) -> None:
        if self._is_over():
            self.interrupt()

    def _invoke(self, name: str, args: list[Any], kwargs: Mapping[str, Any]) -> Any:
        return call_tool(self._tools[name], args, kwargs)
