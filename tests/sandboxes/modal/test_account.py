"""Volumes, secrets, and sandboxes that were left behind."""

from __future__ import annotations

import hashlib
import random

import pytest
from grpclib import Status

from fleet_rlm.errors import SandboxError, UsageError
from fleet_rlm.sandboxes.modal import (
    ModalSandbox,
    ModalSettings,
    check_secret,
    end_sandboxes,
    list_sandboxes,
    secret_key_length,
)


def stored(plane, name: str) -> dict[str, bytes]:
    """The files of a volume by path."""
    root = plane.volumes.path(plane.volumes.names[name])
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_file_is_uploaded_and_seen_by_a_running_session(session, modal_plane, tmp_path):
    """A file put into the volume while a session runs is there for its next cell."""
    source = tmp_path / "big.bin"
    source.write_bytes(random.Random(3).randbytes(9 << 20))
    client = session(volume_name="corpora")
    client.connection.upload_to_volume(source, "in/big.bin")
    look = "import hashlib\nprint(hashlib.sha256(open('/data/in/big.bin', 'rb').read()).hexdigest())"
    assert client.execute(look).output.strip() == hashlib.sha256(source.read_bytes()).hexdigest()
    assert modal_plane.record.counts["TaskReloadVolumes"] == 1


def test_folder_is_uploaded_and_the_second_time_sends_nothing(modal_plane, tmp_path):
    """A folder goes up as it is; what Modal has already is not sent again."""
    (tmp_path / "docs/deep").mkdir(parents=True)
    (tmp_path / "docs/a.txt").write_text("alpha")
    (tmp_path / "docs/deep/b.txt").write_text("beta")
    sandbox = ModalSandbox(ModalSettings(volume_name="folders"))
    sandbox.upload_to_volume(tmp_path / "docs", "library")
    assert stored(modal_plane, "folders") == {"library/a.txt": b"alpha", "library/deep/b.txt": b"beta"}
    modal_plane.record.clear()
    sandbox.upload_to_volume(tmp_path / "docs", "library")
    assert modal_plane.record.http_bytes == 0


def test_new_volume_is_of_version_two_and_an_old_one_is_taken_as_it_is(session, modal_plane):
    """Volumes that exist are mounted whatever their version; new ones are made with version 2."""
    modal_plane.volumes.add("ancient", 1)
    session(volume_name="ancient")
    session(volume_name="modern")
    versions = {
        name: modal_plane.volumes.versions[modal_plane.volumes.names[name]] for name in ("ancient", "modern")
    }
    assert versions == {"ancient": 1, "modern": 2}


@pytest.mark.parametrize(
    ("volume", "paths", "sentence"),
    [
        (None, ("here.txt", "a.txt"), "this sandbox has no volume"),
        ("notes", ("nowhere.txt", "a.txt"), "does not exist, so it was not uploaded"),
        ("notes", ("here.txt", "../a.txt"), "is no path in a volume"),
        ("notes", ("here.txt", ""), "is no path in a volume"),
    ],
)
def test_upload_that_cannot_be_is_refused(modal_plane, tmp_path, volume, paths, sentence):
    """Uploads without a volume, without a file or out of the volume are usage errors, and nothing is sent."""
    (tmp_path / "here.txt").write_text("here")
    with pytest.raises(UsageError, match=sentence):
        ModalSandbox(ModalSettings(volume_name=volume)).upload_to_volume(tmp_path / paths[0], paths[1])
    assert modal_plane.record.counts == {}


def test_failed_upload_is_explained(modal_plane, tmp_path):
    """A failure on the way is one sentence with the volume's name."""
    (tmp_path / "here.txt").write_text("here")
    modal_plane.inject("VolumePutFiles2", status=Status.PERMISSION_DENIED)
    with pytest.raises(SandboxError, match="while uploading to the volume notes"):
        ModalSandbox(ModalSettings(volume_name="notes")).upload_to_volume(tmp_path / "here.txt", "a.txt")


def test_secret_is_checked_without_its_values(modal_plane):
    """For each of the four variables a boolean; an empty one counts as missing; the sandbox is ended."""
    modal_plane.secrets["LITELLM"] = {
        "DSPY_LM_MODEL": "openai/gpt",
        "DSPY_LLM_API_KEY": "sk-hush",
        "DSPY_LM_API_BASE": "",
    }
    assert check_secret("LITELLM") == {
        "DSPY_LM_MODEL": True,
        "DSPY_LM_API_BASE": False,
        "DSPY_LLM_API_KEY": True,
        "DSPY_LM_MAX_TOKENS": False,
    }
    assert modal_plane.running == []
    process = next(p for name, p in modal_plane.sandboxes[-1].processes.items() if name != "entrypoint")
    assert b"hush" not in bytes(process.stdout._data)


def test_secret_key_has_a_length(modal_plane):
    """One variable is looked at by its length; a missing one has none."""
    modal_plane.secrets["LITELLM"] = {"DSPY_LLM_API_KEY": "sk-hush"}
    assert secret_key_length("LITELLM", "DSPY_LLM_API_KEY") == 7
    assert secret_key_length("LITELLM", "OTHER") is None
    with pytest.raises(UsageError, match="cannot be the name of a variable"):
        secret_key_length("LITELLM", "not a name")


def test_missing_secret_is_an_error(modal_plane):
    """A secret that does not exist is an error with its name, not four times false."""
    with pytest.raises(SandboxError, match="NOWHERE"):
        check_secret("NOWHERE")
    assert modal_plane.running == []


def test_left_sandboxes_are_listed_and_ended(session):
    """Sandboxes of ours are found by their tag, with who made them, and only those that are named are ended."""
    session(run="first")
    session(run="second")
    found = list_sandboxes()
    assert {sandbox.run for sandbox in found} == {"first", "second"}
    assert all(sandbox.host and sandbox.pid.isdigit() for sandbox in found)
    first = next(sandbox for sandbox in found if sandbox.run == "first")
    assert end_sandboxes([first.sandbox_id, "sb-of-somebody-else"]) == [first.sandbox_id]
    assert [sandbox.run for sandbox in list_sandboxes()] == ["second"]


def test_listing_makes_no_app(modal_plane):
    """Looking for sandboxes of an app that does not exist finds none and creates nothing."""
    assert list_sandboxes("never-made") == []
    assert "never-made" not in modal_plane.apps
