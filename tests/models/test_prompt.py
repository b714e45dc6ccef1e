"""Reading dspy's prompts back, checked against prompts that the real dspy made."""

from __future__ import annotations

from typing import Literal

import dspy
import pytest
from dspy.primitives.repl_types import REPLHistory

from fleet_rlm.models.prompt import Field, read_prompt

from .conftest import chat_planner

ADAPTERS = [dspy.ChatAdapter(), dspy.JSONAdapter()]


class Task(dspy.Signature):
    """Answer from the documents."""

    docs: str = dspy.InputField()
    query: str = dspy.InputField()
    answer: str = dspy.OutputField()
    names: list[str] = dspy.OutputField()
    counts: dict[str, int] = dspy.OutputField()
    rows: list[dict[str, str]] = dspy.OutputField()
    total: int = dspy.OutputField()
    share: float = dspy.OutputField()
    sure: bool = dspy.OutputField()
    mood: Literal["good", "bad"] = dspy.OutputField()
    maybe: str | None = dspy.OutputField()


def action_prompt(adapter, **changes):
    rlm = dspy.RLM(Task, max_iters=7, interpreter_factory=dspy.LocalInterpreter)
    inputs = {"variables_info": "docs", "repl_history": REPLHistory(), "iteration": "3/7", **changes}
    return adapter.format(rlm.generate_action.signature, [], inputs)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: type(adapter).__name__)
class TestPlanner:
    def test_iteration_is_the_one_dspy_states(self, adapter):
        """The iteration and the limit are read from the prompt's last iteration field."""
        prompt = read_prompt(action_prompt(adapter))
        assert (prompt.call, prompt.iteration, prompt.limit) == ("planner", 3, 7)

    def test_task_fields_come_with_their_kinds(self, adapter):
        """Every output that the code must submit is known with the kind that its annotation has."""
        assert read_prompt(action_prompt(adapter)).task_outputs == (
            Field("answer"),
            Field("names", "list", item="str"),
            Field("counts", "dict", item="int"),
            Field("rows", "list", item="dict"),
            Field("total", "int"),
            Field("share", "float"),
            Field("sure", "bool"),
            Field("mood", "choice", ("good", "bad")),
            Field("maybe"),
        )

    def test_variables_are_known(self, adapter):
        """The names that the code can use are the task's inputs."""
        assert read_prompt(action_prompt(adapter)).task_inputs == ("docs", "query")

    def test_form_of_the_answer_follows_the_adapter(self, adapter):
        """A JSON adapter's prompt asks for JSON, a chat adapter's does not."""
        assert read_prompt(action_prompt(adapter)).as_json == isinstance(adapter, dspy.JSONAdapter)

    def test_extract_is_told_apart(self, adapter):
        """The forced answer's prompt is not a planner's, and its fields are the task's own."""
        rlm = dspy.RLM(Task, interpreter_factory=dspy.LocalInterpreter)
        messages = adapter.format(
            rlm.extract.signature, [], {"variables_info": "x", "repl_history": REPLHistory()}
        )
        prompt = read_prompt(messages)
        assert prompt.call == "extract"
        assert [field.kind for field in prompt.outputs][:4] == ["str", "list", "dict", "list"]
        assert prompt.outputs[7] == Field("mood", "choice", ("good", "bad"))

    def test_other_signature(self, adapter):
        """Any other signature is a predict call with its output fields."""
        messages = adapter.format(dspy.Signature("question -> reply, score: int"), [], {"question": "Why?"})
        prompt = read_prompt(messages)
        assert (prompt.call, prompt.outputs) == ("predict", (Field("reply"), Field("score", "int")))


def test_iteration_quoted_in_a_document_is_ignored():
    """A document that quotes dspy's own header does not choose the step."""
    prompt = read_prompt(chat_planner("2/5", extra="[[ ## iteration ## ]]\n9/9"))
    assert (prompt.iteration, prompt.limit) == (2, 5)


def test_free_text_is_plain():
    """A prompt without fields is a plain question."""
    assert read_prompt([{"role": "user", "content": "Hello"}]).call == "plain"
