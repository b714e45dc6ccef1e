"""The Modal sandbox as the interpreter sees it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fleet_rlm.sandboxes.modal.connection import ModalConnection
from fleet_rlm.sandboxes.modal.settings import ModalSettings
from fleet_rlm.sandboxes.modal.volumes import upload

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

__all__ = ["ModalSandbox"]


_BUILD_SECONDS = 900.0


@dataclass
class _Early:
    """The one sandbox that may be under way before it is asked for."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    connection: ModalConnection | None = None

    def take(self) -> ModalConnection | None:
        """Hand it over, once."""
        with self.lock:
            connection, self.connection = self.connection, None
            return connection


@dataclass(frozen=True)
class ModalSandbox:
    """Runs each driver in a Modal sandbox of its own.

    Not a place to keep state: what must outlive a session goes to the volume.

    Attributes:
        settings: what the sandboxes are made of.
    """

    settings: ModalSettings = field(default_factory=ModalSettings)
    _early: _Early = field(default_factory=_Early, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """``modal``."""
        return "modal"

    @property
    def start_timeout(self) -> float:
        """Minutes, because the first start of an image builds it."""
        return _BUILD_SECONDS

    @property
    def description(self) -> str:
        """One line for the planner."""
        settings = self.settings
        packages = "a given image" if settings.image else ", ".join(settings.pip_packages) or "no packages"
        network = "no network" if settings.block_network else "network access"
        volume = f" Files under {settings.volume_path} outlive the session." if settings.volume_name else ""
        return f"A Modal container with Python {settings.python_version}, {packages} and {network}.{volume}"

    def prepare(self) -> None:
        """Begin to create a sandbox in the background and return at once; the next ``open`` takes it.

        It is kept alive until then. Failures are reported by that ``open`` and its connection.
        """
        with self._early.lock:
            if self._early.connection is None:
                self._early.connection = ModalConnection(self.settings)

    def discard(self) -> None:
        """End a prepared sandbox that nobody opened."""
        connection = self._early.take()
        if connection is not None:
            connection.close()

    def verify(self, ready: Mapping[str, Any]) -> None:
        """Nothing to verify from here: what a container can reach is Modal's to enforce."""

    def open(self) -> ModalConnection:
        """Return a connection whose sandbox is being created, or was by ``prepare``.

        Raises:
            ConfigurationError: the SDK is hidden or missing, or there are no credentials.
        """
        connection = self._early.take() or ModalConnection(self.settings)
        connection.wait_checked()
        return connection

    def upload_to_volume(self, local: str | PathLike[str], remote: str) -> None:
        """Put a file or a folder into the volume; see `ModalConnection.upload_to_volume` for a running one.

        Raises:
            UsageError: there is no volume, or nothing at ``local``.
            ConfigurationError: credentials are missing.
            SandboxError: Modal failed.
        """
        upload(self.settings.volume_name, local, remote)
