"""Fetching the real client with npm into a cache folder outside HOME.

The client is proprietary, and 350 MB in two versions: ``make test`` and ``make client`` fetch it, and nothing of
it is kept in the repository. Tests use what is there and fetch nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CURRENT = "2.1.329"
OLDER = "2.1.240"
"""An older client that still loads plugin folders from ``~/.claude/skills`` (new in 2.1.157)."""
VERSIONS = (CURRENT, OLDER)
CACHE_VARIABLE = "FLEET_RLM_TEST_CLIENT_CACHE"
PACKAGE = "@anthropic-ai/claude-code"
REPOSITORY = Path(__file__).resolve().parents[2]


class ClientUnavailableError(Exception):
    """npm is missing or could not bring the client."""


def cache_folder() -> Path:
    """Where fetched clients are kept."""
    return Path(os.environ.get(CACHE_VARIABLE) or REPOSITORY / ".cache" / "claude-code").absolute()


def fetched(version: str) -> Path:
    """Return the native binary of ``version``.

    Raises:
        ClientUnavailableError: it was not fetched, or not for this platform.
    """
    folder = cache_folder() / version
    if not folder.is_dir():
        raise ClientUnavailableError(f"{PACKAGE}@{version} was not fetched: run `make client`.")
    binaries = sorted(folder.glob(f"node_modules/{PACKAGE}-*/claude"))
    if not binaries:
        raise ClientUnavailableError(f"{PACKAGE}@{version} brought no native binary for this platform.")
    return binaries[0]


def fetch(version: str) -> Path:
    """Return the native binary of ``version``, downloading it the first time.

    Raises:
        ClientUnavailableError: npm is missing or failed; the message holds its last words.
    """
    folder = cache_folder() / version
    if not folder.is_dir():
        _install(version, folder)
    return fetched(version)


def _install(version: str, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ClientUnavailableError("npm is not on PATH.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as staging:
        options = (
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--no-update-notifier",
            "--cache",
            f"{staging}/.npm",
        )
        # npm's own cache would keep a second copy of 100 MB, so it goes away with the staging folder.
        done = subprocess.run(
            [npm, "install", *options, "--prefix", f"{staging}/client", f"{PACKAGE}@{version}"],
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )
        if done.returncode:
            raise ClientUnavailableError(
                f"npm could not fetch {PACKAGE}@{version}: {done.stderr.strip()[-400:]}"
            )
        try:
            (Path(staging) / "client").rename(folder)
        except OSError:
            # Another test process was faster.
            if not folder.is_dir():
                raise


IF_POSSIBLE = "--if-possible"


def main(arguments: list[str]) -> None:
    """Fetch the versions named, or all; with ``--if-possible`` say in a line why one could not be fetched."""
    for version in [one for one in arguments if one != IF_POSSIBLE] or VERSIONS:
        if not (cache_folder() / version).is_dir():
            sys.stdout.write(f"Fetching Claude Code {version} for the tests that drive it (175 MB, once)\n")
            sys.stdout.flush()
        try:
            fetch(version)
        except (ClientUnavailableError, OSError, subprocess.TimeoutExpired) as error:
            if IF_POSSIBLE not in arguments:
                raise SystemExit(str(error)) from None
            sys.stdout.write(f"Tests in the real client are skipped: {error}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
