"""Run the loopback Modal plane by hand.

    python -m tests.loopback.modal                        print the settings, serve until Ctrl-C
    python -m tests.loopback.modal -- fleet-rlm run-...   run one command against it, then say what it did
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading

from .plane import Plane, PlaneError, running_plane


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argparse.ArgumentParser(prog="python -m tests.loopback.modal", description=__doc__)
    made.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    made.add_argument("--delay", type=float, default=0.0, metavar="SECONDS", help="delay every call")
    made.add_argument("--secret", action="append", default=[], metavar="NAME:KEY=VALUE", help="a secret to know of")
    made.add_argument("--report", metavar="FILE", help="write calls by method and bytes received as JSON")
    made.add_argument("command", nargs="*", help="a command to run against the plane")
    return made


def prepare(plane: Plane, options: argparse.Namespace) -> None:
    """Apply the options."""
    if options.delay:
        plane.inject("*", delay=options.delay, times=None)
    for text in options.secret:
        name, _, pair = text.partition(":")
        key, _, value = pair.partition("=")
        plane.secrets.setdefault(name, {})[key] = value


def main() -> int:
    """Serve, or run the given command and return its exit code."""
    options = parser().parse_args()
    try:
        with running_plane(options.port) as plane:
            prepare(plane, options)
            if options.command:
                code = subprocess.run(options.command, env={**os.environ, **plane.settings}, check=False).returncode
            else:
                print("\n".join(f"export {name}={value}" for name, value in plane.settings.items()), flush=True)
                code = wait()
            report = {"calls": plane.record.counts, "bytes_up": plane.record.bytes_up}
            if options.report:
                with open(options.report, "w", encoding="utf-8") as file:
                    json.dump(report, file, indent=2)
            return code
    except PlaneError as error:
        print(error, file=sys.stderr)
        return 1


def wait() -> int:
    """Block until Ctrl-C."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
