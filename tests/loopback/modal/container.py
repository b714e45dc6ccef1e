"""What a sandbox of the loopback plane sees: a root built from nothing by bwrap, nearly a container's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

FS_TOOLS = "/__modal/.bin/modal-sandbox-fs-tools"
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt")


@dataclass(frozen=True)
class Container:
    """One sandbox's files and limits."""

    folder: Path
    """Holds ``tmp`` and ``root``, which every process of the sandbox shares."""
    volumes: dict[str, Path] = field(default_factory=dict)
    network: bool = True
    memory_mib: int = 0
    """Address space in MiB; 0 is no limit. Modal kills what exceeds it, here the allocation fails."""


def command_line(
    container: Container, argv: list[str], *, env: dict[str, str], workdir: str = "/root"
) -> list[str]:
    """Return the host command that runs ``argv`` in ``container``."""
    bwrap = [
        "bwrap",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--die-with-parent",
        "--hostname",
        "modal",
    ]
    if not container.network:
        bwrap += ["--unshare-net"]
    for path in SYSTEM:
        link = Path(path).is_symlink()
        bwrap += ["--symlink", str(Path(path).readlink()), path] if link else ["--ro-bind-try", path, path]
    bwrap += ["--bind", f"{container.folder}/tmp", "/tmp", "--bind", f"{container.folder}/root", "/root"]
    for prefix in dict.fromkeys((sys.base_prefix, sys.prefix)):
        if not prefix.startswith(SYSTEM):
            bwrap += ["--ro-bind", prefix, prefix]
    for path, volume in container.volumes.items():
        bwrap += ["--bind", str(volume), path]
    bwrap += ["--ro-bind", str(Path(__file__).with_name("fs_tools.py")), FS_TOOLS]
    bwrap += ["--proc", "/proc", "--dev", "/dev", "--clearenv", "--chdir", workdir]
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    for name, value in {"PATH": path, "HOME": "/root", "LANG": "C.UTF-8", **env}.items():
        bwrap += ["--setenv", name, value]
    limited = (
        ["sh", "-c", f'ulimit -v {container.memory_mib * 1024}; exec "$@"', "sh"]
        if container.memory_mib
        else []
    )
    return [*limited, *bwrap, "--", *argv]


def refusal() -> str | None:
    """Say why this machine cannot run loopback sandboxes, or return None if it can."""
    if shutil.which("bwrap") is None:
        return "the loopback Modal plane needs bubblewrap: install it (Debian, Ubuntu: apt-get install bubblewrap)"
    probe = ["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    return f"bubblewrap does not work here: {done.stderr.strip()}" if done.returncode else None
