"""Turns dspy's callbacks into events, and remembers every step so that a run that ends badly is not lost."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from dspy.primitives.code_interpreter import FinalOutput
from dspy.utils.callback import BaseCallback

from fleet_rlm import json_text
from fleet_rlm.runs.progress import IterationEnded, IterationStarted, SubCallEnded

if TYPE_CHECKING:
    import dspy

    from fleet_rlm.runs.progress import Listener

__all__ = ["Recorder"]


class Recorder(BaseCallback):  # type: ignore[misc] # dspy carries no types
    """Follows one ``dspy.RLM``; nested ones and the set-up of the sandbox are not steps of it.

    A step begins when the RLM's own action predictor is asked and ends when the code it wrote has run.
    Every model call made while code runs is a sub-call.
    """

    def __init__(self, listener: Listener, rlm: dspy.RLM) -> None:
        super().__init__()
        self.steps: list[dict[str, Any]] = []
        self.sub_calls = 0
        self._emit = listener
        self._rlm = rlm
        self._lock = threading.Lock()
        self._asked = ""
        self._executed = ""
        self._since = 0.0
        self._calls_before = 0
        self._position = (0, 0)

    def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """The planner is asked for the next step."""
        if instance is self._rlm.generate_action and not self._asked:
            self._close_step(inputs["kwargs"]["repl_history"].entries)
            self._asked, self._since = call_id, time.monotonic()
            number, _, limit = inputs["kwargs"]["iteration"].partition("/")
            self._position = (int(number), int(limit))

    def _close_step(self, history: list[Any]) -> None:
        """End a step whose code was never run, because it was no Python."""
        if self.steps and self.steps[-1]["output"] is None and history:
            output = self.steps[-1]["output"] = history[-1].output
            self._emit(IterationEnded(*self._position, output, failed=True, sub_calls=0, seconds=0.0))

    def on_module_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
        """The planner has written code."""
        if call_id != self._asked:
            return
        self._asked = ""
        if exception is None:
            now = time.monotonic()
            reasoning, code = str(getattr(outputs, "reasoning", "") or ""), _code_of(outputs)
            self.steps.append({"reasoning": reasoning, "code": code, "output": None})
            self._emit(IterationStarted(*self._position, reasoning, code, now - self._since))

    def on_interpreter_execute_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """Code begins to run: a step's code if a step is waiting for it."""
        del instance, inputs
        waiting = bool(self.steps) and self.steps[-1]["output"] is None
        if waiting and not self._executed:  # else it is a sub-agent's code, inside a step of ours
            self._executed, self._since, self._calls_before = call_id, time.monotonic(), self.sub_calls

    def on_interpreter_execute_end(
        self, call_id: str, outputs: Any, exception: BaseException | None = None
    ) -> None:
        """Code has run."""
        if call_id != self._executed:
            return
        self._executed = ""
        output = _text_of(outputs, exception)
        self.steps[-1]["output"] = output
        calls, seconds = self.sub_calls - self._calls_before, time.monotonic() - self._since
        self._emit(IterationEnded(*self._position, output, exception is not None, calls, seconds))

    def on_lm_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
        """A model has answered; while code runs, that is a sub-call."""
        del call_id, outputs, exception
        if self._executed:
            with self._lock:
                self.sub_calls += 1
                made = self.sub_calls
            self._emit(SubCallEnded(made))


def _code_of(prediction: Any) -> str:
    code = str(getattr(prediction, "code", "") or "").strip()
    lines = code.splitlines()
    if lines and lines[0].startswith("```"):
        lines = lines[1:-1] if lines[-1].strip() == "```" else lines[1:]
    return "\n".join(lines)


def _text_of(outputs: Any, exception: BaseException | None) -> str:
    if exception is not None:
        return f"[Error] {exception}"
    if isinstance(outputs, FinalOutput):
        return f"SUBMIT {json_text.readable_integers(outputs.output)}"
    if outputs is None:
        return ""
    return "\n".join(map(str, outputs)) if isinstance(outputs, list) else str(outputs)
