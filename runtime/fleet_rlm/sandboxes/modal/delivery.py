"""The driver as arguments of one command: real files, packed, unpacked again by a small program."""

from __future__ import annotations

import base64
import bz2
import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING

import fleet_rlm
from fleet_rlm.driver import SHIPPED

if TYPE_CHECKING:
    from fleet_rlm.sandboxes.modal.settings import ModalSettings

__all__ = ["driver_command", "guest_program", "lengths_command", "packed_files", "watch_command"]

_LOCK = "/tmp/.fleet-rlm-driver"  # noqa: S108 - in the sandbox, which has one driver
_ISOLATED = ("python3", "-I", "-B", "-c")


def guest_program(name: str) -> str:
    """Return the source of a program that runs in the sandbox."""
    return Path(__file__).with_name("guest").joinpath(name).read_text(encoding="utf-8")


@functools.cache
def packed_files() -> str:
    """Return the driver's files as text that fits a command line.

    A command's arguments may be 65,536 bytes in all (the SDK's limit, ``ARG_MAX_BYTES``); packing takes
    the sources to a fifth (bz2: 36,559 bytes; LZMA 39,940, zlib 45,596), base 85 adds a quarter.
    """
    package = Path(fleet_rlm.__file__).parent
    files = {f"fleet_rlm/{name}": (package / name).read_text(encoding="utf-8") for name in SHIPPED}
    return base64.b85encode(bz2.compress(json.dumps(files).encode("utf-8"))).decode("ascii")


def driver_command(settings: ModalSettings) -> tuple[str, ...]:
    """Return the command that unpacks and runs the driver."""
    options = {
        "heartbeat": settings.heartbeat,
        "lock": _LOCK,
        "volume": settings.volume_path if settings.volume_name else None,
    }
    return (*_ISOLATED, guest_program("boot.py"), packed_files(), json.dumps(options))


def watch_command(settings: ModalSettings) -> tuple[str, ...]:
    """Return the sandbox's main command, which ends when the driver does."""
    return (*_ISOLATED, guest_program("watch.py"), _LOCK, str(settings.idle_timeout))


def lengths_command(names: list[str]) -> tuple[str, ...]:
    """Return the command that prints how long environment variables are."""
    return (*_ISOLATED, guest_program("lengths.py"), *names)
