"""The addresses of resources: ``fleet-rlm://session/NAME/output/STEP``, ``…/answer`` and ``fleet-rlm://run/N``."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["ANSWER", "OUTPUT", "RUN", "Address", "answer_of", "output_of", "parse", "run_result"]

_ROOT = "fleet-rlm://"
OUTPUT = f"{_ROOT}session/{{session}}/output/{{step}}"
ANSWER = f"{_ROOT}session/{{session}}/answer"
RUN = f"{_ROOT}run/{{number}}"

_KINDS = {
    kind: re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template)))
    for kind, template in {"output": OUTPUT, "answer": ANSWER, "run": RUN}.items()
}


class Address(NamedTuple):
    """What a URI names: ``kind`` is ``output``, ``answer`` or ``run``; ``number`` a step's or a run's."""

    kind: str
    session: str = ""
    number: int = 0


def output_of(session: str, step: int) -> str:
    """The URI of all that a step printed."""
    return OUTPUT.format(session=session, step=step)


def answer_of(session: str) -> str:
    """The URI of what a session's code has submitted last."""
    return ANSWER.format(session=session)


def run_result(number: int) -> str:
    """The URI of a run's whole result."""
    return RUN.format(number=number)


def parse(uri: str) -> Address | None:
    """Return what ``uri`` names, or None if that is nothing of ours."""
    for kind, pattern in _KINDS.items():
        found = pattern.fullmatch(uri)
        if found:
            parts = found.groupdict()
            number = parts.get("step") or parts.get("number") or "0"
            return Address(kind, parts.get("session", ""), int(number)) if number.isdecimal() else None
    return None
