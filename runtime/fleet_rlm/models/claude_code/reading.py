"""Reading what ``claude --output-format stream-json`` wrote. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Kind", "Problem", "Report", "Tokens", "read_report"]

Kind = Literal[
    "login", "billing", "limit", "rate", "overloaded", "server", "model", "length", "request", "connection",
    "malformed", "unknown",
]  # fmt: skip
"""What went wrong: ``limit`` is the user's quota, ``rate`` too many requests at once, ``length`` a prompt
that is too long, ``malformed`` an answer of the API that the client could not read."""


@dataclass(frozen=True)
class Problem:
    """A failure that the client reported.

    Attributes:
        kind: which.
        words: the client's own.
        status: the HTTP status, if there was an answer.
        resets_at: when the quota is there again, in seconds since the epoch, if told.
    """

    kind: Kind
    words: str
    status: int | None = None
    resets_at: float | None = None


@dataclass(frozen=True)
class Tokens:
    """What was read and written; ``read`` includes what came from the provider's cache."""

    read: int = 0
    written: int = 0
    cache_read: int = 0
    cache_written: int = 0


@dataclass(frozen=True)
class Report:
    """One finished call.

    Attributes:
        text: the answer, or what there is of it.
        is_cut: it ends where the longest answer ended.
        model: the full id of the model that answered; empty if none did.
        tokens: of all requests of the call.
        dollars: what the client reckons they cost at list prices; None if it does not say.
        problem: why there is no answer.
        retries: how often the client repeated a request.
    """

    text: str
    is_cut: bool = False
    model: str = ""
    tokens: Tokens = field(default_factory=Tokens)
    dollars: float | None = None
    problem: Problem | None = None
    retries: int = 0


_KINDS: Mapping[str, Kind] = {
    "authentication_failed": "login",
    "oauth_org_not_allowed": "login",
    "billing_error": "billing",
    "model_not_found": "model",
    "rate_limit": "rate",
    "overloaded": "overloaded",
}
"""The client's ``error`` of a synthetic answer -> ours, where it alone decides."""

_STATUSES: Mapping[int, Kind] = {
    400: "request", 401: "login", 403: "login", 404: "model", 413: "length", 429: "rate", 529: "overloaded",
}  # fmt: skip

_FIRST_SERVER_ERROR = 500
_TOO_LONG = re.compile(r"prompt is too long", re.IGNORECASE)
_MALFORMED = re.compile(r"malformed response|parse (?:error|json)|unexpected end of json", re.IGNORECASE)
_TOO_MUCH_OUTPUT = re.compile(r"exceeded the \d+ output token maximum")


def read_report(output: bytes) -> Report | None:
    """Return what the client reported, or None if it ended without a report."""
    reader = _Reader()
    for event in _events(output):
        reader.take(event)
    return reader.report()


def _events(output: bytes) -> Iterator[dict[str, Any]]:
    for line in output.split(b"\n"):
        if not line.startswith(b"{"):
            continue
        try:
            event = json.loads(line)
        except ValueError:  # the last line of a client that was killed
            continue
        if isinstance(event, dict):
            yield event


class _Reader:
    """Collects events. The client continues an answer that was cut, so several parts can make one."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._part = ""
        self._error = ""
        self._resets_at: float | None = None
        self._over_limit = False
        self._retries = 0
        self._result: dict[str, Any] | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        kind = event.get("type")
        if kind == "stream_event":
            self._take_piece(_mapping(event.get("event")))
        elif kind == "assistant":
            self._error = str(event.get("error") or self._error)
        elif kind == "rate_limit_event":
            info = _mapping(event.get("rate_limit_info"))
            self._over_limit = info.get("status") == "rejected"
            reset = info.get("resetsAt")
            self._resets_at = float(reset) if isinstance(reset, (int, float)) else None
        elif kind == "system" and event.get("subtype") == "api_retry":
            self._retries += 1
        elif kind == "result":
            self._result = dict(event)

    def _take_piece(self, piece: Mapping[str, Any]) -> None:
        kind, delta = piece.get("type"), _mapping(piece.get("delta"))
        if kind == "message_start":  # an attempt that broke off before its end does not count
            self._part = ""
        elif kind == "content_block_delta" and delta.get("type") == "text_delta":
            self._part += str(delta.get("text", ""))
        elif kind == "message_delta" and delta.get("stop_reason") == "max_tokens":
            self._parts.append(self._part)
            self._part = ""

    def report(self) -> Report | None:
        result = self._result
        if result is None:
            return None
        words = str(result.get("result") or "")
        failed = bool(result.get("is_error")) or result.get("subtype") != "success"
        is_cut = failed and bool(self._parts) and bool(_TOO_MUCH_OUTPUT.search(words))
        return Report(
            text="".join(self._parts) + ("" if failed else words),
            is_cut=is_cut,
            model=_model(result),
            tokens=_tokens(_mapping(result.get("usage"))),
            dollars=_number(result.get("total_cost_usd")),
            problem=self._problem(result, words) if failed and not is_cut else None,
            retries=self._retries,
        )

    def _problem(self, result: Mapping[str, Any], words: str) -> Problem:
        status = result.get("api_error_status")
        status = status if isinstance(status, int) else None
        words = words or str(result.get("subtype") or "no reason given")
        return Problem(
            self._kind(status, result.get("terminal_reason"), words), words, status, self._resets_at
        )

    def _kind(self, status: int | None, reason: Any, words: str) -> Kind:
        kind = _KINDS.get(self._error) or (_STATUSES.get(status) if status else None)
        if reason == "prompt_too_long" or _TOO_LONG.search(words):
            return "length"
        if kind == "rate" and self._over_limit:
            return "limit"
        if kind:
            return kind
        if status is not None and status >= _FIRST_SERVER_ERROR:
            return "server"
        if _MALFORMED.search(words):
            return "malformed"
        return "connection" if status is None and reason == "api_error" else "unknown"


def _model(result: Mapping[str, Any]) -> str:
    return next(iter(_mapping(result.get("modelUsage"))), "")


def _tokens(usage: Mapping[str, Any]) -> Tokens:
    read, written, cache_read, cache_written = (
        int(_number(usage.get(name)) or 0)
        for name in (
            "input_tokens",
            "output_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
        )
    )
    return Tokens(read + cache_read + cache_written, written, cache_read, cache_written)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
