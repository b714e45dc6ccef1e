"""Making the two models of a run, the planner and the sub-LM, from settings.

dspy is imported inside the functions: `fleet_rlm.models` must not cost its import.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from fleet_rlm.config import Settings, load_settings
from fleet_rlm.config.paths import Paths
from fleet_rlm.errors import ConfigurationError
from fleet_rlm.models import claude_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dspy

__all__ = ["configure_planner_from_env", "planner_and_sub_lm", "sub_lm"]

PROVIDER_KEYS: Mapping[str, str] = {
    "anthropic": "ANTHROPIC_API_KEY",
    "cohere": "COHERE_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "fireworks_ai": "FIREWORKS_AI_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "groq": "GROQ_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "together_ai": "TOGETHERAI_API_KEY",
    "xai": "XAI_API_KEY",
}
"""Providers that certainly need a key -> the variable their own SDKs read. Others refuse for themselves."""

NO_KEY = "none"
"""Sent to an address of the user's own when no key is set: local servers want a header, but no secret."""

_WITHOUT_A_KEY = "To try without a key: --model script:generic."

_CLAUDE_MODEL = re.compile(r"[A-Za-z0-9][\w.:@/\[\]-]*")
"""Aliases, full ids (``claude-sonnet-5``, ``…[1m]``) and what Bedrock and Vertex call theirs."""


def planner_and_sub_lm(
    settings: Settings, model: str | None = None, sub_model: str | None = None
) -> tuple[dspy.LM, dspy.LM]:
    """Return the planner and the sub-LM. Both are safe to call from many threads at once.

    A model is named as litellm names it (``openai/gpt-5``), ``claude-code/NAME`` for the user's own Claude
    Code, or ``script:NAME`` or ``script:FILE`` for a scripted model. With none named, and no key or address
    either, Claude Code is asked if it is installed; ``remark`` of the planner then says so.
    A script given as ``model`` also answers sub-calls unless ``sub_model`` says otherwise: whoever asks for
    no model must not pay for one because of an old setting.

    Args:
        settings: keys, addresses and limits.
        model: the planner; ``settings.model`` by default.
        sub_model: the sub-LM; ``settings.sub_model``, then the planner's model, by default.

    Raises:
        ConfigurationError: no model is named, its key or program is missing, or its script cannot be used.
    """
    planner, usual_sub = _planner(settings, model)
    sub = sub_model or (planner if _is_script(model) else settings.sub_model) or usual_sub
    lm = _language_model(planner, settings, key=settings.api_key, base=settings.api_base)
    sub_lm = _sub_lm(lm, planner, sub, settings)
    if not (model or settings.model):
        who = f"{planner} plans, {sub} answers sub-calls"
        lm.remark = f"No model is configured, so Claude Code is asked: {who}."
    return lm, sub_lm


def _planner(settings: Settings, model: str | None) -> tuple[str, str]:
    """Return the planner's name, and the sub-model's if none is named."""
    named = model or settings.model
    if named:
        return named, named
    # Whoever has set a key or an address means another provider and has forgotten the model's name.
    if not (settings.api_key or settings.api_base) and claude_code.find(settings.claude, os.environ):
        return claude_code.PLANNER, claude_code.SUB_MODEL
    raise ConfigurationError(
        "No language model is configured.",
        remedy="Set DSPY_LM_MODEL and DSPY_LLM_API_KEY (in the environment, a .env file or config.yaml), "
        "or pass --model provider/name. With Claude Code installed (claude on PATH) no key is needed: "
        f"--model {claude_code.PLANNER}. To try without any model: --model script:generic.",
    )


def sub_lm(settings: Settings, sub_model: str | None = None) -> dspy.LM:
    """Return only the sub-LM, for code that is written by somebody else than a planner of ours.

    Args:
        settings: keys, addresses and limits.
        sub_model: its name; ``settings.sub_model``, then ``settings.model``, by default.

    Raises:
        ConfigurationError: no model is named, its key is missing, or its script cannot be used.
    """
    name = sub_model or settings.sub_model
    if not name or name == settings.model or _is_script(name):
        sub = planner_and_sub_lm(settings, name)[1]
        if not (name or settings.model):
            sub.remark = f"No model is configured, so Claude Code is asked: {claude_code.SUB_MODEL}."
        return sub
    planner = settings.model or name
    return _language_model(name, settings, **_sub_access(planner, name, settings), for_sub=True)


def configure_planner_from_env() -> bool:
    """Configure dspy with the planner that the environment, a ``.env`` or the user's configuration names.

    Returns:
        True when a model is configured and is now dspy's default; False when none is named, in which case
        nothing changed.

    Raises:
        ConfigurationError: a model is named but cannot be used, such as when its key is missing.
    """
    settings = load_settings()
    if not settings.model:
        return False
    import dspy  # noqa: PLC0415 - see the module docstring

    lm, _ = planner_and_sub_lm(settings)
    dspy.configure(lm=lm)
    return True


def _is_script(model: str | None) -> bool:
    from fleet_rlm.models.script_file import PREFIX  # noqa: PLC0415 - loads yaml

    return bool(model) and str(model).startswith(PREFIX)


def _sub_lm(lm: dspy.LM, planner: str, sub: str, settings: Settings) -> dspy.LM:
    if sub == planner and not settings.sub_api_key and not settings.sub_api_base:
        return lm.copy()
    return _language_model(sub, settings, **_sub_access(planner, sub, settings), for_sub=True)


def _sub_access(planner: str, sub: str, settings: Settings) -> dict[str, str | None]:
    """The sub-model's key and address. Either is one provider's; handing it to another would reveal it."""
    same_provider = _provider(sub) == _provider(planner)
    return {
        "key": settings.sub_api_key or (settings.api_key if same_provider else None),
        "base": settings.sub_api_base or (settings.api_base if same_provider else None),
    }


def _provider(model: str) -> str:
    return model.partition("/")[0] if "/" in model else "openai"


def _language_model(
    model: str, settings: Settings, *, key: str | None, base: str | None, for_sub: bool = False
) -> dspy.LM:
    if _is_script(model):
        return _scripted(model)
    if model.startswith(claude_code.PREFIX):
        return _claude_code(model, settings)
    key = key or _own_key(model, base, for_sub=for_sub)
    import dspy  # noqa: PLC0415 - see the module docstring

    # Otherwise dspy fetches a table of prices from the network before the first call; it brings its own.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    _keep_answers(settings)
    options: dict[str, Any] = {"timeout": settings.lm_timeout}
    options |= {"api_key": key} if key else {}
    options |= {"api_base": base} if base else {}
    options |= {"max_tokens": settings.max_tokens} if settings.max_tokens else {}
    try:
        return dspy.LM(model, cache=settings.lm_cache, num_retries=settings.lm_retries, **options)
    except ValueError as error:
        raise ConfigurationError(
            f"The model {model!r} cannot be used: {error}.",
            remedy="Name it provider/name, such as openai/gpt-5.",
        ) from None


def _scripted(model: str) -> dspy.LM:
    from fleet_rlm.models.script_file import PREFIX, load_script  # noqa: PLC0415 - loads yaml

    script = load_script(model.removeprefix(PREFIX))
    from fleet_rlm.models.scripted_lm import ScriptedLM  # noqa: PLC0415 - loads dspy

    return ScriptedLM(script)


def _claude_code(model: str, settings: Settings) -> dspy.LM:
    name = model.removeprefix(claude_code.PREFIX)
    if not _CLAUDE_MODEL.fullmatch(name):
        raise ConfigurationError(
            f"The model {model!r} cannot be used: {name!r} is no name of a Claude model.",
            remedy=f"Name it as in {claude_code.PLANNER} or {claude_code.PREFIX}claude-haiku-4-5.",
        )
    program = claude_code.require(settings.claude, os.environ)
    from fleet_rlm.models.claude_code.asking import Way  # noqa: PLC0415 - loads dspy
    from fleet_rlm.models.claude_code.gate import default_limit  # noqa: PLC0415
    from fleet_rlm.models.claude_code.lm import ClaudeCodeLM  # noqa: PLC0415 - loads dspy

    way = Way(
        program=program,
        model=name,
        silence=settings.lm_timeout,
        retries=settings.lm_retries,
        parallel=settings.claude_parallel or default_limit(),
    )
    _keep_answers(settings)
    return ClaudeCodeLM(way, max_tokens=settings.max_tokens, cache=settings.lm_cache)


def _keep_answers(settings: Settings) -> None:
    if settings.lm_cache:
        import dspy  # noqa: PLC0415 - see the module docstring

        dspy.configure_cache(disk_cache_dir=str(Paths.of(os.environ).cache / "lm"))


def _own_key(model: str, base: str | None, *, for_sub: bool) -> str | None:
    if base:
        # Otherwise the provider's own variable would be sent to an address that is not the provider's.
        return NO_KEY
    variable = PROVIDER_KEYS.get(_provider(model))
    if variable is None or os.environ.get(variable):
        return None
    name = "FLEET_RLM_SUB_API_KEY" if for_sub else "DSPY_LLM_API_KEY"
    raise ConfigurationError(
        f"No key is set for the model {model!r}.",
        remedy=f"Set {name} or {variable} in the environment, or {name} in a .env file. {_WITHOUT_A_KEY}",
    )
