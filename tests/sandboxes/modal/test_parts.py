"""The parts that need no Modal: settings, messages, the queue, compression, the packed driver."""

from __future__ import annotations

import asyncio
import importlib
import random
import subprocess
import sys
import zlib

import grpclib
import pytest

from fleet_rlm.errors import SandboxError, UsageError
from fleet_rlm.sandboxes.base import Connection, Sandbox
from fleet_rlm.sandboxes.modal import ModalSandbox, ModalSettings
from fleet_rlm.sandboxes.modal.caller import call_apart, in_thread
from fleet_rlm.sandboxes.modal.connection import ModalConnection
from fleet_rlm.sandboxes.modal.delivery import driver_command, guest_program, lengths_command
from fleet_rlm.sandboxes.modal.failures import _READINGS, as_sandbox_error, is_known, redacted
from fleet_rlm.sandboxes.modal.inbox import _MOST, Inbox
from fleet_rlm.sandboxes.modal.upload import packed

ARGUMENTS_MOST = 65_536  # the SDK's limit on all arguments of one command


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"timeout": 0}, "timeout of a Modal sandbox must be 1 to 86400 seconds, not 0"),
        ({"timeout": 100_000}, "timeout of a Modal sandbox must be"),
        ({"idle_timeout": -1}, "idle_timeout of a Modal sandbox must be"),
        ({"heartbeat": 0}, "heartbeat must be positive"),
        ({"cpu": (2.0, 1.0)}, "cpu must be"),
        ({"memory": (0, 1024)}, "memory must be"),
        ({"python_version": "3.8"}, "Python '3.8' cannot run the driver"),
        ({"python_version": "2.7"}, "Python '2.7' cannot run the driver"),
        ({"volume_path": "data"}, "a volume cannot be mounted at 'data'"),
        ({"volume_path": "/"}, "a volume cannot be mounted at '/'"),
        ({"volume_path": "/data/../etc"}, "a volume cannot be mounted"),
        ({"app_name": "has space"}, "'has space' is no name for a Modal app"),
        ({"secret_name": ""}, "'' is no name for a Modal secret"),
        ({"volume_name": "a/b"}, "'a/b' is no name for a Modal volume"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, sentence):
    """A setting out of range is a usage error when it is made, not a refusal of Modal's much later."""
    with pytest.raises(UsageError, match=sentence.replace("(", r"\(")):
        ModalSettings(**settings)


def test_description_tells_the_planner_what_is_there():
    """The planner hears of packages, network and the volume."""
    plain = ModalSandbox(ModalSettings()).description
    assert plain == "A Modal container with Python 3.12, numpy, pandas and no network."
    open_one = ModalSandbox(
        ModalSettings(block_network=False, volume_name="notes", pip_packages=())
    ).description
    assert open_one.endswith("no packages and network access. Files under /data outlive the session.")


def test_sandbox_and_connection_are_what_the_interpreter_expects():
    """Both have every member of their interface."""
    assert isinstance(ModalSandbox(), Sandbox)
    wanted = [name for name in vars(Connection) if not name.startswith("_")]
    assert wanted
    assert all(callable(getattr(ModalConnection, name)) for name in wanted)


@pytest.mark.parametrize("name", sorted(_READINGS))
def test_every_known_failure_exists(name):
    """The names in the table are classes of the installed SDK and its libraries, so none of them is stale."""
    module, _, kind = name.rpartition(".")
    found = getattr(importlib.import_module(module), kind)
    assert issubclass(found, Exception)
    made = found.__new__(found)
    assert is_known(made)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            ConnectionRefusedError("refused"),
            "Modal cannot be reached, while trying (ConnectionRefusedError: refused).",
        ),
        (BufferError("Buffer size exceed limit"), "Modal refused the request, while trying"),
        (asyncio.TimeoutError(), "Modal did not answer in time, while trying (TimeoutError)."),
        (grpclib.GRPCError(grpclib.Status.UNKNOWN, "x"), "Modal's servers failed, while trying"),
    ],
)
def test_failure_becomes_one_sentence_with_a_remedy(error, sentence):
    """What the SDK lets out, built-in exceptions included, is one line and has a remedy."""
    explained = as_sandbox_error(error, "trying")
    assert isinstance(explained, SandboxError)
    assert str(explained).startswith(sentence)
    assert explained.remedy
    assert "\n" not in str(explained)


def test_explanation_holds_no_credentials():
    """A token that a server repeats in its refusal is cut out of our sentence."""
    explained = as_sandbox_error(ValueError("bad token as-AbCdEfGh12345678"), "trying")
    assert "(ValueError: bad token [redacted])" in str(explained)


def test_bug_is_not_taken_for_a_failure_of_modal():
    """An error that says nothing about the way there is left alone, so that it is seen as the bug it is."""
    assert [is_known(error) for error in (KeyError("x"), AttributeError("x"), ZeroDivisionError())] == [
        False
    ] * 3


def test_credentials_are_redacted(monkeypatch):
    """Tokens are cut from whatever text reaches a message, by their shape and by their value."""
    monkeypatch.setenv("MODAL_TOKEN_SECRET", "oddly-shaped")
    text = "id ak-AbCdEfGh12345678 secret oddly-shaped end"
    assert redacted(text) == "id [redacted] secret [redacted] end"


def test_inbox_hands_over_all_there_is_then_its_end():
    """Bytes come in order and at once; after the end there is nothing, or what went wrong, again and again."""
    inbox = Inbox()
    inbox.put(b"one ")
    inbox.put(b"two")
    inbox.end(SandboxError("gone"))
    inbox.end()
    inbox.put(b"late")
    assert inbox.take(0) == b"one two"
    for _ in range(2):
        with pytest.raises(SandboxError, match="gone"):
            inbox.take(None)


def test_inbox_waits_no_longer_than_it_may():
    """Nothing in time is a TimeoutError, and calling again is fine."""
    inbox = Inbox()
    for _ in range(2):
        with pytest.raises(TimeoutError):
            inbox.take(0.01)
    inbox.put(b"x")
    assert inbox.take(0.01) == b"x"


def test_inbox_says_when_it_is_full():
    """A driver that floods its host has to wait once 64 MiB are unread, until they are taken or nobody wants them."""
    inbox = Inbox()
    inbox.put(bytes(_MOST))
    assert inbox.full
    assert len(inbox.take(1.0)) == _MOST
    assert not inbox.full
    inbox.put(bytes(_MOST))
    inbox.end()
    assert not inbox.full


class Given:
    """A `Content` of given bytes in small pieces."""

    def __init__(self, data: bytes) -> None:
        self._data, self.size = data, len(data)

    def chunks(self):
        for start in range(0, self.size, 1 << 16):
            yield self._data[start : start + (1 << 16)]


@pytest.mark.parametrize("inline_most", [1 << 24, 1000])
@pytest.mark.parametrize(
    "data", [b"", b"abc " * 100_000, random.Random(2).randbytes(300_000)], ids=["empty", "text", "noise"]
)
def test_packed_value_is_whole(data, inline_most):
    """Packed in memory or in a file, a value unpacks to what it was; noise is not compressed in vain."""
    value = packed(Given(data), inline_most)
    held = value.path.read_bytes() if value.file is not None else value.data
    assert len(held) == value.size
    assert (zlib.decompress(held) if value.codec == "zlib" else held) == data
    assert value.codec == ("zlib" if data.startswith(b"abc") else "raw")
    assert (value.file is not None) == (value.size > inline_most)
    value.close()


def test_packed_in_pieces_is_as_small_as_in_one():
    """Compressing in pieces costs nothing: the bytes are those of one zlib level 1 run."""
    data = b"".join(b"line %d of a log, more or less\n" % number for number in range(20_000))
    assert packed(Given(data)).data == zlib.compress(data, 1)


def test_temporary_file_is_deleted():
    """The file of a large value is gone once it has been sent."""
    value = packed(Given(b"x" * 100_000), 10)
    path = value.path
    assert path.exists()
    value.close()
    assert not path.exists()


def test_file_of_a_value_that_cannot_be_read_is_deleted(tmp_path, monkeypatch):
    """A value that fails half-way leaves no file behind."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    class Broken(Given):
        def chunks(self):
            yield random.Random(1).randbytes(1000)
            raise OSError("the document is gone")

    with pytest.raises(OSError, match="the document is gone"):
        packed(Broken(b""), 10)
    assert list(tmp_path.iterdir()) == []


def test_driver_fits_one_command():
    """The packed driver and its options stay below the SDK's limit on arguments, with room to grow."""
    assert sum(map(len, driver_command(ModalSettings()))) < 0.9 * ARGUMENTS_MOST


@pytest.mark.parametrize("name", ["boot.py", "watch.py", "lengths.py"])
def test_guest_programs_run_on_old_pythons(name):
    """What is sent into a sandbox is valid Python 3.9 and imports the standard library only."""
    tree = __import__("ast").parse(guest_program(name), feature_version=(3, 9))
    imported = {alias.name for node in tree.body if type(node).__name__ == "Import" for alias in node.names}
    assert imported <= sys.stdlib_module_names


def test_lengths_never_hold_a_value():
    """The program that looks at secrets prints lengths, and null for what is not there."""
    command = (sys.executable, *lengths_command(["KEY", "OTHER"])[1:])
    done = subprocess.run(command, env={"KEY": "hush"}, capture_output=True, text=True, check=True)
    assert done.stdout == '{"KEY": 4, "OTHER": null}'


def test_calls_apart_give_results_and_failures():
    """A call on a thread of its own is a future of what it returns or raises."""

    async def fail():
        raise SandboxError("no")

    assert in_thread(lambda: 3).result(5) == 3
    assert call_apart(asyncio.sleep(0, 4)).result(5) == 4
    with pytest.raises(SandboxError, match="no"):
        call_apart(fail()).result(5)
