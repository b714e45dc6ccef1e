"""What both forms share: the error, and the standard values that stand for others."""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any

__all__ = ["DEPTH", "TOO_DEEP", "CrossingError", "exactly", "refused", "simplified", "step_to", "type_name"]

DEPTH = 150
"""Levels of nesting that cross: reading one takes up to five of the 1,000 calls that Python nests."""

TOO_DEEP = f"it contains itself, or is nested deeper than {DEPTH} levels"


class CrossingError(TypeError):
    """A value that has no form in which it could cross; says which, and where in the whole it is."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path

    def at(self, step: str) -> CrossingError:
        """The same error, seen from one level further out."""
        return CrossingError(self.reason, step + self.path)

    def __str__(self) -> str:
        return f"{self.path.lstrip('.')}: {self.reason}" if self.path else self.reason


def simplified(value: Any) -> Any:
    """Return the simpler value that stands for ``value`` on the other side, or ``value`` itself.

    Dataclasses and pydantic models become dicts, enums their value, paths text.
    """
    kind = type(value)  # asked rather than the value, which may claim to have every attribute
    if issubclass(kind, type):
        return value
    if hasattr(kind, "__dataclass_fields__"):
        import dataclasses

        return {field.name: getattr(value, field.name) for field in dataclasses.fields(kind)}
    if hasattr(kind, "model_dump"):
        return value.model_dump()
    if hasattr(kind, "__members__") and hasattr(value, "value"):
        return value.value
    if hasattr(kind, "__fspath__"):
        return value.__fspath__()
    return value


def exactly(base: type, value: Any) -> Any:
    """Return the ``str``, ``int``, ``float``, … that a subclass's instance holds, whatever it says it is."""
    if base.__module__ != "builtins":
        return value  # what packs these asks the base's own methods
    hold = {str: str.__str__, int: int.__int__, float: float.__float__}.get(base, base)
    return hold(value)


def refused(value: Any, error: Exception) -> CrossingError:
    """The error for a value whose own code, a property or a method, raised ``error`` when it was read."""
    try:
        told = str(error)
    except Exception:  # noqa: BLE001 - it is the value's own as well
        told = "(it cannot be printed)"
    return CrossingError(f"a value of type {type_name(value)} raised {type(error).__name__}: {told}")


def step_to(key: Any) -> str:
    """The step to what a dict holds under ``key``, whose ``repr`` may be code of its own."""
    try:
        return f"[{key!r}]"
    except Exception:  # noqa: BLE001 - see above
        return f"[a key of type {type_name(key)}]"


def type_name(value: Any) -> str:
    """The name of a value's type as a reader of the code would write it."""
    kind = type(value)
    return (
        kind.__qualname__
        if kind.__module__ in ("builtins", "__main__")
        else f"{kind.__module__}.{kind.__qualname__}"
    )
