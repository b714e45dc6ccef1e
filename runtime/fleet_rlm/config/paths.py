"""Where fleet-rlm keeps a user's own data.

``FLEET_RLM_HOME`` moves all of it under one folder; without it each kind lives where the platform expects it.
It is read from the environment only: a project's ``.env`` must not choose whose configuration counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fleet_rlm.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HOME_VARIABLE", "Paths", "working_folder"]

HOME_VARIABLE = "FLEET_RLM_HOME"
_APP = "fleet-rlm"


@dataclass(frozen=True)
class Paths:
    """The folders of one user; none of them needs to exist yet.

    Attributes:
        config: holds ``config.yaml``.
        state: runs and sessions.
        logs: log files of unexpected errors.
        volumes: local volumes, one folder each, seen as ``/data`` in a local sandbox.
        cache: what may be deleted at any time.
    """

    config: Path
    state: Path
    logs: Path
    volumes: Path
    cache: Path

    @property
    def config_file(self) -> Path:
        """The user's configuration file."""
        return self.config / "config.yaml"

    @property
    def sessions(self) -> Path:
        """Holds a folder for each session."""
        return self.state / "sessions"

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Paths:
        """Return the folders that ``environ`` asks for.

        Raises:
            ConfigurationError: this user has no home, or it is relative to a working folder that is gone.
        """
        try:
            return cls._of(environ)
        except RuntimeError:  # how pathlib says that neither HOME nor the system's list of users knows one
            raise ConfigurationError(
                "Your home folder cannot be found.", remedy=f"Set HOME, or {HOME_VARIABLE} to a folder."
            ) from None
        except FileNotFoundError:
            raise _gone() from None

    @classmethod
    def _of(cls, environ: Mapping[str, str]) -> Paths:
        if environ.get(HOME_VARIABLE):
            home = Path(environ[HOME_VARIABLE]).expanduser().absolute()
            return cls(home, home / "state", home / "logs", home / "volumes", home / "cache")
        import platformdirs  # noqa: PLC0415 - not needed to say hello

        dirs = platformdirs.PlatformDirs(_APP, appauthor=False)
        return cls(
            dirs.user_config_path,
            dirs.user_state_path,
            dirs.user_log_path,
            dirs.user_data_path / "volumes",
            dirs.user_cache_path,
        )


def working_folder() -> Path:
    """Return where this process works.

    Raises:
        ConfigurationError: that folder was deleted.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise _gone() from None


def _gone() -> ConfigurationError:
    return ConfigurationError("The working folder no longer exists.", remedy="Change to another one.")
