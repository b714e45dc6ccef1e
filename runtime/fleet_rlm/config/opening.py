"""Reading a file of settings: a regular one, and without ever waiting for it."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from fleet_rlm.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["text_of"]


def text_of(path: Path) -> str | None:
    """Return the text of a regular file, or None if there is no file.

    Raises:
        ConfigurationError: it is something else, may not be read or is no UTF-8.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigurationError(f"{path} is no regular file.", remedy="Replace or delete it.")
            return file.read().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}.", remedy="Correct its permissions."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text.", remedy="Save it as UTF-8.") from None


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting: a named pipe would wait for a writer."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
