"""From ``install`` to an answer about a file too big to read, with Claude Code and no key: what the README promises.

Nothing is configured; the ``claude`` that the user has is planner and sub-model. It asks the same Messages API
as the conversation does, which is the only stand-in.
"""

from __future__ import annotations

import json

import pytest

from client.equipped import FILLER
from client.messages_api import Step, use
from fleet_rlm.models.script_file import load_script
from fleet_rlm.models.scripted import answer

QUESTION = "Why did it go bad?"
COMMAND = f'fleet-rlm run-long-context --docs-path big.log --query "{QUESTION}" --json'
PLAN = """
hits = grep(document, " ERROR ")
said = llm_query("What does this line say? " + hits[0])
SUBMIT(hits, said, 1)
"""
SAID = "On node-42 there was no room left on the disk."


class Model:
    """Plays what has no tools: the planner, and the sub-model."""

    def __init__(self, folder):
        script = folder / "planner.yaml"
        script.write_text(json.dumps({"steps": [{"code": PLAN}], "replies": [{"reply": "unused"}]}))
        self._script = load_script(str(script))
        self.asked = []

    def __call__(self, request):
        text = "\n".join(request.texts())
        if "repl_history" in request.system:
            messages = [{"role": "system", "content": request.system}, {"role": "user", "content": text}]
            return answer(self._script, messages).text
        self.asked.append((request.model, text))
        return SAID


@pytest.mark.usefixtures("log")
def test_the_users_own_client_is_the_model(equipped, tmp_path):
    """A run inside the conversation is planned and answered by the client itself, and its answer comes back."""
    model = Model(tmp_path)
    script = [
        use("Bash", command=COMMAND),
        Step(lambda request: [{"type": "text", "text": next(t for t in request.texts()[::-1] if SAID in t)}]),
    ]
    prefix = "fleet-rlm:" if equipped.options else ""
    conversation = equipped.run(f"/{prefix}rlm {QUESTION} It is in big.log.", script, toolless=model)

    result = next(event for event in conversation.events if event.get("type") == "result")
    assert SAID in str(result["result"])
    assert "No model is configured, so Claude Code is asked" in str(result["result"])
    sub_calls = [(name, text) for name, text in model.asked if "What does this line say?" in text]
    assert [True] == [
        "haiku" in name and "777777 ERROR the disk of node-42 is full" in text for name, text in sub_calls
    ]
    # What the model sees of the log is what the planner is shown of a variable: its first characters.
    assert all(request.raw.count(FILLER.encode()) < 50 for request in conversation.requests)
