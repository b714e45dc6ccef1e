"""The host's exceptions, made again in the sandbox: caught by the same ``except``, saying the same."""

from __future__ import annotations

import builtins

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

__all__ = ["Raised"]

_BUILTINS: Dict[str, type[Exception]] = {
    name: kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
}


class Raised:
    """Makes exceptions from what the host tells of them; the same class for each name and base."""

    def __init__(self) -> None:
        self._classes: Dict[Tuple[str, type[Exception]], Any] = {}

    def exception(
        self, name: str, base: Optional[str], text: str, args: Optional[List[Any]] = None
    ) -> Exception:
        """Return what is to be raised.

        Args:
            name: of the class on the host.
            base: the builtin that it is, or is derived from most closely; None if that has this name.
            text: what ``str`` returned there.
            args: what it was made from; None if that is the text, or cannot cross.
        """
        kind = _BUILTINS.get(base or name, Exception)
        given = (text,) if args is None else args
        error: Exception = _made(kind if kind.__name__ == name else self._class(name, kind), given)
        return error if _says(error, text) else self._quoting(name, kind, text, given)

    def _quoting(self, name: str, kind: type[Exception], text: str, given: Any) -> Any:
        """Return one that says ``text``, whatever its builtin would say."""
        quoting = self._class(name, kind)
        error = _made(quoting, given)
        if error is None:  # its builtin wants other arguments, or has members that did not cross
            error = _unmade(quoting, text) or self._class(name, Exception)(text)
        error.quoted = text
        return error

    def _class(self, name: str, kind: type[Exception]) -> Any:
        if (name, kind) not in self._classes:

            def say(self: Any) -> str:
                return kind.__str__(self) if self.quoted is None else self.quoted

            namespace = {"__module__": "__main__", "__str__": say, "quoted": None}
            self._classes[name, kind] = type(name, (kind,), namespace)
        return self._classes[name, kind]


def _made(kind: Any, args: Any) -> Any:
    """An exception of this kind; None if it cannot be made from these."""
    try:
        return kind(*args)
    except Exception:  # noqa: BLE001 - the next best way is tried instead, and the text is told in any case
        return None


def _unmade(kind: Any, text: str) -> Any:
    """An exception without what its constructor adds; None if even that wants other arguments."""
    try:
        return kind.__new__(kind, text)
    except TypeError:
        return None


def _says(error: Optional[Exception], text: str) -> bool:
    try:
        return error is not None and str(error) == text
    except Exception:  # noqa: BLE001 - an integer can be too long to be printed
        return False
