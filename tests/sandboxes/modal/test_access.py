"""What stands before the first call: the SDK itself, credentials, a server."""

from __future__ import annotations

import os
import py_compile
import socket
import subprocess
import sys
import time

import pytest

OPEN = """
import sys
from fleet_rlm.errors import FleetError
from fleet_rlm.sandboxes.modal import ModalSandbox, ModalSettings
try:
    connection = ModalSandbox(ModalSettings()).open()
    print("opened", flush=True)
    connection.receive(60.0)
except FleetError as error:
    print(type(error).__name__, error.exit_code, error, "|", error.remedy)
"""


def test_missing_credentials_are_found_before_any_call(modal_plane, python):
    """Without a token ``open`` fails, names the command that makes one, and has asked no server."""
    done = python(OPEN, MODAL_TOKEN_ID="", MODAL_TOKEN_SECRET="")
    assert done.stdout.startswith("ConfigurationError 4 there are no Modal credentials; nothing was sent.")
    assert "modal token new" in done.stdout
    assert modal_plane.record.counts == {}


def test_half_a_token_is_named(python):
    """A token id without its secret says which half is missing."""
    done = python(OPEN, MODAL_TOKEN_SECRET="")
    assert done.stdout.startswith("ConfigurationError 4 the Modal token_secret is missing")


def test_unknown_profile_is_named(python):
    """A profile that does not exist is named, before any call."""
    done = python(OPEN, MODAL_PROFILE="elsewhere")
    assert done.stdout.startswith("ConfigurationError 4 Modal has no profile 'elsewhere'.")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("not [ toml", "cannot be read"),
        ("\xff", "cannot be read"),
        ("token_id = 'x'", "have values outside a section"),
    ],
)
def test_unreadable_settings_are_a_configuration_error(python, tmp_path, text, sentence):
    """A broken settings file is named, and the SDK's banner does not get into the output."""
    path = tmp_path / "modal.toml"
    path.write_bytes(text.encode("latin-1"))
    done = python(OPEN, MODAL_CONFIG_PATH=str(path))
    assert done.stdout.startswith(f"ConfigurationError 4 Modal's settings in {path} {sentence}")


def test_wrong_token_is_refused_without_showing_it(python):
    """Refused credentials are said to be refused; the token is nowhere in the message."""
    done = python(OPEN, MODAL_TOKEN_ID="ak-secretive1234567", MODAL_TOKEN_SECRET="as-secretive7654321")
    assert "SandboxError 6 Modal refused the credentials" in done.stdout
    assert "modal token new" in done.stdout
    assert "secretive" not in done.stdout + done.stderr


def test_unreachable_server_is_said_within_seconds(python):
    """A server that refuses connections is reported in seconds, not after the SDK's minute of silence."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    started = time.monotonic()
    done = python(OPEN, MODAL_SERVER_URL=f"http://127.0.0.1:{port}")
    assert f"SandboxError 6 Modal cannot be reached (127.0.0.1:{port}: Connection refused)" in done.stdout
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("form", ["source", "bytecode", "package"])
def test_file_that_hides_the_sdk_is_refused(python, tmp_path, form):
    """A local ``modal`` (a file, stale bytecode without its source, a package) is named and refused."""
    source = tmp_path / ("modal/__init__.py" if form == "package" else "modal.py")
    source.parent.mkdir(exist_ok=True)
    source.write_text("raise SystemExit('the wrong modal ran')")
    hidden_by = source
    if form == "bytecode":
        hidden_by = source.with_suffix(".pyc")
        py_compile.compile(str(source), cfile=str(hidden_by))
        source.unlink()
    done = python(OPEN)
    assert done.stdout.startswith(
        f"ConfigurationError 4 {hidden_by} hides the Modal package. Rename or delete it"
    )
    assert done.stderr == ""


def test_file_that_was_imported_already_is_refused(python, tmp_path):
    """The wrong ``modal`` is found as well if something has imported it before."""
    (tmp_path / "modal.py").write_text("")
    done = python("import modal\n" + OPEN)
    assert "modal.py hides the Modal package" in done.stdout


def test_local_folder_without_code_hides_nothing(python, tmp_path):
    """A folder called ``modal`` that is no package does not stand in the way."""
    (tmp_path / "modal").mkdir()
    done = python(OPEN)
    assert done.stdout.strip() == "opened"


def test_refusals_need_no_network(tmp_path):
    """The checks answer at once where there is no network at all."""
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", OPEN],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "unshare" in done.stderr:
        pytest.skip(f"no network namespaces here: {done.stderr.strip()}")
    assert done.stdout.startswith("ConfigurationError 4 there are no Modal credentials")
