"""Drivers under each confinement, and things outside of them for hostile code to reach for."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from local_escapes import __file__ as escapes_file

from fleet_rlm.host.client import DriverClient, Limits
from fleet_rlm.sandboxes.local import LocalSandbox
from fleet_rlm.sandboxes.trusted import TrustedSandbox

CONFINEMENTS = ("bwrap", "landlock")
SHM_KEY = 0x7F000000 | os.getpid()  # test processes run beside each other


class Driver:
    """One driver, with the escapes defined in it."""

    def __init__(self, sandbox, *, timeout: float = 30) -> None:
        self.client = DriverClient(sandbox, Limits(timeout=timeout))
        self.client.start()

    def run(self, code: str, **variables):
        """Execute code; return what it printed, or the outcome if it did not end well."""
        outcome = self.client.execute(code, variables, step=0)
        assert outcome.kind == "ok", outcome
        return outcome.output.strip()

    def outcome(self, code: str):
        """Execute code and return its whole outcome."""
        return self.client.execute(code, {}, step=0)

    def load_escapes(self, facts) -> None:
        """Define the escapes and what they reach for."""
        self.run(Path(escapes_file).read_text(encoding="utf-8"))
        self.run(f"facts = {facts!r}")

    def close(self) -> None:
        self.client.close()


@pytest.fixture
def base(monkeypatch):
    """The folder of sessions, in a temporary folder of this test's own; short, for addresses of sockets."""
    folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder / f"fleet-rlm-{os.getuid()}"
    shutil.rmtree(folder)


def need(confinement: str) -> None:
    """Skip where bubblewrap is not installed, or hidden to prove that Landlock holds alone."""
    if confinement == "bwrap" and shutil.which("bwrap") is None:
        pytest.skip("bwrap is not on PATH; install bubblewrap")


@pytest.fixture(params=CONFINEMENTS)
def confinement(request) -> str:
    """Each local confinement."""
    need(request.param)
    return request.param


@pytest.fixture
def driver(confinement):
    """A fresh confined driver."""
    made = Driver(LocalSandbox(confinement=confinement))
    yield made
    made.close()


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """Listeners, files, processes and memory that are not the sandbox's."""
    folder = tmp_path_factory.mktemp("outside")
    home = tmp_path_factory.mktemp("users-home")
    (home / "key.txt").write_text("secret")
    for name in ("file", "truncated", "deleted", "taken"):
        (folder / name).write_text("outside")
    servers = [_greeter(socket.AF_INET, ("127.0.0.1", 0)), _greeter(socket.AF_UNIX, str(folder / "s"))]
    abstract = f"fleet-rlm-test-{os.getpid()}"
    servers.append(_greeter(socket.AF_UNIX, "\0" + abstract))
    datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    datagrams.bind(str(folder / "d"))
    names = _name_server()
    victims = [
        subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"]) for _ in range(2)
    ]
    shared = ctypes.CDLL(None).shmget(SHM_KEY, 4096, 0o1600)
    memory = ctypes.create_string_buffer(b"outside")
    os.environ["FLEET_RLM_TEST_CANARY"] = "outside"
    yield {
        **{name: str(folder / name) for name in ("file", "truncated", "deleted", "taken")},
        "folder": str(folder),
        "home": str(home),
        "installed": pytest.__file__,
        "program": sys.modules["fleet_rlm.errors"].__file__,
        "tcp": servers[0].getsockname()[1],
        "udp": names.getsockname()[1],
        "unix": str(folder / "s"),
        "unix_datagram": str(folder / "d"),
        "abstract": abstract,
        "variable": "FLEET_RLM_TEST_CANARY",
        "host": os.getpid(),
        "address": ctypes.addressof(memory),
        "victim": victims[0].pid,
        "doomed": victims[1].pid,
        "shm": SHM_KEY,
    }
    del os.environ["FLEET_RLM_TEST_CANARY"]
    ctypes.CDLL(None).shmctl(shared, 0, None)
    for victim in victims:
        victim.kill()
        victim.wait()
    for server in (*servers, datagrams, names):
        with suppress(OSError):  # closing alone would not wake the thread that serves
            server.shutdown(socket.SHUT_RDWR)
        server.close()


@pytest.fixture(scope="module")
def unconfined(facts, tmp_path_factory):
    """A driver without any wall: what it cannot do proves nothing about walls."""
    made = Driver(TrustedSandbox())
    made.run(f"import os; os.chdir({str(tmp_path_factory.mktemp('unconfined'))!r})")
    made.load_escapes(facts)
    yield made
    made.close()


@pytest.fixture(scope="module")
def confined(facts):
    """One driver for each confinement, shared by the escapes."""
    here = [name for name in CONFINEMENTS if name != "bwrap" or shutil.which("bwrap")]
    made = {name: Driver(LocalSandbox(confinement=name)) for name in here}
    for one in made.values():
        one.load_escapes(facts)
    yield made
    for one in made.values():
        one.close()


def _greeter(family, address) -> socket.socket:
    """A server that says "outside" to whoever connects."""
    server = socket.socket(family, socket.SOCK_STREAM)
    server.bind(address)
    server.listen()

    def serve() -> None:
        with suppress(OSError):  # until it is closed
            while True:
                client, _ = server.accept()
                client.sendall(b"outside")
                client.close()

    threading.Thread(target=serve, daemon=True).start()
    return server


def _name_server() -> socket.socket:
    """A server that answers every question with its number."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):  # until it is closed
            while True:
                question, client = server.recvfrom(512)
                if not client:
                    return
                server.sendto(question[:2] + b"\x81\x80", client)

    threading.Thread(target=serve, daemon=True).start()
    return server
