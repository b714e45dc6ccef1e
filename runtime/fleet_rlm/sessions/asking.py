"""The sub-model of a session as host tools: ``llm_query``, ``llm_query_batched`` and ``budget``."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from fleet_rlm.config.redact import Redactor
from fleet_rlm.errors import FleetError, SessionError
from fleet_rlm.sessions.budget import BudgetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet_rlm.config import Settings
    from fleet_rlm.sessions.budget import Budget

__all__ = ["SubModel"]


class SubModel:
    """The model that a session's code asks; made, and dspy imported, at the first question.

    Args:
        settings: names the model, its key and its address.
        name: the model, instead of the one that is configured.
        budget: what calls are taken from.
        emit: is told, as JSON data, what the model is and how far a batch is; on the thread that asks.
        request: returns an event that is set when the running request is over or interrupted: what is left
            of a batch is not asked then, because nobody will see the answers and somebody would pay for them.
    """

    def __init__(
        self,
        settings: Settings,
        name: str | None,
        budget: Budget,
        emit: Callable[[dict[str, Any]], None],
        request: Callable[[], threading.Event],
    ) -> None:
        self._settings = settings
        self._name = name
        self._budget = budget
        self._emit = emit
        self._request = request
        self._slots = threading.BoundedSemaphore(settings.concurrency)  # code may ask from threads of its own
        self._redactor = Redactor.of(settings.secrets, os.environ)
        self._making = threading.Lock()
        self._model: Any = None

    def tools(self) -> dict[str, Callable[..., Any]]:
        """Return what code in the sandbox can call, by name."""
        return {
            "llm_query": self.llm_query,
            "llm_query_batched": self.llm_query_batched,
            "budget": self._budget.report,
        }

    def llm_query(self, prompt: str) -> str:
        """Ask the sub-model one question.

        Raises:
            BudgetError: a limit of the session is reached.
            FleetError: the model is missing, refused or failed.
        """
        return self._query(prompt, self._request())

    def llm_query_batched(self, prompts: list[str]) -> list[str]:
        """Ask many questions at once; one that fails is an ``[ERROR] …`` in its place."""
        if isinstance(prompts, str):
            raise TypeError("llm_query_batched takes a list of prompts; for one prompt use llm_query")
        prompts = list(prompts)
        if not prompts:
            return []
        self._ready()
        over = self._request()
        counting, answered = threading.Lock(), 0

        def ask(prompt: str) -> str:
            nonlocal answered
            answer = self._answer_or_error(prompt, over)
            with counting:  # telling as well, so that the counts arrive in their order
                answered += 1
                if not over.is_set():
                    self._emit({"event": "asked", "done": answered, "total": len(prompts)})
            return answer

        with ThreadPoolExecutor(max_workers=min(self._settings.concurrency, len(prompts))) as pool:
            return list(pool.map(ask, prompts))

    def _answer_or_error(self, prompt: str, over: threading.Event) -> str:
        try:
            return self._query(prompt, over)
        except (BudgetError, FleetError, TypeError) as error:
            return f"[ERROR] {type(error).__name__}: {error}"

    def _query(self, prompt: str, over: threading.Event) -> str:
        if not isinstance(prompt, str):
            raise TypeError(f"llm_query takes a str, not {type(prompt).__name__}")
        model = self._ready()
        with self._slots:
            if over.is_set():
                raise SessionError("not asked: the step was interrupted or had ended")
            with self._budget.call():
                return self._ask(model, prompt)

    def _ready(self) -> Any:
        with self._making:
            if self._model is None:
                from fleet_rlm.models import sub_lm  # noqa: PLC0415 - imports dspy when called

                self._model = self._made(sub_lm)
            return self._model

    def _made(self, make: Callable[..., Any]) -> Any:
        try:
            model = make(self._settings, self._name)
        except FleetError as error:
            raise _whole(error) from None
        for about in ("notice", "remark"):
            if text := getattr(model, about, ""):
                self._emit({"event": "notice", "text": text})
        return model

    def stop(self, *, for_good: bool) -> None:
        """Give up the answers that are under way, where the model can be told; from any thread.

        Args:
            for_good: ask nothing more either.
        """
        stop = getattr(self._model, "stop", None)
        if stop is not None:
            stop(for_good=for_good)

    def _ask(self, model: Any, prompt: str) -> str:
        from fleet_rlm.models.errors import model_errors  # noqa: PLC0415 - dspy is loaded by now

        own = model.copy()  # with a history of its own: what this call used is found there
        try:
            with model_errors(self._redactor):
                answer = own(prompt=prompt)[0]
        except FleetError as error:
            raise _whole(error) from None
        self._budget.spent(*_usage(own))
        return str(answer["text"] if isinstance(answer, dict) else answer)


def _whole(error: FleetError) -> FleetError:
    """The error with its remedy as part of the message: only that crosses into the sandbox."""
    return type(error)(str(error))


def _usage(model: Any) -> tuple[int, float | None]:
    """Tokens and US dollars of the model's last call."""
    entry = model.history[-1] if model.history else {}
    usage = entry.get("usage") or {}
    total = usage.get("total_tokens")
    if total is None:
        total = (usage.get("prompt_tokens") or 0) + (usage.get("completion_tokens") or 0)
    return int(total), entry.get("cost")
