#!/usr/bin/env -S python3 -I -S
"""Stands in for the helper with which the SDK's ``sandbox.filesystem`` works inside a sandbox: one JSON command."""

import json
import os
import stat
import sys

KINDS = {"FileNotFoundError": "NotFound", "NotADirectoryError": "NotDirectory", "IsADirectoryError": "IsDirectory"}


def write_file(path, **_):
    os.makedirs(os.path.dirname(path) or "/", exist_ok=True)
    with open(path, "wb") as file:
        while chunk := sys.stdin.buffer.read1(1 << 20):
            file.write(chunk)


def read_file(path, **_):
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            sys.stdout.buffer.write(chunk)


def make_directory(path, parents=True, **_):
    os.makedirs(path, exist_ok=True) if parents else os.mkdir(path)


def remove(path, recursive=False, **_):
    if os.path.isdir(path) and not os.path.islink(path):
        for name in os.listdir(path) if recursive else ():
            remove(os.path.join(path, name), recursive=True)
        os.rmdir(path)
    else:
        os.unlink(path)


def entry(path):
    found = os.lstat(path)
    kind = "directory" if stat.S_ISDIR(found.st_mode) else "symlink" if stat.S_ISLNK(found.st_mode) else "file"
    return {
        "name": os.path.basename(path),
        "path": path,
        "type": kind,
        "size": found.st_size,
        "mode": found.st_mode,
        "permissions": oct(found.st_mode & 0o777),
        "owner": "root",
        "group": "root",
        "modified_time": found.st_mtime,
    }


def list_files(path, **_):
    json.dump([entry(os.path.join(path, name)) for name in sorted(os.listdir(path))], sys.stdout)


def show(path, **_):
    json.dump(entry(path), sys.stdout)


COMMANDS = {
    "WriteFile": write_file,
    "ReadFile": read_file,
    "MakeDirectory": make_directory,
    "Remove": remove,
    "ListFiles": list_files,
    "Stat": show,
}


def main():
    ((name, options),) = json.loads(sys.argv[1]).items()
    try:
        COMMANDS[name](**options)
    except OSError as error:
        kind = KINDS.get(type(error).__name__, "PermissionDenied" if isinstance(error, PermissionError) else "Other")
        json.dump({"error_kind": kind, "message": error.strerror or str(error)}, sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
