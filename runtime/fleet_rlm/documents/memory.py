"""How much memory is left: so that a document that cannot fit is refused before the system kills us."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["available_bytes", "cgroup_limit", "parse_meminfo"]


def available_bytes() -> int | None:
    """Return the bytes that can still be used without swapping, or None where the system does not say.

    It is the kernel's estimate (``MemAvailable``), or the container's limit if that is lower.
    """
    known = [
        value
        for value in (
            parse_meminfo(_read("/proc/meminfo")),
            cgroup_limit(_read("/sys/fs/cgroup/memory.max")),
        )
        if value is not None
    ]
    return min(known, default=None)


def parse_meminfo(text: str) -> int | None:
    """Return ``MemAvailable`` of ``/proc/meminfo`` in bytes, or None if it is not there."""
    match = re.search(r"^MemAvailable:\s+(\d+) kB$", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else None


def cgroup_limit(text: str) -> int | None:
    """Return the limit in a ``memory.max`` file in bytes, or None for no limit."""
    return int(text) if text.strip().isdigit() else None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""  # another system, or a container that hides it: nothing is known
