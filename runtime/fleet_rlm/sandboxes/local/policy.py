"""What code in the local sandbox may reach, as data.

Built from nothing: what is not named here does not exist inside, or cannot be opened.
``for_this_interpreter`` finds what a Python needs; every confinement states the same policy in its own words.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fleet_rlm.errors import UsageError
from fleet_rlm.sandboxes.local.packages import package_paths

__all__ = ["DEVICES", "Limits", "Policy", "for_this_interpreter"]

DEVICES = ("/dev/null", "/dev/random", "/dev/urandom")
"""No terminals, and no /dev/zero: mapped shared, it is memory that no limit counts."""

_DRIVER_PARTS = (
    "protocol.py",
    f"__pycache__/protocol.{sys.implementation.cache_tag}.pyc",
    "values",
    "driver",
)
_LIBRARIES = re.compile(r"/(ld-|ld\.so|libc[.-]|libm[.-])[^/]*$")
_SYSTEM_PROGRAMS = ("/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/share")
_MERGED_FOLDERS = ("/bin", "/lib", "/lib32", "/lib64", "/sbin")
_MADE_INSIDE = ("/data", "/site", "/sys", "/tmp")  # noqa: S108 - bwrap's
_LEAST_MEMORY = 16 << 20  # a worker alone takes about half of it
_SITE_FOLDERS = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Limits:
    """Bounds on one sandbox.

    Attributes:
        memory: most private memory of one process, in bytes; None for half of this machine's, and at least
            2 GiB. It counts what code computes and the text of documents, not the files that documents are
            handed over in, nor address space that is only reserved.
        file_size: largest file, in bytes.
        tmp_size: room in the private temporary folder, in bytes (bwrap; elsewhere ``file_size`` bounds each
            file, and nothing their number).
        open_files: most open descriptors; large documents take one each.
        threads: most threads and processes, where the kernel counts them per sandbox.
    """

    memory: int | None = None
    file_size: int = 1 << 30
    tmp_size: int = 1 << 30
    open_files: int = 1024
    threads: int = 512


@dataclass(frozen=True)
class Policy:
    """Everything a confinement has to allow; it denies the rest.

    Attributes:
        python: the interpreter's executable, links resolved.
        read: files and folders that can be read, at the paths they have on the host.
        hidden: folders below those that cannot.
        links: (path, target) of links that lead to some of them.
        packages: import packages that are offered, and nothing beside them.
        volume: host folder that code may write in, or None.
        processes: whether generated code may start processes.
        limits: bounds, ``memory`` filled in.
    """

    python: str
    read: tuple[str, ...]
    hidden: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    packages: tuple[str, ...]
    volume: str | None
    processes: bool
    limits: Limits

    def paths(self) -> tuple[str, ...]:
        """Every path that exists inside, on one confinement or another."""
        links = (path for path, _ in self.links)
        return (*self.read, *self.hidden, *self.packages, *links, *DEVICES, *_MADE_INSIDE)

    def for_driver(self, wall: str, host: int, **paths: list[str]) -> dict[str, Any]:
        """The ``policy`` option of a driver; ``fleet_rlm.driver.lockdown`` says what it means."""
        counted = wall == "bwrap" and os.geteuid() != 0
        return {
            "wall": wall,
            "host": host,
            "read": [],
            "hidden": [],
            "write": [],
            "devices": [],
            **paths,
            "processes": self.processes,
            "memory": self.limits.memory,
            "file_size": self.limits.file_size,
            "open_files": self.limits.open_files,
            "threads": self.limits.threads if counted else None,
        }


def for_this_interpreter(
    limits: Limits, *, packages: tuple[str, ...], volume: str | None, processes: bool
) -> Policy:
    """Return the policy under which a driver can run on the Python that runs this.

    Args:
        limits: bounds on the sandbox.
        packages: distributions to offer; they bring what they require. Those not installed are left out.
        volume: host folder for ``/data``, or None.
        processes: whether generated code may start processes; the system's programs are then readable too.

    Raises:
        UsageError: the volume is not a folder, or would open the user's home.
    """
    found = _this_interpreter()
    offered = package_paths(packages)
    extra = tuple(folder for folder in _SYSTEM_PROGRAMS if Path(folder).is_dir()) if processes else ()
    if any("dist-packages" in path for path in offered):  # Debian's numpy finds its BLAS through these links
        extra = (*extra, "/etc/alternatives")
    read = _outermost((*found.read, *extra))
    return Policy(
        python=found.python,
        read=read,
        hidden=_site_folders(read),
        links=tuple(
            (name, str(Path(name).readlink())) for name in _MERGED_FOLDERS if Path(name).is_symlink()
        ),
        packages=offered,
        volume=None if volume is None else _checked_volume(volume),
        processes=processes,
        limits=_with_memory(limits),
    )


@dataclass(frozen=True)
class _Interpreter:
    python: str
    read: tuple[str, ...]


@cache
def _this_interpreter() -> _Interpreter:
    """The base interpreter's own files, also from within a virtual environment."""
    python = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    library = os.path.realpath(Path(os.__file__).parent)
    prefix = os.path.realpath(sys.base_prefix)
    own = [python, library, *(os.path.realpath(path) for path in sys.path if path.endswith("lib-dynload"))]
    if prefix != "/usr":
        own.append(f"{prefix}/lib")
    if sys.platform == "darwin":  # a framework: its library, and the application that its executable starts
        own += [f"{prefix}/Python", f"{prefix}/Resources"]
    package = Path(__file__).parent.parent.parent
    own += [str(package / part) for part in _DRIVER_PARTS]
    own += ["/etc/ld.so.cache", "/usr/share/zoneinfo", "/usr/lib/locale/C.utf8"]
    own += _library_folders()
    return _Interpreter(python, tuple(path for path in own if Path(path).exists()))


def _library_folders() -> list[str]:
    """Where the ELF loader and the C library of this process come from, and their like."""
    if sys.platform != "linux":
        return []
    lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    mapped = {line.split(maxsplit=5)[-1] for line in lines if "/" in line}
    folders = {os.path.dirname(os.path.realpath(path)) for path in mapped if _LIBRARIES.search(path)}  # noqa: PTH120 - text in, text out
    if any(folder.startswith("/nix/store/") for folder in folders):
        return ["/nix/store"]
    if not any(
        folder.endswith("-linux-gnu") for folder in folders
    ):  # not Debian's layout: one folder for all
        folders.add("/usr/lib")
    return sorted({*folders, "/usr/lib64", *(path for path in ("/lib64",) if not Path(path).is_symlink())})


def _outermost(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Without duplicates and what lies within another one."""
    chosen: list[str] = []
    for path in sorted(set(paths)):
        if not any(path.startswith(outer + os.sep) for outer in chosen):
            chosen.append(path)
    return tuple(chosen)


@cache
def _site_folders(read: tuple[str, ...]) -> tuple[str, ...]:
    """Folders of installed packages within readable ones: the user's, not the interpreter's."""
    bases = [Path(path) for path in read if not Path(path).is_file()]
    for base in tuple(bases):
        if base.name in {
            "lib",
            "lib64",
        }:  # listing every folder of libraries would take longer than all the rest
            bases += base.glob("python*")
    found = (base / name for base in bases for name in _SITE_FOLDERS)
    return tuple(sorted(str(folder) for folder in found if folder.is_dir()))


def _checked_volume(volume: str) -> str:
    folder = Path(volume).expanduser().resolve()
    if not folder.is_dir():
        raise UsageError(f"the volume {volume} is not a folder.", remedy="Create it, or name another one.")
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - which raises nothing if there is no home
    if home.resolve().is_relative_to(folder):
        raise UsageError(
            f"the volume {volume} contains your home folder, which generated code must not reach.",
            remedy="Name a folder that was made for it.",
        )
    return str(folder)


def _with_memory(limits: Limits) -> Limits:
    if limits.memory is not None:
        if limits.memory < _LEAST_MEMORY:
            raise UsageError(
                f"{limits.memory:,} bytes of memory are too little to start Python in the sandbox.",
                remedy=f"Give at least {_LEAST_MEMORY >> 20}M with --memory, or leave it out.",
            )
        return limits
    half = _machine_memory() // 2
    return Limits(**{**vars(limits), "memory": max(2 << 30, half)})


def _machine_memory() -> int:
    """Bytes of memory: the machine's, or what a container of cgroup version 2 may use of it."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return total
    return min(total, int(text)) if text.isdigit() else total
