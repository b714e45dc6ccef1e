"""What every interpreter must do, as small programs with stable ids, written against dspy's public surface.

dspy states the contract in prose (``dspy.primitives.code_interpreter``); the ids of the first dozen follow
those of cmpnd-ai/dspy-interpreters, so that results can be compared. ``mutants.py`` has, for each, a broken
interpreter that fails this one check and no other.
"""

from __future__ import annotations

import contextvars
import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import dspy
import pytest
from dspy.primitives.code_interpreter import (
    CodeExecutionError,
    CodeInterpreter,
    CodeInterpreterError,
    FinalOutput,
)
from dspy.primitives.sandbox_serializable import SandboxSerializable
from dspy.utils.callback import BaseCallback
from dspy.utils.dummies import DummyLM

__all__ = ["CHECKS", "PROBE"]

Factory = Callable[..., Any]
CHECKS: dict[str, Callable[[Factory], None]] = {}
PROBE: contextvars.ContextVar[str] = contextvars.ContextVar("conformance", default="lost")


def check(name: str) -> Callable[[Callable[[Factory], None]], Callable[[Factory], None]]:
    """Register a check under its id."""

    def register(function: Callable[[Factory], None]) -> Callable[[Factory], None]:
        CHECKS[name] = function
        return function

    return register


@contextmanager
def session(factory: Factory, **options: Any) -> Any:
    """An interpreter that is shut down at the end."""
    interpreter = factory(**options)
    try:
        yield interpreter
    finally:
        interpreter.shutdown()


class Recorder(BaseCallback):
    """Notes which interpreter events fire."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def on_interpreter_startup_start(self, call_id, instance, inputs):
        self.events.append("start")

    def on_interpreter_execute_start(self, call_id, instance, inputs):
        self.events.append("execute")

    def on_interpreter_execute_end(self, call_id, outputs, exception=None):
        self.events.append("raised" if exception else "executed")

    def on_interpreter_tool_call_start(self, call_id, instance, inputs):
        self.events.append(inputs["tool_name"])

    def on_interpreter_shutdown_start(self, call_id, instance, inputs):
        self.events.append("shutdown")


@check("protocol.public_shape")
def public_shape(factory: Factory) -> None:
    """An interpreter is a CodeInterpreter whose tools are a dict of its own, empty at first."""
    with session(factory) as first, session(factory) as second:
        assert isinstance(first, CodeInterpreter)
        assert type(first.tools) is dict
        assert first.tools == {}
        assert first.tools is not second.tools


@check("execution_instructions.stable_nonempty_string")
def execution_instructions(factory: Factory) -> None:
    """What the planner is told is the same text at every look, and names the helpers."""
    with session(factory) as interpreter:
        told = interpreter.execution_instructions
        assert told == type(interpreter).execution_instructions == interpreter.execution_instructions
        assert {"peek(", "grep(", "chunk_by_size(", "get_output("} <= {
            word for word in ("peek(", "grep(", "chunk_by_size(", "get_output(") if word in told
        }


@check("lifecycle.lazy_idempotent_start")
def lazy_idempotent_start(factory: Factory) -> None:
    """Nothing starts before it must; starting twice is starting once."""
    recorder = Recorder()
    with session(factory, callbacks=[recorder]) as interpreter:
        assert recorder.events == []
        interpreter.execute("kept = 42")
        interpreter.start()
        interpreter.start()
        assert interpreter.execute("kept") == "42"


@check("lifecycle.shutdown_is_terminal")
def shutdown_is_terminal(factory: Factory) -> None:
    """After shutdown, which may be repeated, nothing starts again."""
    interpreter = factory()
    interpreter.execute("x = 1")
    interpreter.shutdown()
    interpreter.shutdown()
    for operation in (interpreter.start, lambda: interpreter.execute("1")):
        with pytest.raises(CodeInterpreterError, match="ended"):
            operation()


@check("execution.python_and_output")
def python_and_output(factory: Factory) -> None:
    """Both streams in the order of writing, then the last expression as a REPL shows it."""
    with session(factory) as interpreter:
        code = "import sys\nprint('to stdout')\nprint('to stderr', file=sys.stderr)\n{'a': 6 * 7}"
        assert interpreter.execute(code) == "to stdout\nto stderr\n{'a': 42}"
        assert interpreter.execute("quiet = 1") is None


@check("execution.output_kept_when_raising")
def output_kept_when_raising(factory: Factory) -> None:
    """What was printed before an exception is told with it."""
    with session(factory) as interpreter, pytest.raises(CodeExecutionError, match=r"(?s)^before.*KeyError"):
        interpreter.execute("print('before')\n{}['gone']")


@check("state.namespace_persists")
def namespace_persists(factory: Factory) -> None:
    """Variables, imports, functions and classes are there in the next step."""
    with session(factory) as interpreter:
        interpreter.execute("import math\nremembered = 41\ndef add(n): return n + 1\nclass Kept: value = 2")
        assert interpreter.execute("add(remembered), math.floor(2.5), Kept.value") == "(42, 2, 2)"
        assert interpreter.execute("remembered + given", {"given": 1}) == "42"
        assert interpreter.execute("given") == "1"


@check("state.inputs_are_originals")
def inputs_are_originals(factory: Factory) -> None:
    """An input that is passed again is what was passed, whatever code did to it."""
    inputs = {"text": "original", "items": [1, [2]]}
    with session(factory) as interpreter:
        for spoil in ("text = 'spoiled'", "items[1].append(3)", "del text, items", "items = None"):
            interpreter.execute(spoil, inputs)
            assert interpreter.execute("text, items", inputs) == "('original', [1, [2]])"


@check("state.survives_worker_death")
def survives_worker_death(factory: Factory) -> None:
    """A dead worker is an error that code can repair: it names what is gone, and inputs and tools are back."""
    with session(factory) as interpreter:
        interpreter.tools["echo"] = lambda value: value
        interpreter.execute("mine = 1", {"given": "input"})
        with pytest.raises(CodeExecutionError, match="mine"):
            interpreter.execute("import os\nos._exit(3)", {"given": "input"})
        assert (
            interpreter.execute("echo(given), 'mine' in globals()", {"given": "input"}) == "('input', False)"
        )


@check("isolation.fresh_instances")
def fresh_instances(factory: Factory) -> None:
    """Two interpreters of one factory share no names."""
    with session(factory) as first, session(factory) as second:
        first.execute("private = 1")
        with pytest.raises(CodeExecutionError, match="NameError"):
            second.execute("private")


@check("isolation.concurrent_instances")
def concurrent_instances(factory: Factory) -> None:
    """Interpreters made and used in several threads at once do not disturb each other."""
    meeting = threading.Barrier(4)

    def use(number: int) -> str:
        with session(factory) as interpreter:
            interpreter.tools["meet"] = lambda: meeting.wait(4) >= 0
            return interpreter.execute(f"mine = {number}\nmeet()\nmine")

    with ThreadPoolExecutor(4) as pool:
        assert [told.splitlines()[-1] for told in pool.map(use, range(4))] == ["0", "1", "2", "3"]


@check("errors.recoverable_taxonomy")
def recoverable_taxonomy(factory: Factory) -> None:
    """SyntaxError and CodeExecutionError for what code can repair; the session goes on."""
    with session(factory) as interpreter:
        with pytest.raises(SyntaxError):
            interpreter.execute("if")
        with pytest.raises(CodeInterpreterError) as caught:
            interpreter.execute("1 / 0")
        assert type(caught.value) is CodeExecutionError
        assert "ZeroDivisionError: division by zero" in str(caught.value)
        assert interpreter.execute("21 * 2") == "42"


@check("errors.traceback_points_at_the_line")
def traceback_points_at_the_line(factory: Factory) -> None:
    """An error shows the line of the code that raised it, and none of the driver's own."""
    with session(factory) as interpreter:
        with pytest.raises(CodeExecutionError) as caught:
            interpreter.execute("def inner():\n    return missing\n\ninner()")
        told = str(caught.value)
        assert "line 2, in inner\n    return missing" in told
        assert "line 4, in <module>\n    inner()" in told
        assert "fleet_rlm" not in told


@check("errors.exit_is_repairable")
def exit_is_repairable(factory: Factory) -> None:
    """Leaving is an error of the code, not the end of the session."""
    with session(factory) as interpreter:
        interpreter.execute("kept = 1")
        for leave in ("exit()", "import sys\nsys.exit(3)", "raise SystemExit"):
            with pytest.raises(CodeExecutionError, match="SystemExit"):
                interpreter.execute(leave)
        assert interpreter.execute("kept") == "1"


@check("errors.unusable_inputs_are_refused")
def unusable_inputs_are_refused(factory: Factory) -> None:
    """An input that cannot cross is refused by name before anything runs; the session goes on."""
    ran: list[int] = []
    with session(factory) as interpreter:
        interpreter.tools["ran"] = lambda: ran.append(1)
        with pytest.raises(CodeInterpreterError, match=r"handle\['deep'\]\[1\].*object"):
            interpreter.execute("ran()", {"handle": {"deep": [1, object()]}})
        for name in ("not a name", "class", "SUBMIT", "ran"):
            with pytest.raises(CodeInterpreterError, match=name):
                interpreter.execute("ran()", {name: 1})
        assert ran == []
        interpreter.execute("ran()")
        assert ran == [1]


@check("tools.host_call_round_trips")
def host_call_round_trips(factory: Factory) -> None:
    """Arguments by position and by name reach the host as they are, and so do results."""
    seen: list[Any] = []

    def keep(first: Any, *, second: Any) -> Any:
        seen.append((first, second))
        return {"pair": (first, second)}

    with session(factory) as interpreter:
        interpreter.tools["keep"] = keep
        assert interpreter.execute("keep((1, 2), second={3})") == "{'pair': ((1, 2), {3})}"
        assert seen == [((1, 2), {3})]


@check("tools.removal_revokes_authority")
def removal_revokes_authority(factory: Factory) -> None:
    """A tool that the host has removed cannot be called any more, by whatever name code kept it."""
    with session(factory) as interpreter:
        interpreter.tools["old"] = lambda: "answered"
        interpreter.execute("kept = old")
        del interpreter.tools["old"]
        interpreter.tools["new"] = lambda: "new"
        assert interpreter.execute("new()") == "'new'"
        for code in ("old()", "kept()"):
            with pytest.raises(CodeExecutionError, match="old"):
                interpreter.execute(code)


@check("tools.exceptions_cross")
def exceptions_cross(factory: Factory) -> None:
    """A tool's exception is raised in the code with its type and message."""

    def fail() -> None:
        raise KeyError("no such page")

    with session(factory) as interpreter:
        interpreter.tools["fail"] = fail
        caught = interpreter.execute("try: fail()\nexcept KeyError as error: print(repr(error))")
        assert caught == "KeyError('no such page')"


@check("tools.async_is_awaited")
def async_is_awaited(factory: Factory) -> None:
    """A coroutine function is a tool like any other."""

    async def later(value: int) -> int:
        return value + 1

    with session(factory) as interpreter:
        interpreter.tools["later"] = later
        assert interpreter.execute("later(41)") == "42"


@check("tools.several_at_once")
def several_at_once(factory: Factory) -> None:
    """Tools called from several threads of the code run side by side."""
    meeting = threading.Barrier(8)
    with session(factory, execute_timeout=10.0) as interpreter:
        interpreter.tools["meet"] = lambda number: (meeting.wait(5), number)[1]
        code = (
            "from concurrent.futures import ThreadPoolExecutor\n"
            "with ThreadPoolExecutor(8) as pool: print(sum(pool.map(meet, range(8))))"
        )
        assert interpreter.execute(code) == "28"


@check("tools.contextvars_are_kept")
def contextvars_are_kept(factory: Factory) -> None:
    """A tool runs in the context of whoever called execute."""
    with session(factory) as interpreter:
        interpreter.tools["context"] = PROBE.get
        token = PROBE.set("the caller's")
        try:
            assert interpreter.execute("context()") == '"the caller\'s"'
        finally:
            PROBE.reset(token)


@check("tools.interrupt_keeps_the_session")
def interrupt_keeps_the_session(factory: Factory) -> None:
    """Ctrl-C during a tool comes out of execute; the session goes on."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    with session(factory) as interpreter:
        interpreter.tools["interrupted"] = interrupted
        with pytest.raises(KeyboardInterrupt):
            interpreter.execute("interrupted()")
        assert interpreter.execute("6 * 7") == "42"


@check("submit.single_output")
def single_output(factory: Factory) -> None:
    """Without output fields, one value becomes the field ``output``."""
    with session(factory) as interpreter:
        answer = interpreter.execute("print('shown')\nSUBMIT({'found': {1, 2}})")
        assert answer == FinalOutput({"output": {"found": [1, 2]}})


@check("submit.typed_outputs")
def typed_outputs(factory: Factory) -> None:
    """Values go by position or name; what does not fit is a TypeError in the code that names the fields."""
    fields = [{"name": "answer", "type": "str"}, {"name": "score", "type": "int"}]
    with session(factory, output_fields=fields) as interpreter:
        for code in ("SUBMIT('yes', 42)", "SUBMIT(score=42, answer='yes')", "SUBMIT('yes', score=42)"):
            assert interpreter.execute(code).output == {"answer": "yes", "score": 42}
        odd = "class Odd:\n    def __fspath__(self): raise OSError('gone')\nSUBMIT('a', Odd())"
        wrong = ("SUBMIT('yes')", "SUBMIT(1, 2, 3)", "SUBMIT(answer='a', wrong=1)", "SUBMIT('a', [])")
        for code in (*wrong, "SUBMIT('a', object())", odd):
            with pytest.raises(CodeExecutionError, match=r"TypeError.*answer: str, score: int"):
                interpreter.execute(code)
        repaired = "try: SUBMIT('yes')\nexcept TypeError: SUBMIT('yes', 42)"
        assert interpreter.execute(repaired).output == {"answer": "yes", "score": 42}


@check("submit.accepted_terminates_execution")
def accepted_terminates_execution(factory: Factory) -> None:
    """Nothing after an accepted SUBMIT runs."""
    calls: list[int] = []
    with session(factory) as interpreter:
        interpreter.tools["after"] = lambda: calls.append(1)
        assert isinstance(interpreter.execute("SUBMIT(42)\nafter()"), FinalOutput)
        assert calls == []


@check("submit.survives_a_bare_except")
def survives_a_bare_except(factory: Factory) -> None:
    """A recorded answer is the answer, even if the code swallows what ends it."""
    with session(factory) as interpreter:
        answer = interpreter.execute("try:\n    SUBMIT('kept')\nexcept:\n    pass\nprint('went on')")
        assert isinstance(answer, FinalOutput)


@check("values.cross_faithfully")
def cross_faithfully(factory: Factory) -> None:
    """Inputs arrive equal and of the same type: any code point, any size, any nesting."""
    values = {
        "text": "a\ud800\udc00\0é\U0001f600",
        "data": bytes(range(256)),
        "nested": [(1, {2: {3}}), None, True, frozenset({"x"})],
        "number": -(1 << 5000),
        "floats": [0.1, float("inf"), -0.0, 1e300],
        "day": dt.datetime(2025, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc),
        "keys": {"$": 1, 2: "two", (3,): None},
    }
    with session(factory) as interpreter:
        interpreter.execute("import datetime", values)
        for name, value in values.items():
            same = f"{name} == {value!a} and type({name}).__name__ == {type(value).__name__!r}"
            assert interpreter.execute(same.replace(" inf,", " float('inf'),"), values) == "True", name


@check("timeouts.interrupt_keeps_state")
def timeout_keeps_state(factory: Factory) -> None:
    """Code that runs too long is interrupted, its output and variables are kept, and the error says so."""
    with session(factory, execute_timeout=0.5) as interpreter:
        with pytest.raises(CodeExecutionError, match=r"(?s)^working.*interrupted after 0.5 s.*kept"):
            interpreter.execute("kept = 41\nprint('working')\nwhile True: pass")
        assert interpreter.execute("kept + 1") == "42"


@check("timeouts.stubborn_code_loses_only_its_worker")
def stubborn_code(factory: Factory) -> None:
    """Code that ignores the interrupt costs its variables; the session goes on and says what is gone."""
    with session(factory, execute_timeout=0.3, grace=0.2) as interpreter:
        interpreter.execute("mine = 1", {"given": "input"})
        with pytest.raises(CodeExecutionError, match=r"(?s)did not stop.*0.3 s.*mine.*given"):
            interpreter.execute("sum(range(10**12))", {"given": "input"})
        assert interpreter.execute("given", {"given": "input"}) == "'input'"


@check("callbacks.fire")
def callbacks_fire(factory: Factory) -> None:
    """dspy's callbacks see start, execute, tool calls and shutdown."""
    recorder = Recorder()
    with session(factory, callbacks=[recorder]) as interpreter:
        interpreter.tools["tool"] = lambda: None
        interpreter.start()
        interpreter.execute("tool()")
        with pytest.raises(CodeExecutionError):
            interpreter.execute("undefined")
    assert sorted(set(recorder.events)) == ["execute", "executed", "raised", "shutdown", "start", "tool"]


def _steps(*codes: str) -> DummyLM:
    """A planner that writes these cells in order."""
    return DummyLM([{"reasoning": "next", "code": code} for code in codes])


@check("rlm.real_consumer_flow")
def real_consumer_flow(factory: Factory) -> None:
    """A real dspy.RLM run: inputs, tools, sub-queries, a repaired error, a typed answer; shut down at the end."""
    made: list[Any] = []

    def recorded() -> Any:
        made.append(factory())
        return made[-1]

    def add(left: int, right: int) -> int:
        return left + right

    def sub_lm(prompt: str) -> list[str]:
        return [f"heard {prompt}"]

    steps = _steps(
        "total = add(left=len(text), right=2)\nwords = llm_query_batched(['a', 'b'])",
        "print(llm_query('c'))\nundefined",
        "SUBMIT(total, [*words, llm_query(prompt='d')])",
    )
    rlm = dspy.RLM(
        "text: str -> total: int, words: list[str]", tools=[add], sub_lm=sub_lm, interpreter_factory=recorded
    )
    with dspy.context(lm=steps):
        result = rlm(text="x" * 40)
    assert result.total == 42
    assert result.words == ["heard a", "heard b", "heard d"]
    assert "heard c" in result.trajectory[1]["output"]
    assert "NameError" in result.trajectory[1]["output"]
    with pytest.raises(CodeInterpreterError, match="shut down"):
        made[0].start()


@check("sub_agents.predict")
def sub_agents_predict(factory: Factory) -> None:
    """Code may ``import dspy`` and ask predictors that run on the host."""
    code = (
        "import dspy\n"
        "one = dspy.Predict('question -> answer')(question='1').answer\n"
        "two = dspy.ChainOfThought('question -> answer')(question='2')\n"
        "SUBMIT(one + ' ' + two.answer)"
    )
    sub_lm = DummyLM([{"answer": "first"}, {"reasoning": "because", "answer": "second"}])
    assert _run(factory, sub_lm, code) == "first second"


@check("sub_agents.react")
def sub_agents_react(factory: Factory) -> None:
    """A tool-using sub-agent gets the host's tools, referred to by the names code knows them by."""
    code = "import dspy\nagent = dspy.ReAct('question -> answer', tools=[shout])\nSUBMIT(agent(question='q').answer)"
    sub_lm = DummyLM(
        [
            {"next_thought": "shout", "next_tool_name": "shout", "next_tool_args": {"text": "hey"}},
            {"next_thought": "done", "next_tool_name": "finish", "next_tool_args": {}},
            {"reasoning": "heard", "answer": "HEY"},
        ]
    )
    heard: list[str] = []

    def shout(text: str) -> str:
        """Shout."""
        heard.append(text)
        return text.upper()

    assert _run(factory, sub_lm, code, tools=[shout]) == "HEY"
    assert heard == ["hey"]


@check("sub_agents.nested_rlm")
def sub_agents_nested_rlm(factory: Factory) -> None:
    """An RLM built in the sandbox runs in an interpreter of its own from the same factory."""
    code = "import dspy\nSUBMIT(dspy.RLM('context -> answer')(context='inner text').answer)"
    sub_lm = _steps("SUBMIT(context.upper())")
    assert _run(factory, sub_lm, code) == "INNER TEXT"


@check("sub_agents.survive_worker_death")
def sub_agents_survive_worker_death(factory: Factory) -> None:
    """After a dead worker, ``import dspy`` works in the fresh one."""
    code = "import dspy\nSUBMIT(dspy.Predict('question -> answer')(question='1').answer)"
    assert _run(factory, DummyLM([{"answer": "again"}]), "import os\nos._exit(4)", code) == "again"


def _run(factory: Factory, sub_lm: Any, *codes: str, tools: list[Any] | None = None) -> Any:
    """The answer of a run whose planner writes ``codes``."""
    rlm = dspy.RLM("question -> answer", sub_lm=sub_lm, tools=tools, interpreter_factory=factory)
    with dspy.context(lm=_steps(*codes)):
        return rlm(question="q").answer


class Doubled(SandboxSerializable):
    """An input that rebuilds itself in the sandbox."""

    def sandbox_setup(self) -> str:
        return "import json"

    def to_sandbox(self) -> bytes:
        return b"[1, 2]"

    def sandbox_assignment(self, var_name: str, data_expr: str) -> str:
        return f"{var_name} = json.loads({data_expr}) * 2"

    def rlm_preview(self, max_chars: int = 500) -> str:
        return "a doubled list"


@check("rlm.serializable_inputs")
def serializable_inputs(factory: Factory) -> None:
    """dspy's SandboxSerializable inputs are rebuilt, also after a dead worker."""
    rlm = dspy.RLM("value: list -> answer: str", interpreter_factory=factory)
    with dspy.context(lm=_steps("import os\nos._exit(5)", "SUBMIT(str(value))")):
        assert rlm(value=Doubled()).answer == "[1, 2, 1, 2]"


@check("flex.facade_real_consumer_flow")
def flex_facade(factory: Factory) -> None:
    """dspy.Flex runs a module of generated code over a host predictor and a host tool."""

    class Compute(dspy.Signature):
        value: int = dspy.InputField()
        result: int = dspy.OutputField()

    def add_two(*, value: int) -> int:
        return value + 2

    source = (
        "class FlexModule(dspy.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.solve = dspy.Predict('value: int -> result: int')\n"
        "    def forward(self, **inputs):\n"
        "        return dspy.Prediction(result=add_two(value=self.solve(value=inputs['value']).result))"
    )
    program = dspy.Flex(Compute, tools=[add_two], interpreter_factory=factory)
    program._bind_code(source)
    with dspy.context(lm=DummyLM([{"result": "40"}])):
        assert program(value=20).result == 42
