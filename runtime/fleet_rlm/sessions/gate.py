"""One at a time: who starts a session does so before anybody else looks for one of that name."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fleet_rlm.sessions.records import unwritable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["gate"]


@contextmanager
def gate(root: Path, name: str) -> Iterator[None]:
    """Wait until nobody else is within the gate of this name, and keep it shut.

    A gate is open again when its holder has ended, however that happens.

    Raises:
        SessionError: there can be no file in ``root``.
    """
    file = root / f".{name}.starting"
    held = _shut(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)  # before it is let go: whoever waits for it sees that, and makes its own
        os.close(held)


def _shut(file: Path) -> int:
    while True:
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unwritable(file.parent, error) from None
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(held), file.stat()):
                return held
        except FileNotFoundError:  # its holder has just removed it
            pass
        except BaseException:
            os.close(held)
            raise
        os.close(held)
