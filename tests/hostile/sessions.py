"""Sessions for hostile cells: one to attack, and one beside it that must notice nothing."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from sandbox_kinds import Kind

__all__ = ["DOCUMENT", "Sessions"]

DOCUMENT = "the document " * 20_000
_ENDED = threading.Event()


class OwnError(Exception):
    """An exception that the sandbox has no class for."""


class UnprintableError(Exception):
    """An exception that cannot be told."""

    def __str__(self) -> str:
        raise ValueError


def echo(value: Any) -> Any:
    """Return what came."""
    return value


def slow(seconds: float) -> str:
    """Return after a while, or when the tests end."""
    _ENDED.wait(seconds)
    return "slow"


def hang() -> None:
    """Do not return before the tests end."""
    _ENDED.wait()


async def hang_async() -> None:
    """Do not return, without blocking."""
    await asyncio.Event().wait()


def unpackable() -> object:
    """Return what cannot cross."""
    return object()


def fail(name: str, message: str) -> None:
    """Raise an exception by the name of its class."""
    own = {"OwnError": OwnError, "UnprintableError": UnprintableError}
    if name == "UnicodeDecodeError":
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, message)
    if name == "ExceptionGroup":
        raise __builtins__["ExceptionGroup"](message, [ValueError("inner")])  # type: ignore[index]
    if name == "UnprintableError":
        raise UnprintableError(object())
    raise (own.get(name) or __builtins__[name])(message)  # type: ignore[index]


class Sessions:
    """The sessions of one kind of sandbox during one module of tests."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._bystander: Any = None
        self._free: list[Any] = []

    def take(self) -> Any:
        """Return a session whose ``kept`` is 41, and whose next cell goes by the line if there can be one."""
        session = self._free.pop() if self._free else self._new()
        session.execute("kept = 41", {"doc": DOCUMENT})
        session.execute("pass")
        return session

    def give_back(self, session: Any) -> None:
        """Let another case have a session that came through unharmed."""
        self._free.append(session)

    def check(self, session: Any, *, keeps_state: bool) -> None:
        """The session must go on, with inputs and tools at hand, and with its variables if they were kept."""
        for _ in range(2):
            facts = "(globals().get('kept'), len(doc), doc[:12], echo([1]), peek('abc', 1))"
            told = session.execute(f"print({facts})", {"doc": DOCUMENT})
            kept = 41 if keeps_state else None
            assert told == f"({kept}, {len(DOCUMENT)}, 'the document', [1], 'bc')"
        assert session.execute("SUBMIT(echo('done'))").output == {"output": "done"}

    def check_bystander(self) -> None:
        """The other session has noticed nothing."""
        if self._bystander is None:
            self._bystander = self._new()
            self._bystander.execute("kept = 41")
        assert self._bystander.execute("print(kept, echo('beside'))") == "41 beside"

    def close(self) -> None:
        """End all of them."""
        for session in (*self._free, self._bystander):
            if session is not None:
                session.shutdown()

    def _new(self) -> Any:
        session = self._kind(execute_timeout=20.0, grace=0.2)
        session.tools.update(
            echo=echo,
            slow=slow,
            hang=hang,
            hang_async=hang_async,
            unpackable=unpackable,
            fail=fail,
            reenter=lambda: session.execute("1"),
        )
        return session
