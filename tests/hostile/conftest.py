"""Sessions of each kind of sandbox, shared by a module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hostile.sessions import Sessions


@pytest.fixture(scope="module")
def sessions(kind: Any) -> Iterator[Sessions]:
    """Sessions to attack."""
    held = Sessions(kind)
    yield held
    held.close()
