"""Settings: flags > environment > ``.env`` > user configuration file > defaults.

Each field of `Settings` is declared once, with its variable, its check and its help; the table `SETTINGS`,
the command line's help, ``fleet-rlm describe`` and every error message are made from that declaration.
Nothing is written to ``os.environ``, so a ``.env`` is seen by fleet-rlm and by no process it starts.

A ``.env`` lies in the project, and a project may be somebody else's. It may choose a model, but it may not
take the walls away (``sandbox: trusted``), have a program of its own started (``claude``), or have a key from
elsewhere sent to its own server.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fleet_rlm.config.kinds import FLAG, SECONDS, SIZE, TEXT, URL, Kind, choice, integer
from fleet_rlm.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["SETTINGS", "Layer", "Origin", "Setting", "Settings", "resolve_settings"]


@dataclass(frozen=True)
class Setting:
    """One setting as every reader of the table sees it.

    Attributes:
        name: the name in ``config.yaml`` and the attribute of `Settings`.
        variables: environment variables, the preferred one first.
        kind: what it must be.
        default: the value when nothing sets it.
        help: one line for people.
        secret: its value is never shown.
        dotenv_refuses: values that a project's ``.env`` may not choose.
        dotenv_may_set: whether a project's ``.env`` may choose it at all.
    """

    name: str
    variables: tuple[str, ...]
    kind: Kind
    default: Any
    help: str
    secret: bool = False
    dotenv_refuses: tuple[str, ...] = ()
    dotenv_may_set: bool = True


@dataclass(frozen=True)
class Origin:
    """Where a value came from; ``str()`` says it to a person.

    Attributes:
        source: ``flag``, ``environment``, ``dotenv``, ``file`` or ``default``.
        key: the flag, variable or key used.
        path: the file, for ``dotenv`` and ``file``.
        line: the line in it, counted from 1.
    """

    source: str
    key: str = ""
    path: Path | None = None
    line: int | None = None

    def __str__(self) -> str:
        """The place in words, such as ``DSPY_LM_MODEL in .env, line 3``."""
        if self.path is not None:
            line = f", line {self.line}" if self.line else ""
            return f"{self.key} in {self.path}{line}"
        return {"environment": f"{self.key} in the environment", "default": "default"}.get(
            self.source, self.key
        )


_DEFAULT = Origin("default")


@dataclass(frozen=True)
class Layer:
    """What one source says: setting name -> (value as written, where)."""

    values: Mapping[str, tuple[Any, Origin]]


def _setting(
    *variables: str,
    kind: Kind,
    help: str,  # noqa: A002 - click's and argparse's word for it
    default: Any = None,
    secret: bool = False,
    dotenv_refuses: tuple[str, ...] = (),
    dotenv_may_set: bool = True,
) -> Any:
    facts = {
        "variables": variables,
        "kind": kind,
        "help": help,
        "secret": secret,
        "dotenv_refuses": dotenv_refuses,
        "dotenv_may_set": dotenv_may_set,
    }
    return field(default=default, metadata=facts, repr=not secret)


@dataclass(frozen=True)
class Settings:
    """All settings, checked. Sizes are bytes, times are seconds, None means "not set".

    ``origins`` maps each name to where its value came from; ``dotenv`` is the file that was found.
    """

    model: str | None = _setting(
        "DSPY_LM_MODEL",
        kind=TEXT,
        help="The model that plans, such as openai/gpt-5, claude-code/sonnet or script:NAME.",
    )
    api_key: str | None = _setting(
        "DSPY_LLM_API_KEY",
        "DSPY_LM_API_KEY",
        kind=TEXT,
        help="The key for the model's provider.",
        secret=True,
    )
    api_base: str | None = _setting(
        "DSPY_LM_API_BASE", kind=URL, help="The address of an API compatible with the provider's."
    )
    max_tokens: int | None = _setting(
        "DSPY_LM_MAX_TOKENS", kind=integer(1), help="The longest answer of a model, in tokens."
    )
    sub_model: str | None = _setting(
        "FLEET_RLM_SUB_MODEL", kind=TEXT, help="The model that llm_query asks; the planning model if not set."
    )
    sub_api_key: str | None = _setting(
        "FLEET_RLM_SUB_API_KEY",
        kind=TEXT,
        help="The key for the sub-model, if it is another provider's.",
        secret=True,
    )
    sub_api_base: str | None = _setting(
        "FLEET_RLM_SUB_API_BASE", kind=URL, help="The address of the sub-model's API, if it is another."
    )
    lm_timeout: float = _setting(
        "FLEET_RLM_LM_TIMEOUT", kind=SECONDS, default=600.0, help="Seconds to wait for a model's next byte."
    )
    lm_retries: int = _setting(
        "FLEET_RLM_LM_RETRIES",
        kind=integer(0),
        default=3,
        help="Retries of a model call that failed in passing.",
    )
    claude: str | None = _setting(
        "FLEET_RLM_CLAUDE",
        kind=TEXT,
        help="The claude program that models named claude-code/… ask; else the one on PATH.",
        dotenv_may_set=False,
    )
    claude_parallel: int | None = _setting(
        "FLEET_RLM_CLAUDE_PARALLEL",
        kind=integer(1),
        help="How many claude processes run at once; if not set, what cores and memory allow, at most 8.",
    )
    lm_cache: bool = _setting(
        "FLEET_RLM_LM_CACHE",
        kind=FLAG,
        default=False,
        help="Reuse the stored answer of an identical model call.",
    )
    sandbox: str = _setting(
        "FLEET_RLM_SANDBOX",
        kind=choice("auto", "local", "modal", "trusted"),
        default="auto",
        help="Where generated code runs.",
        dotenv_refuses=("trusted",),
    )
    confinement: str = _setting(
        "FLEET_RLM_CONFINEMENT",
        kind=choice("auto", "bwrap", "landlock", "seatbelt"),
        default="auto",
        help="What confines the local sandbox.",
    )
    memory: int | None = _setting(
        "FLEET_RLM_MEMORY", kind=SIZE, help="The memory of a sandbox; its own default if not set."
    )
    volume_name: str | None = _setting("FLEET_RLM_VOLUME", kind=TEXT, help="The volume mounted at /data.")
    concurrency: int = _setting(
        "FLEET_RLM_CONCURRENCY", kind=integer(1), default=40, help="How many sub-model calls run at once."
    )
    hooks: bool = _setting(
        "FLEET_RLM_HOOKS",
        kind=FLAG,
        default=True,
        help="Whether the hooks in Claude Code say anything; they do not read a .env.",
    )
    hook_threshold: int = _setting(
        "FLEET_RLM_HOOK_THRESHOLD",
        kind=SIZE,
        default=256 << 10,
        help="Files above this size are large to the hooks in Claude Code; they do not read a .env.",
    )
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False, repr=False)
    dotenv: Path | None = field(default=None, compare=False, repr=False)

    def origin(self, name: str) -> Origin:
        """Where the value of setting ``name`` came from."""
        return self.origins.get(name, _DEFAULT)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never be shown."""
        held = (getattr(self, setting.name) for setting in SETTINGS if setting.secret)
        return tuple(value for value in held if value)

    def shown(self, name: str) -> str | None:
        """The value of ``name`` as a person may see it: a secret is only ``present``; None is not set."""
        value = getattr(self, name)
        if value is None:
            return None
        return "present" if _BY_NAME[name].secret else str(value)


def _table() -> tuple[Setting, ...]:
    declared = (item for item in dataclasses.fields(Settings) if item.metadata)
    return tuple(Setting(name=item.name, default=item.default, **item.metadata) for item in declared)


SETTINGS: tuple[Setting, ...] = _table()
"""Every setting, in the order in which help texts show them."""

_BY_NAME = {setting.name: setting for setting in SETTINGS}


def resolve_settings(layers: Sequence[Layer], *, dotenv: Path | None = None) -> Settings:
    """Build the settings from ``layers``, the strongest first. Pure.

    Raises:
        ConfigurationError: a value cannot be used; the message names where it stands.
    """
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for setting in SETTINGS:
        for layer in layers:
            raw, origin = layer.values.get(setting.name, (None, _DEFAULT))
            if raw is None or raw == "":
                continue
            values[setting.name] = _parse(setting, raw, origin)
            origins[setting.name] = origin
            break
    settings = Settings(**values, origins=origins, dotenv=dotenv)
    _check_where_keys_go(settings)
    return settings


def _parse(setting: Setting, raw: Any, origin: Origin) -> Any:
    if origin.source == "dotenv" and (raw in setting.dotenv_refuses or not setting.dotenv_may_set):
        raise ConfigurationError(
            f"{origin}: a project's .env may not choose {setting.name}={raw}, because it removes protection.",
            remedy=f"Choose it yourself: export {setting.variables[0]}={raw}, or pass it as a flag.",
        )
    if isinstance(raw, (list, dict)):
        raise _invalid(setting, origin, "a list" if isinstance(raw, list) else "a mapping", setting.kind.name)
    try:
        return setting.kind.parse(str(raw).strip())
    except ValueError as error:
        raise _invalid(setting, origin, "hidden" if setting.secret else repr(str(raw)), str(error)) from None


def _invalid(setting: Setting, origin: Origin, got: str, expected: str) -> ConfigurationError:
    return ConfigurationError(
        f"{origin}: {setting.name} is {got}, but it must be {expected}.",
        remedy=f"Correct it or remove it; without it the default is {setting.default!r}."
        if setting.default is not None
        else "Correct it or remove it.",
    )


def _check_where_keys_go(settings: Settings) -> None:
    pairs = (
        ("api_base", "api_key"),
        ("sub_api_base", "sub_api_key" if settings.sub_api_key else "api_key"),
    )
    for base, key in pairs:
        address = getattr(settings, base)
        if not address or not getattr(settings, key) or _is_loopback(address):
            continue
        if settings.origin(base).source == "dotenv" and settings.origin(key).source != "dotenv":
            variable = _BY_NAME[base].variables[0]
            raise ConfigurationError(
                f"{settings.origin(base)}: this project's .env would have your key "
                f"({settings.origin(key)}) sent to {urlsplit(address).hostname}.",
                remedy=f"If that is right, export {variable} yourself, or put the key into the same .env.",
            )


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
