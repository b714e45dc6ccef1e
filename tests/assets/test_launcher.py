"""The plugin's launcher: an installed runtime if it fits, else uvx, else one line."""

from __future__ import annotations

import os
import subprocess

import pytest

from assets.rendering import facts, write

VERSION = facts()["version"]
MINOR = VERSION.rpartition(".")[0]


@pytest.fixture
def launch(tmp_path):
    """Start the launcher with a PATH of programs that say who they are; each is given as folder/name: version."""
    root = write("plugin", tmp_path / "the plugin")

    def program(path, version):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && echo "fleet-rlm, version {version}" && exit\necho {path.name} {version} "$@"\n'
        )
        path.chmod(0o755)

    def run(*arguments, before="", **programs):
        folders = [str(root / "bin"), *([str(before)] if before else [])]
        for name, version in programs.items():
            folder, _, command = name.partition("_")
            program(tmp_path / folder / (command or "fleet-rlm").replace("_", "-"), version)
            folders.append(str(tmp_path / folder))
        environment = {"PATH": ":".join([*folders, os.defpath]), "HOME": str(tmp_path)}
        return subprocess.run(
            ["fleet-rlm", *arguments],
            executable=str(root / "bin/fleet-rlm"),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )

    return run


@pytest.mark.parametrize("version", [VERSION, f"{MINOR}.99", f"{MINOR}.7rc1"])
def test_an_installed_runtime_that_fits(launch, version):
    """The same minor version, not older, is run with the arguments as they were."""
    done = launch("run-basic", "--question", "a  b", one=version, two_uvx="0")
    assert (done.returncode, done.stdout) == (0, f"fleet-rlm {version} run-basic --question a  b\n")


@pytest.mark.parametrize("version", ["0.0.9", "9.9.9", "unknown", f"{MINOR}.x"])
def test_one_that_does_not_fit(launch, version):
    """Another version is passed over for the plugin's own, brought by uvx."""
    done = launch("doctor", one=version, two_uvx="0")
    assert done.stdout == f"uvx 0 --from fleet-rlm-scaffold=={VERSION} fleet-rlm doctor\n"


def test_the_first_that_fits(launch):
    """Of several the first on PATH that fits is run."""
    done = launch("doctor", one="0.0.1", two=f"{MINOR}.50", three=f"{MINOR}.60")
    assert done.stdout == f"fleet-rlm {MINOR}.50 doctor\n"


def test_none_at_all(launch):
    """Without a runtime and without uvx one line says what to install; exit code 127."""
    done = launch("doctor")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (127, "", 1)
    assert f"uv tool install fleet-rlm-scaffold=={VERSION}" in done.stderr


def test_one_that_does_not_fit_is_named(launch, tmp_path):
    """Without uvx, a runtime that does not fit is named in that line."""
    done = launch("doctor", one="0.0.9")
    assert done.returncode == 127
    assert f"({tmp_path}/one/fleet-rlm does not fit)" in done.stderr


def test_another_launcher_is_no_runtime(launch, tmp_path):
    """Two versions of the plugin on PATH do not ask each other for ever."""
    other = write("plugin", tmp_path / "other")
    done = launch("doctor", before=other / "bin", two=f"{MINOR}.50")
    assert done.stdout == f"fleet-rlm {MINOR}.50 doctor\n"
