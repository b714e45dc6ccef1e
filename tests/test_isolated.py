"""Processes of our own do not import what lies in the folder they work in."""

from __future__ import annotations

import subprocess

from fleet_rlm.isolated import python_command


def test_a_file_of_the_project_is_not_imported(tmp_path):
    """A project with a click.py of its own does not have it run."""
    (tmp_path / "click.py").write_text("open('was-run', 'w')\n")
    command = python_command("fleet_rlm.cli.main", "main", "--version")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("fleet-rlm, version ")
    assert not (tmp_path / "was-run").exists()
