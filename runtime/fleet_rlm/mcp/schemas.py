"""The arguments of tools: JSON Schemas for the client, and one sentence for a model that got them wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["arguments", "array", "choice", "count", "flag", "number", "schema", "text"]


def schema(properties: Mapping[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the schema of an object that has these properties and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def text(description: str, **more: Any) -> dict[str, Any]:
    """A string."""
    return {"type": "string", "description": description, **more}


def array(description: str, **more: Any) -> dict[str, Any]:
    """A list of strings."""
    return {"type": "array", "items": {"type": "string"}, "description": description, **more}


def choice(description: str, *values: str, **more: Any) -> dict[str, Any]:
    """One of ``values``."""
    return {"type": "string", "enum": list(values), "description": description, **more}


def count(description: str, least: int = 0, **more: Any) -> dict[str, Any]:
    """A whole number, ``least`` or more."""
    return {"type": "integer", "minimum": least, "description": description, **more}


def number(description: str, **more: Any) -> dict[str, Any]:
    """A number, 0 or more."""
    return {"type": "number", "minimum": 0, "description": description, **more}


def flag(description: str, **more: Any) -> dict[str, Any]:
    """A boolean."""
    return {"type": "boolean", "description": description, **more}


def arguments(tool: str, wanted: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``given`` with the defaults of the schema ``wanted`` filled in.

    Raises:
        UsageError: an argument is missing, unknown or of another kind.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - only when a tool is called
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    wrong = best_match(Draft202012Validator(wanted).iter_errors(dict(given)))
    if wrong is not None:
        where = ".".join(map(str, wrong.absolute_path))
        raise UsageError(
            f"{tool}: {f'{where}: ' if where else ''}{wrong.message.rstrip('.')}.",
            remedy=f"The arguments are: {_listed(wanted)}.",
        )
    defaults = {name: one["default"] for name, one in wanted["properties"].items() if "default" in one}
    return {**defaults, **given}


def _listed(wanted: Mapping[str, Any]) -> str:
    required = wanted["required"]
    return ", ".join(f"{name} (required)" if name in required else name for name in wanted["properties"])
