# ruff: noqa: PTH102, PTH103, PTH104, PTH118, PTH120, PTH123 - somebody waits, and pathlib costs 8 ms
"""Unpacks the driver's files and runs it as a child. Arguments: the packed files, the driver's options.

Holds a lock for as long as the driver lives, by which ``watch.py`` knows when to end the sandbox. A child
rather than an exec: code in the sandbox inherits from the driver, and must not inherit the lock's descriptor.
"""

import base64
import bz2
import fcntl
import json
import os
import sys


def unpack(packed: str) -> str:
    """Write the files and return their folder."""
    root = "/tmp/fleet-rlm-" + os.urandom(6).hex()  # noqa: S108 - the name is new, and mkdir insists on that
    os.mkdir(root, 0o700)
    for name, text in json.loads(bz2.decompress(base64.b85decode(packed))).items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    return root


def hold(path: str) -> None:
    """Take the lock before it can be seen; it goes when this process does, however that happens."""
    lock = os.open(path + ".new", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.lockf(lock, fcntl.LOCK_EX)
    os.rename(path + ".new", path)


def main() -> int:
    """Run the driver to its end and return its exit code, 128 and more for a signal."""
    root, options = unpack(sys.argv[1]), json.loads(sys.argv[2])
    hold(options.pop("lock"))
    options["tmp"] = os.path.join(root, "work")
    os.mkdir(options["tmp"])
    options["search_path"] = [path for path in sys.path if path.endswith("-packages")]
    program = os.path.join(root, "fleet_rlm", "driver", "__main__.py")
    command = [sys.executable, "-I", "-S", "-B", "-X", "utf8", program, json.dumps(options)]
    child = os.posix_spawn(sys.executable, command, os.environ)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if options.get("volume"):
        os.spawnlp(os.P_WAIT, "sync", "sync", options["volume"])  # noqa: S606 - commits what was written to a volume
    return code if code >= 0 else 128 - code


sys.exit(main())
