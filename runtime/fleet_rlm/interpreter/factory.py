"""How ``dspy`` makes an interpreter for each run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet_rlm.interpreter.core import SandboxInterpreter

__all__ = ["InterpreterFactory"]


class InterpreterFactory:
    """Creates interpreters of one kind and configuration; safe to call from several threads.

    Args:
        kind: the interpreter's class.
        config: its arguments; checked now, because dspy calls factories late.
    """

    def __init__(self, kind: Callable[..., SandboxInterpreter], config: dict[str, Any]) -> None:
        self._kind = kind
        self._config = config
        self.execution_instructions = kind(**config).execution_instructions

    def __call__(self) -> SandboxInterpreter:
        """Make a new one; nothing is started."""
        return self._kind(**self._config)
