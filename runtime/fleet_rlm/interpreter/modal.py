"""On Modal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleet_rlm.guidance import instructions
from fleet_rlm.interpreter.core import SandboxInterpreter
from fleet_rlm.sandboxes.modal import ModalSandbox, ModalSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

__all__ = ["ModalInterpreter"]


class ModalInterpreter(SandboxInterpreter):
    """Runs generated code in a Modal container of its own.

    Args:
        image: a ``modal.Image`` to use instead of the two ``image_…`` settings.
        app: a ``modal.App`` to use instead of looking ``app_name`` up.
        secrets: ``modal.Secret`` objects that code may see.
        timeout: seconds the container lives at most.
        idle_timeout: seconds after which Modal ends it when no command runs in it.
        app_name: the Modal app, created if missing.
        secret_name: a Modal secret that code may see; None attaches none.
        image_python_version: Python of the Debian slim image.
        image_pip_packages: what is installed in it.
        volume_name: a Modal volume, created if missing; None mounts nothing.
        volume_mount_path: where code sees the volume.
        block_network: whether the container has no network at all.
        cpu: cores (requested, limit).
        memory: MiB (requested, limit).
        **options: as for ``SandboxInterpreter``, ``execute_timeout`` among them.
    """

    execution_instructions = instructions(ModalSandbox().description)

    def __init__(
        self,
        *,
        image: Any = None,
        app: Any = None,
        secrets: Sequence[Any] = (),
        timeout: int = ModalSettings.timeout,
        idle_timeout: int = ModalSettings.idle_timeout,
        app_name: str = ModalSettings.app_name,
        secret_name: str | None = None,
        image_python_version: str = ModalSettings.python_version,
        image_pip_packages: Sequence[str] = ModalSettings.pip_packages,
        volume_name: str | None = None,
        volume_mount_path: str = ModalSettings.volume_path,
        block_network: bool = True,
        cpu: tuple[float, float] = ModalSettings.cpu,
        memory: tuple[int, int] = ModalSettings.memory,
        **options: Any,
    ) -> None:
        settings = ModalSettings(
            app_name=app_name,
            app=app,
            image=image,
            python_version=image_python_version,
            pip_packages=tuple(image_pip_packages),
            volume_name=volume_name,
            volume_path=volume_mount_path,
            secret_name=secret_name,
            secrets=tuple(secrets),
            block_network=block_network,
            cpu=cpu,
            memory=memory,
            timeout=timeout,
            idle_timeout=idle_timeout,
        )
        self._modal = ModalSandbox(settings)
        super().__init__(sandbox=self._modal, **options)

    def upload_to_volume(self, local: str | PathLike[str], remote: str) -> None:
        """Put a file or a folder into the volume; code finds it at ``/data/<remote>``.

        Raises:
            UsageError: there is no volume, nothing at ``local``, or ``remote`` leaves the volume.
            ConfigurationError: credentials are missing.
            SandboxError: Modal failed.
        """
        self._modal.upload_to_volume(local, remote)
