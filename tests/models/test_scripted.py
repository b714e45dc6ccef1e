"""What a scripted model answers: as a pure function, and as the LM of real dspy programs."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import dspy
import pytest
import yaml

from fleet_rlm.interpreter import TrustedInterpreter
from fleet_rlm.models.script import Reply
from fleet_rlm.models.script_file import load_script, parse_script
from fleet_rlm.models.scripted import answer
from fleet_rlm.models.scripted_lm import ScriptedLM

from .conftest import chat_planner, note

DOCUMENT = Path(__file__).parents[2] / "docs" / "scripted-model.md"


def script(text):
    return parse_script(text, name="mine", source="mine.yaml")


def ask(text, prompt):
    return answer(script(text), [{"role": "user", "content": prompt}])


def code_of(reply):
    return reply.text.split("[[ ## code ## ]]\n")[1].split("\n\n[[ ## completed ## ]]")[0]


def run(lm, signature, *, max_iters=8, adapter=None, factory=dspy.LocalInterpreter, **inputs):
    rlm = dspy.RLM(signature, max_iters=max_iters, interpreter_factory=factory)
    with dspy.context(lm=lm, adapter=adapter):
        return rlm(**inputs)


class TestReplies:
    def test_first_rule_that_applies_answers(self):
        """Rules are tried in order; one without a condition always applies."""
        text = "replies:\n- when: red\n  reply: warm\n- when: blue|red\n  reply: cold\n- reply: none"
        assert [ask(text, prompt).text for prompt in ("red", "blue", "grey")] == ["warm", "cold", "none"]

    def test_groups_are_quoted(self):
        """Groups of the pattern, by name or number, appear in the reply; a group that took no part is empty."""
        text = r"""replies: [{when: '(?P<name>\w+) is (\d+)(!)?', reply: '\g<name>: \g<2>\g<3>. {\1}'}]"""
        assert ask(text, "Ann is 30") == Reply(r"Ann: 30. {\1}")

    def test_nothing_applies(self):
        """When no rule applies the answer says so and names the script."""
        assert (
            ask("replies: [{when: a, reply: b}]", "x").text
            == "The script 'mine' has no reply for this prompt."
        )

    def test_failure_and_delay(self):
        """A rule may fail or wait, or both."""
        assert ask("replies: [{fail: no, delay: 2}]", "x") == Reply(delay=2.0, fail="no")


class TestPlanner:
    STEPS = "steps:\n- code: one\n- code: two\n"

    @pytest.mark.parametrize(("iteration", "code"), [("1/5", "one"), ("2/5", "two"), ("5/5", "two")])
    def test_steps_follow_the_prompt(self, iteration, code):
        """Step N answers iteration N of the prompt, and the last step all later ones."""
        assert code_of(answer(script(self.STEPS), chat_planner(iteration))) == code

    def test_rules_go_before_steps(self):
        """A rule that applies answers instead of the step."""
        text = "rules: [{when: 'out of (?P<what>\\w+)', code: 'repair(\"\\g<what>\")'}]\n" + self.STEPS
        assert code_of(answer(script(text), chat_planner(extra="out of cheese"))) == 'repair("cheese")'

    def test_facts(self):
        """Code may use what the prompt says about the task."""
        text = r"steps: [{code: '\g<inputs> \g<outputs> \g<iteration>/\g<limit>'}]"
        messages = chat_planner(
            "3/9", outputs="rows", note=note({"type": "array", "items": {"type": "object"}})
        )
        assert (
            code_of(answer(script(text), messages))
            == "{'docs': docs, 'query': query} {'rows': 'list[dict]'} 3/9"
        )

    def test_no_plan(self):
        """A script without steps fails as a planner, naming itself."""
        reply = answer(script("replies: [{reply: a}]"), chat_planner())
        assert reply.fail == "The script 'mine' has no planner rule or step for this prompt."


class TestAsLM:
    @pytest.mark.parametrize("adapter", [dspy.ChatAdapter(), dspy.JSONAdapter()], ids=["chat", "json"])
    def test_rlm(self, adapter):
        """A whole RLM runs from a script, code with quotes and backslashes intact, sub-calls included."""
        lm = ScriptedLM(
            script(
                """
steps:
- code: |
    lines = text.split("\\n")
    print(len(lines), 'a "quoted" \\\\ back')
- reasoning: ask
  code: replies = llm_query_batched([f"line {line}" for line in lines])
- code: SUBMIT(answer=" ".join(replies), count=len(lines))
replies:
- {when: 'line (\\w+)', reply: 'saw \\g<1>'}
"""
            )
        )
        found = run(lm, "text -> answer, count: int", adapter=adapter, text="a\nb\nc")
        assert (found.answer, found.count) == ("saw a saw b saw c", 3)
        assert found.trajectory[0]["output"].strip() == '3 a "quoted" \\ back'

    @pytest.mark.parametrize("adapter", [dspy.ChatAdapter(), dspy.JSONAdapter()], ids=["chat", "json"])
    def test_forced_answer(self, adapter):
        """With iterations exhausted, `extract` answers; a field it does not know gets an empty value of its type."""
        lm = ScriptedLM(script("steps: [{code: pass}]\nextract: {answer: 'gave: up', total: 3}"))
        found = run(
            lm, "text -> answer, total: int, names: list[str]", max_iters=1, adapter=adapter, text="a"
        )
        assert (found.answer, found.total, found.names) == ("gave: up", 3, [])

    def test_sub_agents(self):
        """Predictors built in the sandbox are answered by `predict`, else by `replies`; a nested RLM by its own rule."""
        lm = ScriptedLM(
            script(
                r"""
rules:
- when: 'SUBMIT\(inner\)'
  code: SUBMIT("nested " + context)
steps:
- code: |
    import dspy
    mood = dspy.Predict("text -> mood: int")(text="fine").mood
    said = dspy.ChainOfThought("question -> reply")(question="colour?").reply
    inner = dspy.RLM("context -> inner")(context="rlm").inner
    SUBMIT(f"{mood} {said} {inner}")
predict:
- when: '`mood`'
  fields: {mood: 7}
replies:
- when: 'colour'
  reply: red
"""
            )
        )
        assert run(lm, "text -> answer", text="a").answer == "7 red nested rlm"

    def test_tool_using_sub_agent(self):
        """A ReActV2 agent works from scripted tool calls."""
        lm = ScriptedLM(
            script(
                r"""
predict:
- when: 'call `submit` with'
  fields:
    next_thought: done
    tool_calls: {tool_calls: [{name: submit, args: {answer: '42'}}]}
"""
            )
        )
        with dspy.context(lm=lm):
            assert dspy.ReActV2("question -> answer", tools=[])(question="what?").answer == "42"

    def test_failure_stands_in_its_place(self):
        """A failing sub-call of a batch is an error in its place; the others are answered."""
        lm = ScriptedLM(
            script(
                'steps: [{code: \'SUBMIT(llm_query_batched(["good", "bad"]))\'}]\n'
                "replies: [{when: bad, fail: the model is tired}, {reply: fine}]"
            )
        )
        assert run(lm, "text -> answers: list[str]", text="a").answers == [
            "fine",
            "[ERROR] [script:mine] the model is tired",
        ]

    def test_async(self):
        """Awaited calls are answered as well, and a delay does not hold up the event loop."""
        lm = ScriptedLM(script("replies: [{reply: hello, delay: 0.3}]"))
        order = []

        async def call():
            order.append((await lm.acall("x"))[0])

        async def other():
            await asyncio.sleep(0.1)
            order.append("other")

        async def together():
            await asyncio.gather(call(), other())

        asyncio.run(together())
        assert order == ["other", "hello"]

    def test_concurrent_runs_do_not_disturb_each_other(self):
        """Many threads share one scripted model and each run still sees its own steps in order."""
        lm = ScriptedLM(
            script(
                "steps:\n- code: x = text\n- code: x = x + x\n- code: SUBMIT(x + llm_query(text))\n"
                "replies: [{when: '\\w+', reply: '-\\g<0>'}]"
            )
        )
        with ThreadPoolExecutor(8) as pool:
            found = list(
                pool.map(lambda name: run(lm, "text -> answer", text=name).answer, map(str, range(16)))
            )
        assert found == [f"{n}{n}-{n}" for n in range(16)]

    def test_it_says_that_no_model_was_asked(self):
        """The notice for the user names the script."""
        lm = ScriptedLM(load_script("generic"))
        assert lm.notice == "No language model was asked: every answer came from the script 'generic'."
        assert lm.copy().notice == lm.notice

    def test_nothing_is_cached(self, home):
        """Asking twice writes nothing: a script needs no cache."""
        lm = ScriptedLM(load_script("generic"))
        lm("x")
        lm("x")
        assert list(home.rglob("*")) == []


SIGNATURES = {
    "question -> answer": ["question"],
    "docs, query -> modules: list, optimizers: list, design_principles: str": ["docs", "query"],
    "docs -> api_endpoints: list[dict[str, str]]": ["docs"],
    "docs -> error_categories: dict[str, int], total_errors_found: int": ["docs"],
    "docs -> headers: list[str], code_blocks: list[str], structure_summary: str": ["docs"],
    "document, query -> findings: list[str], answer, sections_examined: int": ["document", "query"],
    "document, focus -> summary, key_points: list[str], coverage_pct: int": ["document", "focus"],
    "logs, query -> matches: list[str], patterns: list[str], time_range": ["logs", "query"],
    "text -> sure: bool, share: float, counts: dict[str, str], anything: dict": ["text"],
}


class TestBuiltIn:
    @pytest.mark.parametrize("signature", SIGNATURES)
    def test_generic_answers_every_signature(self, signature, source_text):
        """The generic script submits values of the right types for any output fields, without a forced answer."""
        lm = ScriptedLM(load_script("generic"))
        values = dict(
            zip(
                SIGNATURES[signature],
                (source_text[:200_000], "Which classes are defined?"),
                strict=False,
            )
        )
        found = run(lm, signature, **values)
        assert found.trajectory[-1]["code"].rstrip().endswith("in wanted.items()})")
        assert [entry["output"] for entry in found.trajectory if "Error]" in entry["output"]] == []

    def test_generic_chooses_a_literal(self):
        """A field with fixed choices gets one of them."""
        signature = dspy.Signature(
            {"text": (str, dspy.InputField()), "mood": (Literal["up", "down"], dspy.OutputField())}
        )
        assert run(ScriptedLM(load_script("generic")), signature, text="x").mood == "up"

    def test_generic_on_an_empty_text(self):
        """An empty document is no reason to fail."""
        found = run(
            ScriptedLM(load_script("generic")),
            "docs, query -> findings: list[str], answer",
            docs="",
            query="",
        )
        assert found.answer.startswith("0 characters in 1 lines")

    def test_generic_counts_exactly(self, source_text):
        """Numbers that the generic script reports are computed, not made up."""
        lm = ScriptedLM(load_script("generic"))
        found = run(lm, "docs -> error_categories: dict[str, int], total_errors_found: int", docs=source_text)
        expected = re.findall(r"\b[A-Z]\w*(?:Error|Exception|Warning)\b", source_text)
        assert found.total_errors_found == len(expected)
        assert found.error_categories["ValueError"] == expected.count("ValueError")

    def test_self_test_counts_exactly(self, source_text):
        """The self-test's number equals the truth, and its sub-calls quote real functions."""

        lm = ScriptedLM(load_script("self-test"))
        found = run(
            lm,
            "document, query -> findings: list[str], answer, sections_examined: int",
            factory=TrustedInterpreter.factory(),
            document=source_text,
            query="How many lines raise ValueError?",
        )
        truth = sum(1 for line in source_text.split("\n") if re.match(r"[ \t]*raise ValueError\b", line))
        assert found.answer == f"{truth} lines raise ValueError."
        assert len(found.findings) == found.sections_examined
        assert all(re.match(r"\w+ refuses with ", finding) for finding in found.findings)
        functions = re.findall(r"def (\w+)", source_text)
        assert {finding.split()[0] for finding in found.findings} <= set(functions)


class TestDocument:
    def test_example_runs(self):
        """The example in the documentation is a valid script, and answers as the documentation says."""
        example = re.search(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)[1]
        lm = ScriptedLM(script(example))
        found = run(
            lm, "document, query -> answer", document="ERROR disk full\nok\nERROR no route\n", query="Why?"
        )
        assert f"`{found.answer}`" in DOCUMENT.read_text(encoding="utf-8")

    def test_every_section_is_described(self):
        """The documentation has a row for each section and key that the format knows."""
        text = DOCUMENT.read_text(encoding="utf-8")
        example = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1])
        assert set(example) == {"about", "rules", "steps", "extract", "predict", "replies"}
        for key in (*example, "when", "delay", "fail", "reasoning", "code", "fields", "reply"):
            assert f"| `{key}` |" in text
