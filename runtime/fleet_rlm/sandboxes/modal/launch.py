"""From settings to a running driver: app, image, volume, secrets, sandbox, process."""

from __future__ import annotations

import asyncio
import functools
import os
import re
import socket
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from fleet_rlm import __version__
from fleet_rlm.sandboxes.modal.access import load_sdk, require_credentials, require_server
from fleet_rlm.sandboxes.modal.caller import in_thread
from fleet_rlm.sandboxes.modal.delivery import driver_command, watch_command

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from fleet_rlm.sandboxes.modal.settings import ModalSettings

__all__ = ["TAG", "Driver", "Launch", "find_volume", "forget_found"]

TAG = {"fleet-rlm": "driver"}
"""The tag by which our sandboxes are found again."""

_PATIENCE = 3.0  # seconds of silence after which we look whether there is a server at all


class Driver(NamedTuple):
    """A driver that has been started; both are the SDK's objects."""

    sandbox: Any
    process: Any


class Launch:
    """One start of one sandbox. ``step`` says what is being done, for whoever has to explain a failure."""

    def __init__(self, settings: ModalSettings) -> None:
        self._settings = settings
        self._modal: Any = None
        self.step = "loading the Modal SDK"
        self.sandbox: Any = None

    def check(self) -> None:
        """Find the SDK and credentials, without any network.

        Raises:
            ConfigurationError: one of them is not there.
        """
        self._modal = load_sdk()
        require_credentials()

    async def create(self) -> Any:
        """Create the sandbox; Modal brings its container up meanwhile."""
        settings, modal = self._settings, self._modal
        self._say("connecting to Modal")
        app = settings.app or await _first_answer(_find_app(settings.app_name))
        volumes = {}
        if settings.volume_name:
            self._say(f"finding the volume {settings.volume_name}")
            volumes[settings.volume_path] = await find_volume(settings.volume_name)
        self._say("creating the sandbox (the first time, its image is built: this can take minutes)")
        self.sandbox = await modal.Sandbox.create.aio(
            *watch_command(settings),
            app=app,
            image=settings.image or _image(settings.python_version, settings.pip_packages),
            secrets=self._secrets(),
            volumes=volumes,
            block_network=settings.block_network,
            cpu=settings.cpu,
            memory=settings.memory,
            timeout=settings.timeout,
            idle_timeout=settings.idle_timeout,
            region=settings.region,
            tags=tags(settings.run),
        )
        return self.sandbox

    async def start(self) -> Driver:
        """Start the driver in the created sandbox."""
        self._say("starting the driver")
        process = await self.sandbox.exec.aio(*driver_command(self._settings), text=False)
        return Driver(self.sandbox, process)

    def _secrets(self) -> list[Any]:
        name = self._settings.secret_name
        asked = [self._modal.Secret.from_name(name)] if name else []
        return [*asked, *self._settings.secrets]

    def _say(self, step: str) -> None:
        self.step = step
        if self._settings.progress is not None:
            self._settings.progress(step)


def tags(run: str) -> dict[str, str]:
    """Return the tags of a new sandbox: who made it, for what."""
    told = {
        "version": __version__,
        "host": socket.gethostname(),
        "pid": str(os.getpid()),
        "run": run or uuid.uuid4().hex[:12],
    }
    return {**TAG, **{name: re.sub(r"[^A-Za-z0-9._-]", "-", value)[:63] for name, value in told.items()}}


_apps: dict[str, Any] = {}


async def _find_app(name: str) -> Any:
    """Look an app up, once a process; it is created if missing."""
    if name not in _apps:
        _apps[name] = await load_sdk().App.lookup.aio(name, create_if_missing=True)
    return _apps[name]


@functools.lru_cache
def _image(python_version: str, packages: tuple[str, ...]) -> Any:
    """Describe an image, once a process: the object remembers that it has been built (3 round trips less)."""
    image = load_sdk().Image.debian_slim(python_version)
    return image.pip_install(*packages) if packages else image


def forget_found() -> None:
    """Look everything up again next time; something of it may be gone."""
    _apps.clear()
    _image.cache_clear()


async def find_volume(name: str) -> Any:
    """Return a volume that is there, whatever its version, or a new one of version 2."""
    modal = load_sdk()
    volume = modal.Volume.from_name(name)
    try:
        await volume.hydrate.aio()
    except modal.exception.NotFoundError:
        volume = modal.Volume.from_name(name, create_if_missing=True, version=2)
        await volume.hydrate.aio()
    return volume


async def _first_answer(call: Coroutine[Any, Any, Any]) -> Any:
    """Make the first call to Modal; when it is slow, find out whether Modal can be reached at all."""
    answer = asyncio.ensure_future(call)
    try:
        done, _ = await asyncio.wait([answer], timeout=_PATIENCE)
        if not done:
            await asyncio.wrap_future(in_thread(require_server))
        return await answer
    finally:
        answer.cancel()
