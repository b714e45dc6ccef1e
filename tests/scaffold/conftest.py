"""Fixtures of the installer's tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaffold.box import Box, Zygote

NOBODY = 65534
MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """The process that runs the command line."""
    process = Zygote()
    yield process
    process.close()


@pytest.fixture
def box(tmp_path, zygote) -> Iterator[Box]:
    """A home of its own, in memory where there is such a folder: every write waits for the disk otherwise."""
    if not os.access(MEMORY, os.W_OK):
        yield Box(tmp_path / "box", zygote)
        return
    folder = Path(tempfile.mkdtemp(prefix="fleet-rlm-test-", dir=MEMORY))
    try:
        yield Box(folder, zygote)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def user_box(box) -> Box:
    """A box of somebody who is not root, for root reads and writes everything; call ``hand_over`` after set-up."""
    box.uid = NOBODY if os.geteuid() == 0 else None
    return box
