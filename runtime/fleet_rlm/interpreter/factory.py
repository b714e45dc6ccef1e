"""How ``dspy`` makes an interpreter for each run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["InterpreterFactory"]


class _Instructed(Protocol):
    @property
    def execution_instructions(self) -> str: ...


_Made = TypeVar("_Made", bound=_Instructed)


class InterpreterFactory(Generic[_Made]):
    """Creates interpreters of one kind and configuration; safe to call from several threads.

    Args:
        kind: the interpreter's class.
        config: its arguments; checked now, because dspy calls factories late.
    """

    def __init__(self, kind: Callable[..., _Made], config: dict[str, Any]) -> None:
        self._kind = kind
        self._config = config
        self.execution_instructions = kind(**config).execution_instructions

    def __call__(self) -> _Made:
        """Make a new one; nothing is started."""
        return self._kind(**self._config)
