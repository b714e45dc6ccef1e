"""The machine, described without naming it."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

import psutil

__all__ = ["describe"]


def describe() -> dict[str, str]:
    """What a reader needs to judge absolute figures: no host name, no path."""
    return {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "load": f"{os.getloadavg()[0]:.1f} runnable at the start",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {_number(platform.release())} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{name: version(name) for name in ("dspy", "modal", "fleet-rlm-scaffold")},
    }


def _number(release: str) -> str:
    """The release without what a distributor appended, which may name the machine's owner."""
    found = re.match(r"\d+(\.\d+)*", release)
    return found[0] if found else ""


def _processor() -> str:
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    found = re.search(r"^model name\s*:\s*(.+)$", facts, re.MULTILINE)
    return found[1].strip() if found else platform.processor()
