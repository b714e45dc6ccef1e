"""The real dspy.LM over real HTTP, against the loopback server: answers, faults and many threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import dspy
import pytest

from fleet_rlm.config import Settings
from fleet_rlm.config.redact import Redactor
from fleet_rlm.errors import ModelError
from fleet_rlm.models import planner_and_sub_lm
from fleet_rlm.models.errors import model_errors
from loopback.openai_server import Dropped, Malformed, OpenAIServer, Refusal, Text, from_script

KEY = "loopback-key-0123456789"


def settings(server, **changes):
    return Settings(
        **{
            "model": "openai/loopback",
            "api_key": KEY,
            "api_base": server.base_url,
            "lm_retries": 0,
            **changes,
        }
    )


def lm_of(server, **changes):
    return planner_and_sub_lm(settings(server, **changes))[0]


class TestAnswers:
    def test_request_carries_the_settings(self, openai_server):
        """Model, key, address and token limit arrive as configured."""
        lm = lm_of(openai_server, max_tokens=77)
        assert lm("Hello") == ["Hello"]
        request = openai_server.requests[0]
        assert request.path == "/v1/chat/completions"
        assert request.body["model"] == "loopback"
        assert 77 in (request.body.get("max_tokens"), request.body.get("max_completion_tokens"))
        assert request.headers["Authorization"] == f"Bearer {KEY}"

    def test_predict(self, openai_server):
        """A dspy program gets its typed fields over HTTP."""
        openai_server.answer = lambda _: "[[ ## total ## ]]\n12\n\n[[ ## completed ## ]]"
        with dspy.context(lm=lm_of(openai_server)):
            assert dspy.Predict("question -> total: int")(question="How many?").total == 12

    def test_rlm(self, source_text):
        """A whole dspy.RLM runs over HTTP, planner and sub-calls, and equals the run without HTTP."""
        with OpenAIServer(from_script("generic")) as server:
            results = []
            for lm, sub_lm in (
                planner_and_sub_lm(settings(server)),
                planner_and_sub_lm(Settings(), "script:generic"),
            ):
                rlm = dspy.RLM(
                    "docs, query -> findings: list[str], answer",
                    sub_lm=sub_lm,
                    interpreter_factory=dspy.LocalInterpreter,
                )
                with dspy.context(lm=lm):
                    results.append(rlm(docs=source_text, query="Which classes decode?"))
            assert results[0].toDict() == results[1].toDict()
            assert len(server.requests) == 9

    def test_sub_model_is_its_own(self, openai_server):
        """A sub-model at another address with its own key is asked there."""
        with OpenAIServer() as other:
            _, sub_lm = planner_and_sub_lm(
                settings(
                    openai_server,
                    sub_model="openai/small",
                    sub_api_key="other-key-12345",
                    sub_api_base=other.base_url,
                )
            )
            sub_lm("x")
            assert (other.requests[0].body["model"], openai_server.requests) == ("small", [])
            assert other.requests[0].headers["Authorization"] == "Bearer other-key-12345"

    def test_key_of_one_provider_is_not_sent_to_another(self, openai_server, monkeypatch):
        """A sub-model at an address of its own, from another provider, does not get the planner's key."""
        monkeypatch.setenv("OPENAI_API_KEY", "the-users-own-openai-key")
        values = {
            "model": "anthropic/x",
            "api_base": None,
            "sub_model": "openai/y",
            "sub_api_base": openai_server.base_url,
        }
        _, sub_lm = planner_and_sub_lm(settings(openai_server, **values))
        sub_lm("x")
        assert openai_server.requests[0].headers["Authorization"] == "Bearer none"

    def test_nothing_is_cached_unless_asked(self, openai_server, home):
        """The same prompt is asked again, and nothing is written."""
        lm = lm_of(openai_server)
        assert [lm("x"), lm("x")] == [["x"], ["x"]]
        assert len(openai_server.requests) == 2
        assert list(home.rglob("*")) == []

    def test_cache_on_request(self, openai_server, home, monkeypatch):
        """With lm_cache the second identical call is not made, and the store is under FLEET_RLM_HOME."""
        monkeypatch.setenv("FLEET_RLM_HOME", str(home / "fleet"))
        before = dspy.cache
        try:
            lm = lm_of(openai_server, lm_cache=True)
            assert [lm("x"), lm("x")] == [["x"], ["x"]]
            assert len(openai_server.requests) == 1
            assert (home / "fleet" / "cache" / "lm").is_dir()
        finally:
            dspy.cache = before

    def test_responses_api(self, openai_server):
        """The server speaks the Responses API as well."""
        lm = dspy.LM(
            "openai/x", model_type="responses", api_key=KEY, api_base=openai_server.base_url, cache=False
        )
        assert lm("Hello")[0]["text"] == "Hello"
        assert openai_server.requests[0].path == "/v1/responses"

    def test_streaming(self, openai_server):
        """The server streams when asked to, and the pieces make the whole."""
        openai_server.answer = lambda _: f"[[ ## reply ## ]]\n{'word ' * 20}\n\n[[ ## completed ## ]]"
        listener = dspy.streaming.StreamListener(signature_field_name="reply")
        program = dspy.streamify(
            dspy.Predict("question -> reply"), stream_listeners=[listener], async_streaming=False
        )
        with dspy.context(lm=lm_of(openai_server)):
            found = list(program(question="?"))
        assert found[-1].reply == ("word " * 20).strip()
        assert openai_server.requests[0].body["stream"] is True
        assert len(found) > 2


FAULTS = {
    "refused key": (
        Refusal(401, f"Incorrect API key provided: {KEY}."),
        "The model openai/loopback failed: Incorrect API key provided: [redacted].",
        "Check DSPY_LLM_API_KEY, and that it belongs to the provider in DSPY_LM_MODEL.",
    ),
    "unknown model": (
        Refusal(404, "No such model", code="model_not_found"),
        "No such model",
        "Check the name in DSPY_LM_MODEL",
    ),
    "rate limit": (
        Refusal(429, "Slow down", {"Retry-After": "7"}),
        "Slow down",
        "Wait, or make fewer calls at once with a lower --concurrency.",
    ),
    "server error": (Refusal(500, "Oh no"), "Oh no", "The provider failed; try again later."),
    "too long": (
        Refusal(400, "This model's maximum context length is 9 tokens", code="context_length_exceeded"),
        "maximum context length",
        "Ask for less at once",
    ),
    "no JSON": (Malformed(), "The model openai/loopback failed: ", None),
    "dropped": (
        Dropped(),
        "The model openai/loopback failed: ",
        "Check the network and DSPY_LM_API_BASE.",
    ),
    "cut short": (
        Dropped(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        "The model openai/loopback failed: ",
        "Check the network and DSPY_LM_API_BASE.",
    ),
}


class TestFaults:
    @pytest.mark.parametrize("case", FAULTS)
    def test_one_sentence_and_a_remedy(self, case, openai_server):
        """Each failure becomes a ModelError in the provider's words, without the key, with a remedy."""
        fault, message, remedy = FAULTS[case]
        openai_server.next_replies = [fault]
        with pytest.raises(ModelError) as caught, model_errors(Redactor(frozenset([KEY]))):
            lm_of(openai_server)("x")
        assert message in caught.value.message
        assert KEY not in str(caught.value)
        assert (caught.value.remedy or "").startswith(remedy or "")
        assert caught.value.exit_code == 7
        assert caught.value.__cause__ is None

    def test_nobody_listens(self):
        """A wrong address is a ModelError that names the setting."""
        with pytest.raises(ModelError, match="DSPY_LM_API_BASE"), model_errors(Redactor()):
            planner_and_sub_lm(Settings(model="openai/x", api_base="http://127.0.0.1:9/v1", lm_retries=0))[0](
                "x"
            )

    def test_silence(self, openai_server):
        """A server that says nothing for lm_timeout seconds is given up."""
        openai_server.next_replies = [Text("late", delay=1.5)]
        with pytest.raises(ModelError), model_errors(Redactor()):
            lm_of(openai_server, lm_timeout=0.1)("x")

    def test_passing_failure_is_retried(self, openai_server):
        """A rate limit is waited for as the server says, and then the call succeeds."""
        openai_server.next_replies = [Refusal(429, "Slow down", {"Retry-After": "0.05"})]
        assert lm_of(openai_server, lm_retries=1)("x") == ["x"]
        assert len(openai_server.requests) == 2

    def test_wrong_form(self, openai_server):
        """An answer without the wanted fields is a ModelError, not a parser's message."""
        with (
            dspy.context(lm=lm_of(openai_server)),
            pytest.raises(ModelError) as caught,
            model_errors(Redactor()),
        ):
            dspy.Predict("question -> total: int")(question="How many?")
        assert caught.value.message == "The model's answer did not have the fields that were asked for."

    def test_other_errors_pass(self):
        """What is not a model's failure is not touched."""
        with pytest.raises(ZeroDivisionError), model_errors(Redactor()):
            _ = 1 / 0


class TestThreads:
    def test_64_calls_at_once(self, openai_server):
        """One LM serves 64 threads at once: all are in flight together, and none gets another's answer."""
        gate = threading.Barrier(64)

        def together(messages):
            gate.wait(timeout=20)
            return f"re: {messages[-1]['content']}"

        openai_server.answer = together
        lm = lm_of(openai_server)
        prompts = [f"prompt {n}" for n in range(128)]
        with ThreadPoolExecutor(64) as pool:
            assert list(pool.map(lm, prompts)) == [[f"re: {prompt}"] for prompt in prompts]
        assert openai_server.busiest == 64
