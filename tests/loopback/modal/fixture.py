"""Fixtures that lead the SDK of this process to a plane of its own; import them into a conftest."""

from __future__ import annotations

import pytest

from .plane import PlaneError, running_plane


@pytest.fixture(scope="session")
def modal_plane_of_session():
    """One plane a process: the SDK keeps its client, and with it the address, for good."""
    try:
        with running_plane() as plane:
            yield plane
    except PlaneError as error:
        pytest.skip(str(error))


@pytest.fixture
def modal_plane(modal_plane_of_session, monkeypatch):
    """The plane with nothing recorded and nothing going wrong; what a test leaves running is ended."""
    plane = modal_plane_of_session
    for name, value in plane.settings.items():
        monkeypatch.setenv(name, value)
    plane.reset()
    yield plane
    plane.faults.clear()
    plane.end()
