"""Hostile cells, by what they attack. Each says what the worst is that it may do."""

from hostile.cases import (
    answers,
    crashes,
    endings,
    exceptions,
    loops,
    processes,
    source,
    streams,
    tampering,
    threads,
    tools,
)
from hostile.cases.case import Case

__all__ = ["CASES", "Case"]

CASES: tuple[Case, ...] = (
    *loops.CASES,
    *endings.CASES,
    *crashes.CASES,
    *processes.CASES,
    *streams.CASES,
    *tampering.CASES,
    *threads.CASES,
    *exceptions.CASES,
    *answers.CASES,
    *tools.CASES,
    *source.CASES,
)
