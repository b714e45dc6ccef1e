"""Reading the sources of settings: the environment, a project's ``.env`` and the user's ``config.yaml``.

Each reader returns a `Layer`: names and values as written, with the place where each stands. Checking is
`fleet_rlm.config.resolve_settings`'s job.
"""

from __future__ import annotations

import difflib
import io
import os
from typing import TYPE_CHECKING, Any

from fleet_rlm.config.opening import text_of
from fleet_rlm.config.paths import Paths, working_folder
from fleet_rlm.config.table import SETTINGS, Layer, Origin, Settings, resolve_settings
from fleet_rlm.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dotenv.parser import Original

__all__ = ["dotenv_layer", "environment_layer", "file_layer", "find_dotenv", "flag_layer", "load_settings"]

PROJECT_MARKS = (".git", "pyproject.toml")
"""What marks the top folder of a project."""


def load_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Settings:
    """Read every source and build the settings.

    Args:
        flags: what the command line set, by setting name; None values are "not given".
        environ: the environment; this process's by default.
        cwd: where the search for ``.env`` begins; the working directory by default.

    Raises:
        ConfigurationError: a source cannot be read, or holds a value that cannot be used.
    """
    environ = os.environ if environ is None else environ
    dotenv = find_dotenv(cwd or working_folder())
    layers = [flag_layer(flags or {}), environment_layer(environ)]
    if dotenv is not None:
        layers.append(dotenv_layer(dotenv))
    layers.append(file_layer(Paths.of(environ).config_file))
    return resolve_settings(layers, dotenv=dotenv)


def flag_layer(flags: Mapping[str, Any]) -> Layer:
    """What the command line gave."""
    return Layer(
        {name: (value, Origin("flag", f"--{name.replace('_', '-')}")) for name, value in flags.items()}
    )


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """What the environment says; an empty variable counts as not set."""
    return _from_variables({name: (value, Origin("environment", name)) for name, value in environ.items()})


def find_dotenv(start: Path) -> Path | None:
    """Return the nearest ``.env`` from ``start`` up to its project's top; outside one, ``start``'s only.

    Raises:
        ConfigurationError: one of these folders may not be searched, so there is no knowing.
    """
    try:
        return _find_dotenv(start.absolute())
    except OSError as error:
        raise ConfigurationError(
            f"The working folder {start} may not be searched.",
            remedy=f"Work in another folder, or change its permissions ({error}).",
        ) from None


def _find_dotenv(start: Path) -> Path | None:
    folders = (start, *start.parents)
    top = next(
        (folder for folder in folders if any((folder / mark).exists() for mark in PROJECT_MARKS)), start
    )
    within = folders[: folders.index(top) + 1]
    return next((folder / ".env" for folder in within if (folder / ".env").is_file()), None)


def dotenv_layer(path: Path) -> Layer:
    """What a ``.env`` says.

    Values are literal: ``${NAME}`` is not replaced, so a ``.env`` cannot draw other secrets into a setting.

    Raises:
        ConfigurationError: it cannot be read, or a line about one of our settings is malformed.
    """
    from dotenv.parser import parse_stream  # noqa: PLC0415 - not needed to say hello

    bindings = list(parse_stream(io.StringIO(text_of(path) or "")))
    ours = {variable for setting in SETTINGS for variable in setting.variables}
    for binding in bindings:
        if binding.error and any(variable in binding.original.string for variable in ours):
            raise ConfigurationError(
                f"Line {_line(binding.original)} of {path} is not NAME=value.",
                remedy="Write it as NAME=value, with quotes around a value that holds spaces or quotes.",
            )
    return _from_variables(
        {
            binding.key: (binding.value, Origin("dotenv", binding.key, path, _line(binding.original)))
            for binding in bindings
            if binding.key
        }
    )


def file_layer(path: Path) -> Layer:
    """What the user's ``config.yaml`` says; a file that does not exist says nothing.

    Raises:
        ConfigurationError: it cannot be read, is not a mapping, or names a setting that does not exist.
    """
    text = text_of(path)
    if text is None:
        return Layer({})
    content = _parsed(text, path)
    if content is None:
        return Layer({})
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"{path} must hold lines of the form name: value.", remedy="For example, sandbox: local"
        )
    names = [setting.name for setting in SETTINGS]
    for key in content:
        if key not in names:
            close = difflib.get_close_matches(str(key), names, n=1)
            raise ConfigurationError(
                f"{path} sets {key!r}, which is no setting.",
                remedy=f"Did you mean {close[0]!r}?" if close else f"The settings are {', '.join(names)}.",
            )
    return Layer({key: (value, Origin("file", key, path)) for key, value in content.items()})


def _from_variables(variables: Mapping[str, tuple[str | None, Origin]]) -> Layer:
    values: dict[str, tuple[Any, Origin]] = {}
    for setting in SETTINGS:
        present = (variables[name] for name in setting.variables if name in variables)
        chosen = next((item for item in present if item[0]), None)
        if chosen is not None:
            values[setting.name] = chosen
    return Layer(values)


def _line(original: Original) -> int:
    # The parser counts the blank lines before a binding as part of it.
    text = original.string
    return original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _parsed(text: str, path: Path) -> Any:
    import yaml  # noqa: PLC0415 - not needed to say hello

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
    except RecursionError:
        where = ", too deeply nested,"
    # PyYAML lets through: a date in month 13, a number of 5,000 digits, a tag that the value does not fit.
    except (ValueError, ArithmeticError, LookupError, AttributeError):
        where = ", in one of its values,"
    raise ConfigurationError(f"{path}{where} is not valid YAML.", remedy="Correct it, or delete it.")
