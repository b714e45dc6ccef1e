"""Which models a run gets from which settings."""

from __future__ import annotations

import subprocess
import sys

import dspy
import pytest

from fleet_rlm.config import Settings
from fleet_rlm.errors import ConfigurationError
from fleet_rlm.models import configure_planner_from_env, planner_and_sub_lm
from fleet_rlm.models.factory import PROVIDER_KEYS
from fleet_rlm.models.scripted_lm import ScriptedLM

REAL = Settings(model="openai/big", api_key="k-12345678")


def names(*args, **kwargs):
    return tuple(lm.model for lm in planner_and_sub_lm(*args, **kwargs))


def test_both_from_settings():
    """Without arguments the settings decide, and the planner's model answers sub-calls."""
    assert names(REAL) == ("openai/big", "openai/big")
    assert names(Settings(model="openai/big", api_key="k", sub_model="openai/small")) == (
        "openai/big",
        "openai/small",
    )


def test_arguments_win():
    """What the command line names wins over settings."""
    settings = Settings(model="openai/big", api_key="k", sub_model="openai/small")
    assert names(settings, "openai/a", "openai/b") == ("openai/a", "openai/b")


def test_a_script_asks_no_model_behind_the_users_back():
    """A script given as the model also answers sub-calls, whatever the settings say."""
    settings = Settings(model="openai/big", api_key="k", sub_model="openai/small")
    lm, sub_lm = planner_and_sub_lm(settings, "script:generic")
    assert isinstance(lm, ScriptedLM)
    assert isinstance(sub_lm, ScriptedLM)


def test_a_script_may_answer_only_the_sub_calls():
    """Planner and sub-LM can be of different kinds."""
    assert names(REAL, sub_model="script:generic") == ("openai/big", "script:generic")


def test_histories_are_separate():
    """Planner and sub-LM keep their histories apart even if they are the same model."""
    lm, sub_lm = planner_and_sub_lm(Settings(), "script:generic")
    sub_lm("x")
    assert (len(lm.history), len(sub_lm.history)) == (0, 1)


def test_no_model():
    """Without any model the error names every way to one."""
    with pytest.raises(ConfigurationError) as caught:
        planner_and_sub_lm(Settings())
    assert str(caught.value) == (
        "No language model is configured. Set DSPY_LM_MODEL and DSPY_LLM_API_KEY (in the environment, a .env file "
        "or config.yaml), or pass --model provider/name. With Claude Code installed (claude on PATH) no key is needed: "
        "--model claude-code/sonnet. To try without any model: --model script:generic."
    )


def test_no_key():
    """A model of a provider that needs a key is refused before anything is asked."""
    with pytest.raises(ConfigurationError) as caught:
        planner_and_sub_lm(Settings(), "openai/big")
    assert str(caught.value) == (
        "No key is set for the model 'openai/big'. Set DSPY_LLM_API_KEY or OPENAI_API_KEY in the environment, "
        "or DSPY_LLM_API_KEY in a .env file. To try without a key: --model script:generic."
    )


def test_no_key_for_the_sub_model():
    """A sub-model of another provider needs a key of its own, and the error names the setting for it."""
    with pytest.raises(ConfigurationError, match="Set FLEET_RLM_SUB_API_KEY or ANTHROPIC_API_KEY"):
        planner_and_sub_lm(REAL, sub_model="anthropic/small")


def test_the_providers_own_variable_is_enough(monkeypatch):
    """A key in the variable that the provider's own tools read is found."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k-12345678")
    assert names(Settings(), "anthropic/big") == ("anthropic/big", "anthropic/big")


def test_local_servers_need_no_key():
    """An address of one's own, or a provider that may need none, is not refused for want of a key."""
    assert names(Settings(api_base="http://localhost:1/v1"), "openai/local")[0] == "openai/local"
    assert names(Settings(), "ollama_chat/llama")[0] == "ollama_chat/llama"


def test_half_a_name():
    """A provider without a model is refused with the form that is wanted."""
    with pytest.raises(ConfigurationError, match=r"Name it provider/name, such as openai/gpt-5\."):
        planner_and_sub_lm(REAL, "openai/")


def test_provider_table_is_sorted():
    """The table of providers is easy to read and to extend."""
    assert list(PROVIDER_KEYS) == sorted(PROVIDER_KEYS)


class TestConfigurePlannerFromEnv:
    @pytest.fixture(autouse=True)
    def elsewhere(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    def test_nothing_set(self):
        """Without a model it says so and changes nothing."""
        assert configure_planner_from_env() is False

    def test_model_without_key(self, monkeypatch):
        """A model that cannot be used is an error, not a silent False."""
        monkeypatch.setenv("DSPY_LM_MODEL", "openai/big")
        with pytest.raises(ConfigurationError, match="No key is set"):
            configure_planner_from_env()

    def test_configured_from_dotenv(self, tmp_path):
        """What a .env names becomes dspy's default model."""
        (tmp_path / ".env").write_text("DSPY_LM_MODEL=openai/big\nDSPY_LM_API_KEY=k-12345678\n")
        before = dspy.settings.lm
        try:
            assert configure_planner_from_env() is True
            assert dspy.settings.lm.model == "openai/big"
            assert dspy.settings.lm.kwargs["api_key"] == "k-12345678"
        finally:
            dspy.configure(lm=before)


def test_importing_is_cheap():
    """Importing the settings and the models loads neither dspy nor yaml nor dotenv."""
    heavy = {"dspy", "litellm", "modal", "yaml", "dotenv", "platformdirs"}
    program = f"import sys, fleet_rlm.config, fleet_rlm.models, fleet_rlm.config.redact; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
