"""What only sessions in Modal's sandboxes have: an end of their own when nobody is left to end them."""

from __future__ import annotations

import pytest

from fleet_rlm.errors import SessionError

QUICK = """
from fleet_rlm.sandboxes.modal.settings import ModalSettings
ModalSettings.__init__.__kwdefaults__["heartbeat"] = 1.0
"""


@pytest.fixture
def handle(box, modal_plane, tmp_path, monkeypatch):
    """A session whose sandbox misses its host after a second, not a minute."""
    (tmp_path / "quick").mkdir()
    (tmp_path / "quick" / "sitecustomize.py").write_text(QUICK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "quick"))
    return box.start("far", sandbox="modal")


def test_broker_killed(box, handle, modal_plane, wait_until):
    """After a kill -9 of the session's process its sandbox at Modal ends by itself."""
    (box.folder / "text.txt").write_text("text")
    handle.load(["text.txt"])
    assert handle.execute("print(document)")["output"] == "text\n"
    assert len(modal_plane.running) == 1
    box.family(handle)[0].kill()
    wait_until(lambda: not modal_plane.running)
    with pytest.raises(SessionError, match="its process was killed"):
        box.sessions.find()


def test_sandbox_ended(box, handle, modal_plane):
    """A sandbox that Modal has ended ends the session, and the next command says so."""
    modal_plane.end()
    with pytest.raises(SessionError, match="sandbox has ended"):
        handle.execute("print(1)")
    with pytest.raises(SessionError, match="its sandbox has ended"):
        box.sessions.find("far").status()


def test_ask(box, script, modal_plane):
    """Sub-calls are made by the session's process, whatever the sandbox."""
    handle = box.start(sandbox="modal", sub_model=script("replies:\n- {reply: seen}\n"))
    handle.load(["-"], stdin=b"some text")
    report = handle.begin_ask("what?").result()
    assert (report["answered"], report["findings"][0]["answer"]) == (1, "seen")
    handle.stop()
    assert modal_plane.running == []
