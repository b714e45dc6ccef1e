"""``fleet_rlm.rlm.RLM``: dspy's own loop, with wide batches that lose nothing and async that yields."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from typing import Any

import dspy
import pytest
from dspy.utils.dummies import DummyLM

from fleet_rlm.interpreter import TrustedInterpreter
from fleet_rlm.rlm import DEFAULT_CONCURRENCY, RLM, is_complete


def planner(*codes: str) -> DummyLM:
    """A model that writes these cells in order."""
    return DummyLM([{"reasoning": "next", "code": code} for code in codes])


def run(*codes: str, sub_lm: Any = None, **options: Any) -> dspy.Prediction:
    """The result of a run whose planner writes ``codes``."""
    rlm = RLM(
        "question -> answer", sub_lm=sub_lm, interpreter_factory=TrustedInterpreter.factory(), **options
    )
    with dspy.context(lm=planner(*codes)):
        return rlm(question="q")


def test_what_is_overridden_is_still_dspys() -> None:
    """The methods that this class replaces are there, with the parameters it counts on."""
    assert "budget" in inspect.signature(dspy.RLM._make_llm_tools).parameters
    assert "interpreter_factory" in inspect.signature(dspy.RLM.aforward).parameters
    finals = inspect.signature(dspy.RLM._process_final_output).parameters
    assert list(finals) == ["self", "result", "output_field_names"]
    tools = dspy.RLM("question -> answer", sub_lm=lambda prompt: [prompt])._prepare_execution_tools()
    assert list(tools) == ["llm_query", "llm_query_batched"]
    assert list(inspect.signature(tools["llm_query"]).parameters) == ["prompt"]
    assert list(inspect.signature(tools["llm_query_batched"]).parameters) == ["prompts"]
    assert "Extract forced final output" in inspect.getsource(dspy.RLM._extract_fallback)


def test_batch_is_as_wide_as_asked() -> None:
    """As many sub-calls as ``concurrency`` are under way at once, and no more."""
    under_way, most, lock = 0, 0, threading.Lock()
    meeting = threading.Barrier(16)

    def sub_lm(prompt: str) -> list[str]:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        meeting.wait(10)
        with lock:
            under_way -= 1
        return [prompt.upper()]

    answer = run(
        "SUBMIT(' '.join(llm_query_batched([f'p{n}' for n in range(32)])))",
        sub_lm=sub_lm,
        concurrency=16,
        max_llm_calls=32,
    ).answer
    assert answer == " ".join(f"P{n}" for n in range(32))
    assert most == 16


def test_default_width_is_above_dspys() -> None:
    """dspy has eight workers for a batch."""
    assert DEFAULT_CONCURRENCY == 40 == RLM("question -> answer").concurrency


def test_failed_call_is_told_in_its_place() -> None:
    """One failure is an ``[ERROR] …`` among the other answers, in order."""

    def sub_lm(prompt: str) -> list[str]:
        if prompt == "b":
            raise ConnectionError("the line is dead")
        return [prompt]

    answer = run("SUBMIT(str(llm_query_batched(['a', 'b', 'c'])))", sub_lm=sub_lm).answer
    assert answer == "['a', '[ERROR] ConnectionError: the line is dead', 'c']"


def test_budget_holds_for_batches() -> None:
    """Calls beyond ``max_llm_calls`` are errors in their places; the others are answered."""
    answer = run(
        "got = llm_query_batched(['x'] * 5)\nSUBMIT(str((got.count('x'), sum('limit' in g for g in got))))",
        sub_lm=lambda prompt: [prompt], max_llm_calls=3, concurrency=1,
    ).answer  # fmt: skip
    assert answer == "(3, 2)"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("llm_query_batched('text')", "TypeError: llm_query_batched takes a list"),
        ("print(llm_query_batched([]))", r"\[\]"),
    ],
)
def test_odd_batches(code: str, told: str) -> None:
    """One text is a mistake that code can repair; no prompts are no answers."""
    result = run(code, "SUBMIT('repaired')", sub_lm=lambda prompt: [prompt])
    assert result.answer == "repaired"
    assert __import__("re").search(told, result.trajectory[0]["output"])


def test_concurrency_must_be_positive() -> None:
    """A width of nothing is refused when it is stated."""
    with pytest.raises(ValueError, match="at least 1, not 0"):
        RLM("question -> answer", concurrency=0)


def test_forced_answer_is_not_complete() -> None:
    """An answer that was taken because the iterations ran out can be told from a submitted one."""
    submitted = run("SUBMIT('done')")
    rlm = RLM("question -> answer", max_iters=1, interpreter_factory=TrustedInterpreter.factory())
    with dspy.context(lm=DummyLM([{"reasoning": "r", "code": "x = 1"}, {"answer": "guess"}])):
        forced = rlm(question="q")
    assert (is_complete(submitted), is_complete(forced)) == (True, False)
    assert forced.answer == "guess"


def test_acall_leaves_the_event_loop_free() -> None:
    """While a cell sleeps, the loop turns; inputs, context and the answer are as in a plain call."""

    async def main() -> tuple[Any, int]:
        rlm = RLM("question -> answer", interpreter_factory=TrustedInterpreter.factory())
        turns = 0
        task = asyncio.ensure_future(rlm.acall(question="abc"))
        while not task.done():
            await asyncio.sleep(0.01)
            turns += 1
        return task.result(), turns

    with dspy.context(lm=planner("import time\ntime.sleep(0.5)\nSUBMIT(question.upper())")):
        result, turns = asyncio.run(main())
    assert result.answer == "ABC"
    assert turns >= 10


def test_cancelled_acall_ends_its_interpreter() -> None:
    """Cancelling does not wait for a cell that never ends, and leaves no session behind."""
    made: list[TrustedInterpreter] = []
    begun = threading.Event()

    def factory() -> TrustedInterpreter:
        made.append(TrustedInterpreter())
        return made[-1]

    def mark() -> None:
        begun.set()

    async def main() -> None:
        rlm = RLM("question -> answer", tools=[mark], interpreter_factory=factory)
        task = asyncio.ensure_future(rlm.acall(question="q"))
        await asyncio.to_thread(begun.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with dspy.context(lm=planner("mark()\nwhile True: pass")):
        before = time.monotonic()
        asyncio.run(main())
    assert time.monotonic() - before < 30
    assert made[0]._client is None
