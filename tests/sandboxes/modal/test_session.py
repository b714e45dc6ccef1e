"""A whole session over the real SDK: what is asked of Modal, what crosses, what it costs."""

from __future__ import annotations

import asyncio
import hashlib
import random
import subprocess
import sys
import threading
import warnings
import zlib

import pytest
from google.protobuf.json_format import MessageToDict

from fleet_rlm.errors import SandboxError, UsageError
from fleet_rlm.protocol import encode_frame
from fleet_rlm.sandboxes.modal import ModalSandbox, ModalSettings

WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "seven", "wizards", "who", "judge", "my", "vow")


def prose(size: int) -> str:
    """Text of ``size`` characters that compresses about as well as prose."""
    chosen = random.Random(7)
    text = " ".join(f"{chosen.choice(WORDS)}{chosen.randrange(100)}" for _ in range(size // 6))
    return (text * 2)[:size]


def test_code_runs_in_the_sandbox_and_state_stays(session):
    """Cells run one after the other in one namespace, in a folder of the sandbox."""
    client = session()
    client.execute("x = 20")
    outcome = client.execute("import os\nprint(x + 22, os.getcwd().startswith('/tmp/fleet-rlm-'))")
    assert (outcome.kind, outcome.output.strip()) == ("ok", "42 True")


def test_default_image_has_numpy_and_pandas(session):
    """The image is Debian slim with Python 3.12, numpy and pandas, and code finds them."""
    outcome = session().execute(
        "import numpy, pandas\nprint(numpy.arange(4).sum(), len(pandas.DataFrame({'a': [1]})))", {}
    )
    assert outcome.output.strip() == "6 1"


def test_sandbox_is_asked_for_as_configured(session, modal_plane, snapshot):
    """By default: no network, no secret, no volume, limits on everything; what is said otherwise is passed on."""
    session()
    session(
        block_network=False,
        cpu=(1.0, 2.0),
        memory=(256, 8192),
        timeout=900,
        idle_timeout=300,
        region="eu",
        volume_name="corpora",
    )
    asked = [MessageToDict(request.definition) for request in modal_plane.record.requests("SandboxCreateV2")]
    for definition in asked:
        definition["entrypointArgs"] = [
            arg if len(arg) < 100 else "..." for arg in definition["entrypointArgs"]
        ]
        definition["imageId"] = "..."
        for mount in definition.get("volumeMounts", ()):
            mount["volumeId"] = "..."
    assert asked == snapshot


def test_image_is_built_as_configured(session, modal_plane):
    """Python version and packages of the image are the configured ones."""
    session(python_version="3.11", pip_packages=("polars",))
    base, ours = (
        request.image.dockerfile_commands for request in modal_plane.record.requests("ImageGetOrCreate")
    )
    assert base[0].startswith("FROM python:3.11.")
    assert list(ours) == ["FROM base", "RUN python -m pip install polars"]


def test_no_secret_is_asked_for_unless_named(session, modal_plane):
    """No secret is even looked up by default; a named one is in the environment of the code."""
    modal_plane.secrets["LITELLM"] = {"DSPY_LLM_API_KEY": "value"}
    look = "import os\nprint(os.environ.get('DSPY_LLM_API_KEY'))"
    assert session().execute(look).output.strip() == "None"
    assert modal_plane.record.requests("SecretGetOrCreate") == []
    assert session(secret_name="LITELLM").execute(look).output.strip() == "value"


def test_sandbox_is_tagged(session, modal_plane):
    """Tags say whose sandbox it is, so that a leaked one can be found."""
    session(run="run 7/ü")
    tags = modal_plane.running[0].tags
    assert (tags["fleet-rlm"], tags["run"]) == ("driver", "run-7--")
    assert {"host", "pid", "version"} < set(tags)


def test_large_values_cross_once_and_compressed(session, modal_plane):
    """Twenty iterations over 10 MB send its zlib-1 size and 5 %, the driver included; each execute is one message."""
    text = prose(10_000_000)
    client = session()
    client.execute("print(len(document))", {"document": text})
    before = modal_plane.record.counts
    for number in range(19):
        outcome = client.execute(f"print({number}, len(document))", {"document": text})
        assert outcome.output.strip() == f"{number} 10000000"
    grown = {name: count - before.get(name, 0) for name, count in modal_plane.record.counts.items()}
    assert {name: count for name, count in grown.items() if count} == {"TaskExecStdinWrite": 19}
    assert modal_plane.record.bytes_up <= 1.05 * len(zlib.compress(text.encode(), 1))


def test_first_execute_with_small_inputs_is_one_message(session, modal_plane):
    """Small values travel in the same message as the code that needs them."""
    client = session()
    client.execute("pass")
    modal_plane.record.clear()
    assert client.execute("print(a, b)", {"a": "one" * 100_000, "b": ["two"]}).kind == "ok"
    assert modal_plane.record.counts == {"TaskExecStdinWrite": 1}


def test_value_too_large_for_a_message_goes_by_file(session, modal_plane):
    """What compresses to more than 8 MiB is written with the filesystem API, and arrives whole."""
    data = random.Random(1).randbytes(9 << 20)
    text = data.hex()
    outcome = session().execute(
        "import hashlib\nprint(hashlib.sha256(bytes.fromhex(text)).hexdigest())", {"text": text}
    )
    assert outcome.output.strip() == hashlib.sha256(data).hexdigest()
    assert modal_plane.record.counts["TaskExecStdinWriteStream"] > 1


def test_oversize_value_is_refused_before_anything_is_sent(session, modal_plane):
    """A value larger than the sandbox's memory is a usage error, and the session goes on."""
    client = session(memory=(256, 1024))
    modal_plane.record.clear()

    class Huge:
        size = 3 << 30

        def chunks(self):
            raise AssertionError("must not be read")

    with pytest.raises(UsageError, match="does not fit a sandbox with 1,073,741,824 bytes"):
        client.connection.send_value({"type": "value", "value": "v"}, Huge())
    assert modal_plane.record.counts == {}
    assert client.execute("1").kind == "ok"


def test_text_split_into_single_bytes_arrives_whole(session, modal_plane):
    """Output that arrives byte by byte is put together again, characters included."""
    modal_plane.stdout_piece = 1
    assert session().execute("print('héllo 漢字 🦊')").output.strip() == "héllo 漢字 🦊"


def test_no_network_unless_asked(session, modal_plane):
    """A listener of the host is out of reach of code by default, and within it with the network on."""
    port = modal_plane.url.rpartition(":")[2]
    code = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)\nprint('open')"
    assert session().execute(code).kind == "error"
    assert session(block_network=False).execute(code).output.strip() == "open"


def test_prepared_sandbox_is_the_one_that_opens(modal_plane, unstarted):
    """``prepare`` begins to create a sandbox at once; ``open`` takes it and makes no other."""
    sandbox = ModalSandbox(ModalSettings())
    sandbox.prepare()
    client = unstarted(sandbox)
    client.start()
    assert client.execute("print('hi')").output.strip() == "hi"
    assert len(modal_plane.running) == 1
    client.close()


def test_discarded_sandbox_ends(modal_plane, wait_until):
    """A prepared sandbox that nobody opens is ended by ``discard``; discarding nothing is fine."""
    sandbox = ModalSandbox(ModalSettings())
    sandbox.prepare()
    wait_until(lambda: modal_plane.record.requests("TaskExecStdioRead"))
    assert len(modal_plane.running) == 1
    sandbox.discard()
    sandbox.discard()
    assert modal_plane.running == []


def test_progress_names_each_step(session):
    """Whoever waits is told what for."""
    steps = []
    session(progress=steps.append, volume_name="notes")
    assert [step.split(" (")[0] for step in steps] == [
        "connecting to Modal",
        "finding the volume notes",
        "creating the sandbox",
        "starting the driver",
    ]


def test_sessions_are_independent(session):
    """Two sessions at once are two sandboxes; one's end is not the other's."""
    first, second = session(), session()
    first.execute("x = 1")
    assert second.execute("x").kind == "error"
    first.close()
    assert second.execute("print(5)").output.strip() == "5"


def test_used_on_a_running_event_loop_without_complaint(session):
    """dspy calls ``execute`` on the loop's thread: the SDK must not find itself there."""
    client = session()

    async def main():
        return client.execute("print(1)")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asyncio.run(main()).output.strip() == "1"


def test_frames_of_several_threads_stay_whole(session):
    """Tools answer from several threads while a cell runs; no frame is torn, so the session goes on."""
    client = session()
    frame = encode_frame({"type": "heartbeat"}, b"x" * 10_000)
    senders = [
        threading.Thread(target=lambda: [client.connection.send(frame) for _ in range(20)]) for _ in range(4)
    ]
    for sender in senders:
        sender.start()
    outputs = [client.execute(f"print({number})").output.strip() for number in range(20)]
    for sender in senders:
        sender.join()
    assert outputs == [str(number) for number in range(20)]


def test_import_does_not_load_the_sdk():
    """Half a second of import is paid only by those who use Modal."""
    program = "import sys, fleet_rlm.sandboxes.modal; print('modal' in sys.modules, 'grpclib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_closed_session_says_so(session):
    """After ``close`` a send is refused and a receive is at its end."""
    client = session()
    connection = client.connection
    connection.close()
    connection.close()
    with pytest.raises(SandboxError, match="the session has ended"):
        connection.send(b"{}\n")
    assert connection.receive(1.0) == b""
