"""Text as it was typed, whatever the locale makes of it."""

from __future__ import annotations

import os
from typing import Any

import click

__all__ = ["TEXT"]


class _TextParamType(click.ParamType):  # type: ignore[type-arg] # click grew its parameter in 8.4 only
    """Text; a locale that knows ASCII only shows all else as lone surrogates, which are UTF-8 in fact.

    Names of files are not of this type: they are bytes, and with surrogates they lead to their files.
    """

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text; bytes that are no UTF-8 either are replaced."""
        del param, ctx
        try:
            value.encode()
        except UnicodeEncodeError:
            return os.fsencode(value).decode("utf-8", "replace")
        return value


TEXT = _TextParamType()
