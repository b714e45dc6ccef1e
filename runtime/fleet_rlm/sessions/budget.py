"""What a session's sub-calls may use, and have used."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Budget", "BudgetError", "Limits"]


class BudgetError(RuntimeError):
    """A limit of the session is reached; raised in the code that asked."""


@dataclass(frozen=True)
class Limits:
    """Most of each; None is without a limit. Cost is in US dollars."""

    calls: int | None = None
    tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None


class Budget:
    """Counts sub-calls from any number of threads.

    Calls are counted before they are made, so that their limit is exact. Tokens, dollars and seconds are
    known afterwards: calls under way when such a limit is reached are completed and paid for.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._lock = threading.Lock()
        self._calls = 0
        self._tokens = 0
        self._cost = 0.0
        self._unpriced = 0
        self._seconds = 0.0
        self._under_way = 0
        self._since = 0.0

    @contextmanager
    def call(self) -> Iterator[None]:
        """Take one call out of the budget, and time it.

        Raises:
            BudgetError: a limit is reached; nothing was taken.
        """
        with self._lock:
            self._refuse_if_spent()
            self._calls += 1
            if self._under_way == 0:
                self._since = time.monotonic()
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
                if self._under_way == 0:
                    self._seconds += time.monotonic() - self._since

    def spent(self, tokens: int, cost: float | None) -> None:
        """Add what a call used; ``cost`` is None if its price is not known."""
        with self._lock:
            self._tokens += tokens
            self._cost += cost or 0.0
            self._unpriced += cost is None

    @property
    def calls(self) -> int:
        """Calls made so far."""
        return self._calls

    def used(self) -> dict[str, float | int]:
        """What has been used: ``calls``, ``tokens``, ``cost``, ``seconds``; ``unpriced`` calls cost more."""
        with self._lock:
            return self._used()

    def report(self) -> dict[str, dict[str, float | int | None]]:
        """What ``budget()`` says in the sandbox: used, limit and what is left of each."""
        used = self.used()
        report: dict[str, dict[str, float | int | None]] = {}
        for name, limit in vars(self.limits).items():
            left = None if limit is None else max(0, round(limit - used[name], 6))
            report[name] = {"used": used[name], "limit": limit, "left": left}
        return report

    def _used(self) -> dict[str, float | int]:
        running = time.monotonic() - self._since if self._under_way else 0.0
        return {
            "calls": self._calls,
            "tokens": self._tokens,
            "cost": round(self._cost, 6),
            "seconds": round(self._seconds + running, 3),
            "unpriced": self._unpriced,
        }

    def _refuse_if_spent(self) -> None:
        used = self._used()
        for name, unit, flag in _LIMITS:
            limit = getattr(self.limits, name)
            if limit is not None and used[name] >= limit:
                raise BudgetError(
                    f"the session's limit of {limit:,} {unit} is reached; code goes on without sub-calls, "
                    f"or a new session takes a higher {flag}"
                )


_LIMITS = (
    ("calls", "sub-calls", "--max-llm-calls"),
    ("tokens", "tokens", "--max-tokens"),
    ("cost", "dollars", "--max-cost"),
    ("seconds", "seconds of sub-calls", "--max-seconds"),
)
