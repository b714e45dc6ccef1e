"""What this process and its sessions hold, as Linux counts it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

__all__ = ["handed_over", "held", "peak_rss", "reset_peak"]


def reset_peak() -> None:
    """Make the peak of this process its present size."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_rss() -> int:
    """Most bytes of this process that were resident since ``reset_peak``."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def handed_over() -> int:
    """Bytes of anonymous files that this process's children hold, each file once."""
    sizes: dict[int, int] = {}
    for child in psutil.Process().children(recursive=True):
        with suppress(OSError):
            for link in Path(f"/proc/{child.pid}/fd").iterdir():
                with suppress(OSError):
                    if str(link.readlink()).startswith("/memfd:"):
                        facts = link.stat()
                        sizes[facts.st_ino] = facts.st_blocks * 512
    return sum(sizes.values())


def held() -> dict[str, int]:
    """What must not grow: bytes resident, descriptors, threads, and processes, children included."""
    own = psutil.Process()
    family = [own, *own.children(recursive=True)]
    return {
        "bytes": sum(one.memory_info().rss for one in family),
        "descriptors": sum(one.num_fds() for one in family),
        "threads": sum(one.num_threads() for one in family),
        "processes": len(family),
    }
