"""The package's front door: everything is there, nothing is loaded before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fleet_rlm


def test_all_is_sorted_and_complete():
    """__all__ is sorted as ruff sorts it, and lists what the lazy table can import."""
    names = fleet_rlm.__all__
    assert sorted(names, key=lambda name: (not name.isupper(), name.islower(), name)) == names
    assert set(names) == set(fleet_rlm._HOME_OF)


@pytest.mark.parametrize("name", fleet_rlm.__all__)
def test_every_public_name_is_there(name):
    """Each public name can be imported and has a docstring."""
    assert getattr(fleet_rlm, name).__doc__


def test_importing_the_package_loads_nothing():
    """`import fleet_rlm` brings in no module of its own beyond itself."""
    code = "import sys, fleet_rlm; print([n for n in sys.modules if n.startswith(('fleet_rlm.', 'dspy', 'modal', 'click'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_sessions_are_light():
    """Neither a command's half of a session nor its process's loads dspy or modal before they are needed."""
    halves = "fleet_rlm.sessions.serve, fleet_rlm.sessions.broker, fleet_rlm.sessions.client, fleet_rlm.cli.session"
    code = f"import sys, {halves}; print([n for n in ('dspy', 'modal', 'litellm') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_unknown_name():
    """A name that does not exist is an AttributeError, as in any module."""
    with pytest.raises(AttributeError, match="no attribute 'run_everything'"):
        _ = fleet_rlm.run_everything
