"""What is shipped into a sandbox runs there: Python 3.9, standard library only, no file missing."""

from __future__ import annotations

import ast
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import fleet_rlm.driver
from fleet_rlm.driver import SHIPPED
from fleet_rlm.protocol import FrameReader, encode_frame

PACKAGE = Path(fleet_rlm.driver.__file__).parents[1]
NEWER = {  # module or attribute -> since when the standard library has it
    "tomllib": "3.11",
    "datetime.UTC": "3.11",
    "enum.StrEnum": "3.11",
    "itertools.pairwise": "3.10",
    "itertools.batched": "3.12",
    "asyncio.TaskGroup": "3.11",
    "asyncio.timeout": "3.11",
    "contextlib.chdir": "3.11",
    "contextlib.aclosing": "3.10",
    "sys.exception": "3.11",
    "int.bit_count": "3.10",
    "inspect.get_annotations": "3.10",
    "types.NoneType": "3.10",
    "types.UnionType": "3.10",
    "typing.Self": "3.11",
    "bisect.key": "3.10",
    "sys.orig_argv": "3.10",
    "os.EFD_CLOEXEC": "3.10",
    "zip.strict": "3.10",
    "sys.stdlib_module_names": "3.10",
    "socket.send_fds": "3.9",
}


def _python_39() -> str | None:
    """A Python 3.9 that answers: on PATH, or installed beside the one that runs this."""
    beside = Path(sys.base_prefix).parent.glob("*3.9*/bin/python3.9")
    for candidate in filter(None, (shutil.which("python3.9"), *map(str, sorted(beside)))):
        asked = subprocess.run(
            [candidate, "-I", "-c", "import sys; print(sys.executable)"],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.returncode == 0:
            return asked.stdout.strip()
    return None


def test_shipped_are_all_files_of_the_driver() -> None:
    """The list is what is on disk: nothing of the driver is left at home, and nothing else travels."""
    on_disk = {
        str(path.relative_to(PACKAGE))
        for part in ("driver", "values")
        for path in (PACKAGE / part).rglob("*.py")
    }
    lockdown = {name for name in on_disk if name.startswith("driver/lockdown/")}
    assert set(SHIPPED) | lockdown == on_disk | {"protocol.py"}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_file_is_python_39(name: str) -> None:
    """It parses as 3.9, and takes from the standard library only what 3.9 has."""
    tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"), feature_version=(3, 9))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            imported.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            imported.add(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.Call) and any(keyword.arg == "strict" for keyword in node.keywords):
            imported.add("zip.strict")
        assert not isinstance(node, getattr(ast, "Match", ()))
    assert imported & {name for name, since in NEWER.items() if since != "3.9"} == set()
    roots = {
        module.partition(".")[0] for module in imported if module.partition(".")[0] in sys.stdlib_module_names
    }
    packages = {node.names[0].name for node in ast.walk(tree) if isinstance(node, ast.Import)} | {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }
    assert {p.partition(".")[0] for p in packages if p} - roots <= {"fleet_rlm", "numpy", "pandas"}


@pytest.mark.parametrize("python", [sys.executable, _python_39()], ids=["this-python", "python-3.9"])
def test_shipped_files_are_enough(python: str | None, tmp_path: Path) -> None:
    """A copy of exactly these files is a driver that runs code, in an interpreter that has nothing else."""
    if python is None:
        pytest.skip("no Python 3.9 on this machine; the files are checked as source above")
    for name in SHIPPED:
        target = tmp_path / "fleet_rlm" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((PACKAGE / name).read_bytes())
    ours, theirs = socket.socketpair()
    driver = subprocess.Popen(
        [python, "-I", "-S", "-B", str(tmp_path / "fleet_rlm/driver/__main__.py"), json.dumps({"fd": 0})],
        stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={}, start_new_session=True,
    )  # fmt: skip
    theirs.close()
    ours.settimeout(20)
    reader, said = FrameReader(), []
    code = b"import datetime, sys\nprint(peek('abc', 1), sys.version_info >= (3, 9))\nSUBMIT({'day': datetime.date(2025, 1, 2)})"
    ours.sendall(encode_frame({"type": "configure", "tools": [], "fields": None}))
    ours.sendall(
        encode_frame(
            {"type": "execute", "id": 1, "step": 1, "bind": {}, "shown": 1000, "grace": 1.0, "worker": 1},
            code,
        )
    )
    while not any(frame.header["type"] == "done" for frame in said):
        data = ours.recv(1 << 16)
        assert data, driver.communicate()[1].decode()
        said += reader.feed(data)
    ours.close()
    driver.communicate(timeout=20)
    assert [frame.header["type"] for frame in said] == ["ready", "done"]
    assert said[1].header["outcome"] == "submit"
    assert said[1].payload == b'bc True\n{"output":{"day":"2025-01-02"}}'
