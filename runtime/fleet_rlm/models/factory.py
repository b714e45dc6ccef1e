"""Making the two models of a run, the planner and the sub-LM, from settings.

dspy is imported inside the functions: `fleet_rlm.models` must not cost its import.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fleet_rlm.config import Settings, load_settings
from fleet_rlm.config.paths import Paths
from fleet_rlm.errors import ConfigurationError

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


def planner_and_sub_lm(
    settings: Settings, model: str | None = None, sub_model: str | None = None
) -> tuple[dspy.LM, dspy.LM]:
    """Return the planner and the sub-LM. Both are safe to call from many threads at once.

    A model is named as litellm names it (``openai/gpt-5``), or ``script:NAME`` or ``script:FILE`` for a
    scripted model. A script given as ``model`` also answers sub-calls unless ``sub_model`` says otherwise:
    whoever asks for no model must not pay for one because of an old setting.

    Args:
        settings: keys, addresses and limits.
        model: the planner; ``settings.model`` by default.
        sub_model: the sub-LM; ``settings.sub_model``, then the planner's model, by default.

    Raises:
        ConfigurationError: no model is named, its key is missing, or its script cannot be used.
    """
    planner = model or settings.model
    if not planner:
        raise ConfigurationError(
            "No language model is configured.",
            remedy="Set DSPY_LM_MODEL and DSPY_LLM_API_KEY (in the environment, a .env file or config.yaml), "
            f"or pass --model provider/name. {_WITHOUT_A_KEY}",
        )
    sub = sub_model or (planner if _is_script(model) else settings.sub_model) or planner
    lm = _language_model(planner, settings, key=settings.api_key, base=settings.api_base)
    return lm, _sub_lm(lm, planner, sub, settings)


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
        return planner_and_sub_lm(settings, name)[1]
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
    key = key or _own_key(model, base, for_sub=for_sub)
    import dspy  # noqa: PLC0415 - see the module docstring

    # Otherwise dspy fetches a table of prices from the network before the first call; it brings its own.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    if settings.lm_cache:
        dspy.configure_cache(disk_cache_dir=str(Paths.of(os.environ).cache / "lm"))
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
