"""For each check, an interpreter that is broken in just the way the check is there to notice.

All are ``TrustedInterpreter`` with one method spoilt: the contract is the host's to keep, whatever the sandbox.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from dspy.primitives.code_interpreter import CodeExecutionError, CodeInterpreterError, FinalOutput

from conformance.checks import PROBE
from fleet_rlm.interpreter import SandboxInterpreter, TrustedInterpreter

__all__ = ["MUTANTS"]

MUTANTS: dict[str, type[TrustedInterpreter]] = {}


def breaks(name: str) -> Callable[[type[TrustedInterpreter]], type[TrustedInterpreter]]:
    """Register the mutant of a check."""

    def register(mutant: type[TrustedInterpreter]) -> type[TrustedInterpreter]:
        MUTANTS[name] = mutant
        return mutant

    return register


@breaks("protocol.public_shape")
class HasToolsOfItsOwn(TrustedInterpreter):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.tools["surprise"] = print


@breaks("execution_instructions.stable_nonempty_string")
class SaysSomethingElseEachTime(TrustedInterpreter):
    _looks: ClassVar = itertools.count()

    @property  # type: ignore[misc]
    def execution_instructions(self) -> str:  # type: ignore[override]
        return f"look {next(self._looks)}"

    @execution_instructions.setter
    def execution_instructions(self, told: str) -> None:
        pass


@breaks("lifecycle.lazy_idempotent_start")
class StartsWhenMade(TrustedInterpreter):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.start()


@breaks("lifecycle.shutdown_is_terminal")
class ComesBack(TrustedInterpreter):
    def start(self) -> None:
        if self._ended == "it was shut down" and self._steps == 1:
            self._ended = None
        super().start()


@breaks("execution.python_and_output")
class DropsStderr(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        result = super().execute(code, variables)
        return result.replace("to stderr\n", "") if isinstance(result, str) else result


@breaks("execution.output_kept_when_raising")
class ForgetsOutputOfFailures(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        try:
            return super().execute(code, variables)
        except CodeExecutionError as error:
            if "KeyError" not in str(error):
                raise
            raise CodeExecutionError(str(error).removeprefix("before\n")) from error


@breaks("state.namespace_persists")
class ForgetsClasses(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        return super().execute(
            "globals().pop('Kept', None)\n" + code if "Kept" in code and "class" not in code else code,
            variables,
        )


@breaks("state.inputs_are_originals")
class BindsInputsOnce(TrustedInterpreter):
    _items: ClassVar[list[int]] = []

    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        if variables and "items" in variables and "items" in self._inputs:
            variables = {}
        return super().execute(code, variables)


@breaks("state.survives_worker_death")
class DiesOfItsWorker(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        try:
            return super().execute(code, variables)
        except CodeExecutionError as error:
            if "exit 3)" in str(error):
                self.shutdown()
                raise CodeInterpreterError("dead") from error
            raise


@breaks("isolation.fresh_instances")
class SharesPrivateNames(TrustedInterpreter):
    _private: ClassVar[list[str]] = []

    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        if "private" in code:
            self._private.append(code)
            code = "\n".join(self._private)
        return super().execute(code, variables)


@breaks("isolation.concurrent_instances")
class ThreeAtOnce(TrustedInterpreter):
    _places: ClassVar = threading.BoundedSemaphore(3)

    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        if not self._places.acquire(blocking=False):
            raise CodeInterpreterError("too many")
        try:
            return super().execute(code, variables)
        finally:
            self._places.release()


@breaks("errors.recoverable_taxonomy")
class DividesByZeroForGood(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        try:
            return super().execute(code, variables)
        except CodeExecutionError as error:
            raise (CodeInterpreterError(str(error)) if "ZeroDivision" in str(error) else error) from None


@breaks("errors.traceback_points_at_the_line")
class TellsNoLines(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        try:
            return super().execute(code, variables)
        except CodeExecutionError as error:
            raise CodeExecutionError(re.sub(r"line \d+", "somewhere", str(error))) from None


@breaks("errors.exit_is_repairable")
class LeavesWhenTold(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        try:
            return super().execute(code, variables)
        except CodeExecutionError as error:
            raise (CodeInterpreterError("left") if "SystemExit" in str(error) else error) from None


@breaks("errors.unusable_inputs_are_refused")
class SendsReprs(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        variables = {n: repr(v) if n == "handle" else v for n, v in (variables or {}).items()}
        return super().execute(code, variables)


@breaks("tools.host_call_round_trips")
class SetsBecomeLists(TrustedInterpreter):
    def invoke_tool(self, tool_name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        kwargs = {name: list(value) if isinstance(value, set) else value for name, value in kwargs.items()}
        return super().invoke_tool(tool_name, args, kwargs)


class _Undeletable(dict[str, Any]):
    def __delitem__(self, name: str) -> None:
        pass


@breaks("tools.removal_revokes_authority")
class RemembersTools(TrustedInterpreter):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._remembered: dict[str, Any] = {}

    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        if "old" in self.tools or "old" in self._remembered:
            self.tools.setdefault("old", self._remembered.get("old"))
            self._remembered["old"] = self.tools["old"]
        return super().execute(code, variables)


@breaks("tools.exceptions_cross")
class ToolsJustFail(TrustedInterpreter):
    def invoke_tool(self, tool_name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        try:
            return super().invoke_tool(tool_name, args, kwargs)
        except KeyError:
            raise RuntimeError("the tool failed") from None


@breaks("tools.async_is_awaited")
class AwaitsNothing(TrustedInterpreter):
    def invoke_tool(self, tool_name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if tool_name == "later":
            return "<coroutine object>"
        return super().invoke_tool(tool_name, args, kwargs)


@breaks("tools.several_at_once")
class OneToolAtATime(TrustedInterpreter):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._one = threading.Lock()

    def invoke_tool(self, tool_name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        with self._one:
            return super().invoke_tool(tool_name, args, kwargs)


@breaks("tools.contextvars_are_kept")
class LosesContext(TrustedInterpreter):
    def invoke_tool(self, tool_name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        PROBE.set("lost")
        return super().invoke_tool(tool_name, args, kwargs)


@breaks("tools.interrupt_keeps_the_session")
class EndsWhenInterrupted(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        try:
            return super().execute(code, variables)
        except KeyboardInterrupt:
            self.shutdown()
            raise


@breaks("submit.single_output")
class AnswersBare(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        result = super().execute(code, variables)
        bare = isinstance(result, FinalOutput) and set(result.output) == {"output"}
        return FinalOutput(result.output["output"]) if bare else result


@breaks("submit.typed_outputs")
class TakesHalfAnAnswer(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        try:
            return super().execute(code, variables)
        except CodeExecutionError as error:
            if "missing score" in str(error):
                return FinalOutput({"answer": "yes"})
            raise


@breaks("submit.accepted_terminates_execution")
class GoesOnAfterSubmit(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        result = super().execute(code, variables)
        if code.startswith("SUBMIT(42)\n"):
            super().execute(code.partition("\n")[2])
        return result


@breaks("submit.survives_a_bare_except")
class LosesSwallowedAnswers(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        result = super().execute(code, variables)
        return None if "except:" in code else result


@breaks("values.cross_faithfully")
class FlattensFrozenSets(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        variables = {
            name: [set(item) if isinstance(item, frozenset) else item for item in value]
            if name == "nested"
            else value
            for name, value in (variables or {}).items()
        }
        if "nested" in variables:
            variables["nested"][3] = list(variables["nested"][3])
        return super().execute(code, variables)


@breaks("timeouts.interrupt_keeps_state")
class KillsAtOnce(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        try:
            return super().execute(code, variables)
        except CodeExecutionError as error:
            if "variables are kept" in str(error):
                SandboxInterpreter.execute(self, "del kept")
            raise


@breaks("timeouts.stubborn_code_loses_only_its_worker")
class GivesUpOnStubbornCode(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        try:
            return super().execute(code, variables)
        except CodeExecutionError as error:
            if "did not stop" in str(error):
                self.shutdown()
            raise


@breaks("callbacks.fire")
class TellsNobody(TrustedInterpreter):
    invoke_tool = SandboxInterpreter.invoke_tool.__wrapped__  # type: ignore[attr-defined]


@breaks("rlm.real_consumer_flow")
class NoPositionalQueries(TrustedInterpreter):
    def invoke_tool(self, tool_name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if tool_name.startswith("llm_query") and args:
            raise TypeError("keywords only")
        return super().invoke_tool(tool_name, args, kwargs)


def _refuses(kind: str) -> type[TrustedInterpreter]:
    """An interpreter in which one kind of sub-agent cannot be built."""

    class Refuses(TrustedInterpreter):
        def invoke_tool(self, tool_name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
            if kwargs.get("kind") == kind:
                raise RuntimeError(f"no {kind} here")
            return super().invoke_tool(tool_name, args, kwargs)

    return Refuses


breaks("sub_agents.predict")(_refuses("ChainOfThought"))
breaks("sub_agents.react")(_refuses("ReAct"))
breaks("sub_agents.nested_rlm")(_refuses("RLM"))


def forget(interpreter: TrustedInterpreter, prefix: str) -> None:
    """Forget what dspy has prepared with variables of these names."""
    cells = interpreter._preparations._cells
    for names in [names for names in cells if any(name.startswith(prefix) for name in names)]:
        del cells[names]


@breaks("sub_agents.survive_worker_death")
class ForgetsTheFacade(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        forget(self, "__dspy")
        return super().execute(code, variables)


@breaks("rlm.serializable_inputs")
class ForgetsRebuiltInputs(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        forget(self, "_raw")
        return super().execute(code, variables)


@breaks("flex.facade_real_consumer_flow")
class ShowsFlexReprs(TrustedInterpreter):
    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        result = super().execute(code, variables)
        return repr(result) if "__dspy_flex_inputs" in (variables or {}) else result
