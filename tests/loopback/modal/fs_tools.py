#!/usr/bin/env -S python3 -I -S
"""Stands in for the helper with which the SDK's ``sandbox.filesystem`` works inside a sandbox: one JSON command."""

import json
import shutil
import sys
from pathlib import Path

KINDS = {
    "FileNotFoundError": "NotFound",
    "NotADirectoryError": "NotDirectory",
    "IsADirectoryError": "IsDirectory",
}


def write_file(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)


def read_file(path):
    with path.open("rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)


def make_directory(path, *, parents=True):
    path.mkdir(parents=parents, exist_ok=parents)


def remove(path, *, recursive=False):
    if recursive and path.is_dir():
        shutil.rmtree(path)
    elif path.is_dir():
        path.rmdir()
    else:
        path.unlink()


def main():
    ((name, options),) = json.loads(sys.argv[1]).items()
    commands = {
        "WriteFile": write_file,
        "ReadFile": read_file,
        "MakeDirectory": make_directory,
        "Remove": remove,
    }
    try:
        commands[name](Path(options.pop("path")), **options)
    except OSError as error:
        kind = KINDS.get(
            type(error).__name__, "PermissionDenied" if isinstance(error, PermissionError) else "Other"
        )
        json.dump({"error_kind": kind, "message": error.strerror or str(error)}, sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
