"""The interpreters that are compared, and the documents and models they are given."""

from __future__ import annotations

import sysconfig
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dspy
from dspy.primitives.code_interpreter import CodeInterpreterError

from fleet_rlm.interpreter import SandboxInterpreter
from fleet_rlm.models.script import Rule, Script
from fleet_rlm.models.scripted_lm import ScriptedLM
from fleet_rlm.sandboxes.local.sandbox import LocalSandbox
from fleet_rlm.sandboxes.trusted import TrustedSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fleet_rlm.sandboxes.base import Sandbox

__all__ = ["GB", "MB", "PEER", "document", "fastest", "interpreters", "ours", "planner", "session"]

MB, GB = 10**6, 10**9
PEER = "LocalInterpreter"


@cache
def ours() -> tuple[str, ...]:
    """Names of our sandboxes that work on this machine: each confinement, then none."""
    return tuple(name for name in _SANDBOXES if _works(name))


def fastest() -> str:
    """The confinement that ``local`` chooses here; ``trusted`` where there is none."""
    return ours()[0]


_SANDBOXES: dict[str, Sandbox] = {
    "bwrap": LocalSandbox(confinement="bwrap"),
    "landlock": LocalSandbox(confinement="landlock"),
    "trusted": TrustedSandbox(),
}


def _works(name: str) -> bool:
    try:
        with session(name):
            return True
    except CodeInterpreterError:
        return False


def interpreters(name: str) -> Callable[[], Any]:
    """Return what makes interpreters of this name, as ``dspy.RLM(interpreter_factory=…)`` wants it."""
    if name == PEER:
        return dspy.LocalInterpreter  # type: ignore[no-any-return]
    return SandboxInterpreter.factory(sandbox=_SANDBOXES[name])


@contextmanager
def session(name: str, **tools: Callable[..., Any]) -> Iterator[Any]:
    """A started interpreter that has executed once, ended at the end."""
    interpreter = interpreters(name)()
    interpreter.tools.update(tools)
    try:
        interpreter.execute("pass")
        yield interpreter
    finally:
        interpreter.shutdown()


def document(size: int) -> str:
    """Return ``size`` ASCII characters of Python source: one byte a character, so that MB means both."""
    text, folder = "", Path(sysconfig.get_path("stdlib"))
    for source in sorted(folder.glob("*.py")):
        text += source.read_bytes().decode("ascii", "ignore")
    return (text * (size // len(text) + 1))[:size]


def planner(steps: Sequence[str], *, seconds: float = 0.0) -> ScriptedLM:
    """Return a model without HTTP that plans these cells; its sub-calls answer after ``seconds``."""
    rules = tuple(Rule(None, {"reasoning": "Next.", "code": step}) for step in steps)
    reply = Rule(None, {"reply": "yes"}, delay=seconds)
    return ScriptedLM(Script("benchmark", steps=rules, replies=(reply,)))
