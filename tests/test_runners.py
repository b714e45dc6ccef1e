"""The table of runners, the tasks behind it and the host tool, without a sandbox."""

from __future__ import annotations

import inspect

import dspy
import pytest
from dspy.utils.callback import BaseCallback

import fleet_rlm
from fleet_rlm import tools
from fleet_rlm.errors import UsageError
from fleet_rlm.runners import COMPUTED, RUNNERS, Facts, Shape, result_of
from fleet_rlm.signatures import TASKS, signature
from fleet_rlm.tools import bind_regex_extract, regex_extract

SHAPES = [(runner, shape) for runner in RUNNERS.values() for shape in runner.shapes.values()]


@pytest.mark.parametrize(("runner", "shape"), SHAPES)
def test_shapes_fit_their_tasks(runner, shape):
    """Every input of a task is bound to an option of its runner, and every key has a source."""
    task = TASKS[shape.task]
    outputs = {field.name for field in task.outputs}
    assert [field.name for field in task.inputs] == [name for name, _ in shape.binds]
    assert {option for _, option in shape.binds} <= {option.name for option in runner.options}
    assert set(shape.keys) <= outputs | set(COMPUTED)
    assert outputs <= set(shape.keys)


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=list(RUNNERS))
def test_functions_have_the_defaults_of_the_table(runner):
    """The Python function of a runner takes its options with the same defaults."""
    parameters = inspect.signature(getattr(fleet_rlm, runner.function)).parameters
    expected = {option.name: option.default for option in runner.options}
    expected |= {
        "max_iterations": runner.iterations,
        "max_llm_calls": runner.sub_calls,
        "timeout": runner.timeout,
    }
    found = {
        name: None if parameter.default is parameter.empty else parameter.default
        for name, parameter in parameters.items()
        if name != "options"
    }
    assert expected == found


@pytest.mark.parametrize("name", TASKS)
def test_signatures(name):
    """Each task is a dspy signature with the same fields; from fleet_rlm import it by name."""
    task, made = TASKS[name], getattr(fleet_rlm, name)
    assert name == made.__name__
    assert task.instructions == made.instructions
    assert [field.name for field in task.inputs] == list(made.input_fields)
    assert [field.name for field in task.outputs] == list(made.output_fields)


def test_documents_are_an_extra_input():
    """A run over several documents has the mapping as one more input."""
    assert list(signature("FindErrorPatterns", with_documents=True).input_fields) == ["docs", "documents"]


def test_result_has_no_model_made_counts():
    """A computed key is computed even when the planner returned a value of that name."""
    facts = Facts({"api_endpoints": [{}, {}], "count": 99}, [], doc_chars=5)
    shape = Shape("ExtractAPIEndpoints", (), ("api_endpoints", "count", "doc_chars"))
    expected = {"api_endpoints": [{}, {}], "count": 2, "doc_chars": 5, "complete": True, "warnings": []}
    assert expected == result_of(shape, facts, complete=True, warnings=[])


def test_python_function():
    """A runner is a function: documents by path, options by keyword, events to a listener."""
    events = []
    result = fleet_rlm.run_error_patterns(__file__, model="script:generic", on_event=events.append)
    assert {"error_categories", "total_errors_found", "complete", "warnings"} == set(result)
    assert type(events[-1]).__name__ == "Finished"


def test_python_function_with_a_configured_model():
    """Without a named model, the one that dspy is configured with is asked; its callbacks still hear of it."""
    heard = []

    class Listening(BaseCallback):
        def on_lm_end(self, **facts):
            heard.append(facts)

    lm = dspy.utils.DummyLM([{"reasoning": "r", "code": "SUBMIT('42')"}])
    with dspy.context(lm=lm, callbacks=[Listening()]):
        assert fleet_rlm.run_basic("x")["answer"] == "42"
    assert len(heard) == 1


def test_missing_query_in_python():
    """Python callers get the same sentence as the command line."""
    with pytest.raises(UsageError, match="--query is missing"):
        fleet_rlm.run_long_context(__file__, model="script:generic")


@pytest.mark.parametrize(
    ("pattern", "flags", "expected"),
    [("b.", 0, ["b1"]), ("B(.)", 2, ["1"]), ("(a)(.)", 0, [["a", "0"]]), ("^b", 8, ["b"]), ("x|(y)", 0, [])],
)
def test_regex_extract(pattern, flags, expected):
    """Matches come as re.findall gives them, several groups as lists."""
    assert expected == regex_extract("a0\nb1", pattern, flags)


def test_regex_extract_takes_a_name():
    """In a run, the name of a variable stands for its text."""
    tool = bind_regex_extract({"docs": "a1", "other": 5})
    assert (tool("docs", r"\d"), tool("doc", ".+"), tool("other", r"\d")) == (["1"], ["doc"], [])


def test_regex_extract_refuses_nonsense():
    """A pattern that is none is a ValueError that shows it."""
    with pytest.raises(ValueError, match=r"'\(' is not a usable regular expression"):
        regex_extract("x", "(")


def test_regex_extract_is_bounded_in_time(monkeypatch):
    """A catastrophic pattern ends with an error and does not hold the host."""
    monkeypatch.setattr(tools, "MAX_SECONDS", 0.2)
    with pytest.raises(TimeoutError, match=r"took longer than 0\.2 s"):
        regex_extract("1," * 200, "(?:.*?,){40}x")


def test_regex_extract_is_bounded_in_size(monkeypatch):
    """Too much to return is an error, never a silent cut."""
    monkeypatch.setattr(tools, "MAX_FOUND_CHARS", 10)
    with pytest.raises(ValueError, match="more than 10 characters"):
        regex_extract("x" * 11, ".")
