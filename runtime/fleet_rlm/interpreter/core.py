"""What every interpreter does, whatever its sandbox."""

from __future__ import annotations

import keyword
import threading
import unicodedata
from typing import TYPE_CHECKING, Any

from dspy.primitives.code_interpreter import CodeExecutionError, CodeInterpreterError, FinalOutput
from dspy.utils.callback import BaseCallback, with_callbacks

from fleet_rlm.errors import FleetError, UsageError
from fleet_rlm.guidance import explain, instructions
from fleet_rlm.host.client import DriverClient
from fleet_rlm.host.outcome import Limits, Outcome
from fleet_rlm.host.tools import call_tool
from fleet_rlm.interpreter.factory import InterpreterFactory
from fleet_rlm.interpreter.preparations import Preparations, text_shown
from fleet_rlm.values import CrossingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from fleet_rlm.sandboxes.base import Sandbox

__all__ = ["SandboxInterpreter"]

_RESERVED = frozenset({"SUBMIT", "__builtins__"})


class SandboxInterpreter:
    """A ``dspy`` CodeInterpreter whose code runs in a sandbox.

    Args:
        tools: host functions that code calls by name; called on threads of their own, several at once.
        output_fields: ``[{"name": …, "type": …?}, …]`` for SUBMIT; None for a single ``output``.
        sandbox: where the driver runs.
        execute_timeout: seconds one execute may take, host tools included; None: no limit. At the limit the
            code is interrupted and its variables stay; if it does not stop within ``grace`` seconds its
            process is replaced and its variables are gone, which the error says.
        grace: seconds between interrupting and killing.
        max_output_chars: characters of output shown before it is cut to a head and a tail. dspy cuts at
            10,000 without saying how to get the rest, so the default stays below.
        callbacks: dspy callbacks of this instance.
    """

    execution_instructions: str

    def __init__(
        self,
        tools: dict[str, Callable[..., Any]] | None = None,
        output_fields: list[dict[str, Any]] | None = None,
        *,
        sandbox: Sandbox,
        execute_timeout: float | None = None,
        grace: float = 2.0,
        max_output_chars: int = 9_000,
        callbacks: list[BaseCallback] | None = None,
    ) -> None:
        if execute_timeout is not None and execute_timeout <= 0:
            raise ValueError(f"execute_timeout must be positive or None, not {execute_timeout}")
        _check_names(tools or {}, "tool")
        self.execution_instructions = instructions(sandbox.description)
        self.tools: dict[str, Callable[..., Any]] = dict(tools or {})
        self.output_fields = output_fields
        self.callbacks = list(callbacks or [])
        self.sandbox = sandbox
        self._limits = Limits(timeout=execute_timeout, grace=grace, output=max_output_chars)
        self._client: DriverClient | None = None
        self._ended: str | None = None
        self._starting = threading.Lock()
        self._executing = threading.Lock()
        self._preparations = Preparations()
        self._inputs: set[str] = set()
        self._steps = 0

    @classmethod
    def factory(cls, **config: Any) -> InterpreterFactory[Self]:
        """Return a factory for ``dspy.RLM(interpreter_factory=…)``; takes this class's arguments."""
        return InterpreterFactory(cls, config)

    @with_callbacks
    def start(self) -> None:
        """Start the sandbox and wait until it is ready; nothing if it is already.

        Raises:
            CodeInterpreterError: it cannot be started, or the session has ended.
        """
        with self._starting:
            if self._ended is not None:
                raise CodeInterpreterError(f"this session has ended: {self._ended}")
            if self._is_started:
                return
            self._client = DriverClient(self.sandbox, self._limits, self.invoke_tool)  # for shutdown to find
            try:
                self._client.start()
            except FleetError as error:
                raise self._end(error) from error
            except BaseException:  # a Ctrl-C: the next start begins anew
                self._close()
                raise

    @property
    def _is_started(self) -> bool:
        client = self._client
        return client is not None and bool(client.ready)

    @with_callbacks
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        """Run ``code`` with ``variables`` bound, in the session's namespace.

        Returns:
            FinalOutput if the code called SUBMIT; else what it printed, or None if that is nothing.

        Raises:
            CodeExecutionError: the code failed, ran too long or took its process down; the session goes on.
            SyntaxError: the code is not Python.
            CodeInterpreterError: the call itself is wrong, or the sandbox is gone and the session with it.
        """
        with self._alone():
            variables = {} if variables is None else variables
            self._check(code, variables)
            if not self._is_started:
                self.start()
            return self._result(self._step(code, variables))

    def _alone(self) -> threading.Lock:
        """The lock under which the driver is used: only a ``with`` is sure to give it back after a Ctrl-C.

        Raises:
            CodeInterpreterError: it is being used.
        """
        if self._executing.locked():
            raise CodeInterpreterError(
                "this interpreter is already executing; use one interpreter per thread"
            )
        return self._executing

    def _step(self, code: str, variables: dict[str, Any]) -> Outcome:
        """Run a cell, and remember what a fresh worker would need."""
        if self._preparations.include(variables):
            self._preparations.add(code, variables)
            outcome = self._run(code, variables, step=0)
            return outcome._replace(output=text_shown(outcome.output))
        self._steps += 1
        self._inputs.update(variables)
        outcome = self._run(code, variables, step=self._steps)
        if outcome.kind == "lost":
            for prepared in self._preparations:
                self._run(*prepared, step=0)
        return outcome

    def _run(self, code: str, variables: dict[str, Any], *, step: int) -> Outcome:
        client = self._client
        if client is None:
            raise CodeInterpreterError(f"this session has ended: {self._ended}")
        try:
            client.configure(list(self.tools), self.output_fields)
            return client.execute(code, variables, step=step)
        except CrossingError as error:
            raise CodeInterpreterError(f"variable {error}") from error
        except UsageError as error:
            raise CodeInterpreterError(str(error)) from error
        except FleetError as error:
            raise self._end(error) from error

    def _result(self, outcome: Outcome) -> Any:
        """Dspy's answer for an outcome, or its exception."""
        if outcome.kind == "submit":
            return FinalOutput(outcome.answer)
        if outcome.kind == "ok":
            return outcome.output.rstrip("\n") or None
        if outcome.kind == "syntax":
            raise SyntaxError(outcome.detail)
        raise CodeExecutionError(explain(outcome, self._limits.timeout, self._inputs))

    @with_callbacks
    def invoke_tool(self, tool_name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Call one registered host tool, as generated code asked for it.

        Raises:
            CodeInterpreterError: no tool of that name is registered now.
        """
        tool = self.tools.get(tool_name)
        if tool is None:
            raise CodeInterpreterError(f"unknown tool {tool_name!r}")
        return call_tool(tool, args, kwargs)

    def output(self, step: int) -> str | None:
        """Return all that a step printed if it was shown cut and is still kept, else None.

        Raises:
            CodeInterpreterError: code is running, or the sandbox is gone.
        """
        with self._alone():
            try:
                return None if self._client is None else self._client.output(step)
            except FleetError as error:
                raise self._end(error) from error

    def interrupt(self) -> None:
        """Stop the running execute, from another thread; its variables are kept."""
        if self._client is not None:
            self._client.interrupt()

    @with_callbacks
    def shutdown(self) -> None:
        """End the session and every process of it. Idempotent."""
        if self._ended is None:
            self._ended = "it was shut down"
        self._close()

    def _end(self, error: FleetError) -> CodeInterpreterError:
        """Make ``error`` the end of the session: nothing restarts it silently."""
        self._ended = self._ended or str(error)
        self._close()
        return CodeInterpreterError(str(error))

    def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _check(self, code: str, variables: dict[str, Any]) -> None:
        if not isinstance(code, str):
            raise CodeInterpreterError(f"code must be a str, not {type(code).__name__}")
        if not isinstance(variables, dict):
            raise CodeInterpreterError(f"variables must be a dict, not {type(variables).__name__}")
        _check_names(self.tools, "tool")
        _check_names(variables, "variable")
        if both := sorted(variables.keys() & self.tools.keys()):
            raise CodeInterpreterError(f"{', '.join(both)}: both a variable and a tool; rename one")

    def __enter__(self) -> Self:
        """Start, for ``with``."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Shut down."""
        self.shutdown()

    def __call__(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        """Same as ``execute``."""
        return self.execute(code, variables)


def _check_names(names: Any, what: str) -> None:
    """Refuse names that code could not use.

    Raises:
        CodeInterpreterError: names the first that is wrong.
    """
    for name in names:
        usable = isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name)
        # Python normalises the names in code, so it would look for another one
        if not usable or name in _RESERVED or unicodedata.normalize("NFKC", name) != name:
            raise CodeInterpreterError(
                f"{name!r} cannot be a {what} name: it must be an identifier of your own"
            )
