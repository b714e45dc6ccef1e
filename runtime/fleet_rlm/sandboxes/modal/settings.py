"""What a Modal sandbox is made of, as a value that has been checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["APP_NAME", "ModalSettings"]

APP_NAME = "dspy-rlm-interpreter"
"""The Modal app that all our sandboxes belong to, unless another is named."""

_LONGEST = 24 * 3600  # Modal's own limit on a sandbox's life (its guide)
_PYTHON = re.compile(r"3\.(9|[1-9]\d)(\.\d+)?")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class ModalSettings:
    """Configuration of one Modal sandbox.

    Attributes:
        app_name: the Modal app, created if missing.
        app: a ``modal.App`` to use instead of looking ``app_name`` up.
        image: a ``modal.Image`` to use instead of the two settings below; needs ``python3`` 3.9 or newer.
        python_version: Python of the Debian slim image.
        pip_packages: what is installed in it.
        volume_name: a Modal volume, created if missing, mounted at ``volume_path``; None mounts nothing.
        volume_path: where code sees the volume.
        secret_name: a Modal secret whose variables the code may see; None attaches none (design.md, P6).
        secrets: ``modal.Secret`` objects to attach as well; the caller asked for them by passing them.
        block_network: whether the sandbox has no network at all.
        cpu: cores (requested, limit).
        memory: MiB (requested, limit).
        timeout: seconds the sandbox lives at most.
        idle_timeout: seconds after which Modal ends it when no command runs in it.
        heartbeat: seconds of silence after which the driver, and with it the sandbox, ends by itself.
        region: where Modal should place it; None leaves that to Modal.
        run: names the run in the sandbox's tags.
        progress: called with one line for each step of the start, from a thread of ours.
    """

    app_name: str = APP_NAME
    app: Any = None
    image: Any = None
    python_version: str = "3.12"
    pip_packages: tuple[str, ...] = ("numpy", "pandas")
    volume_name: str | None = None
    volume_path: str = "/data"
    secret_name: str | None = None
    secrets: tuple[Any, ...] = ()
    block_network: bool = True
    cpu: tuple[float, float] = (0.5, 4.0)
    memory: tuple[int, int] = (1024, 16384)
    timeout: int = 600
    idle_timeout: int = 120
    heartbeat: float = 60.0
    region: str | None = None
    run: str = ""
    progress: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        """Refuse what Modal would refuse, before anything is asked of it.

        Raises:
            UsageError: a setting is out of range or malformed.
        """
        for name in ("timeout", "idle_timeout"):
            seconds = getattr(self, name)
            if not 1 <= seconds <= _LONGEST:
                raise UsageError(f"{name} of a Modal sandbox must be 1 to {_LONGEST} seconds, not {seconds}.")
        if self.heartbeat <= 0:
            raise UsageError(f"heartbeat must be positive, not {self.heartbeat} seconds.")
        for name in ("cpu", "memory"):
            requested, limit = getattr(self, name)
            if not 0 < requested <= limit:
                raise UsageError(f"{name} must be (requested, limit) with 0 < requested <= limit.")
        if not _PYTHON.fullmatch(self.python_version):
            raise UsageError(
                f"Python {self.python_version!r} cannot run the driver.", remedy="Use 3.9 or newer."
            )
        path = PurePosixPath(self.volume_path)
        if not path.is_absolute() or path == PurePosixPath("/") or ".." in path.parts:
            raise UsageError(
                f"a volume cannot be mounted at {self.volume_path!r}.", remedy="Use a path like /data."
            )
        for what, text in (
            ("app", self.app_name),
            ("volume", self.volume_name),
            ("secret", self.secret_name),
        ):
            if text is not None and not _NAME.fullmatch(text):
                raise UsageError(
                    f"{text!r} is no name for a Modal {what}.",
                    remedy="Use up to 64 letters, digits, dots, dashes and underscores.",
                )
