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
import time
from pathlib import Path

from .plane import Plane, PlaneError, running_plane


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argparse.ArgumentParser(prog="python -m tests.loopback.modal", description=__doc__)
    made.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    made.add_argument("--delay", type=float, default=0.0, metavar="SECONDS", help="delay every call")
    made.add_argument(
        "--secret", action="append", default=[], metavar="NAME:KEY=VALUE", help="a secret to know of"
    )
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
                code = subprocess.run(
                    options.command, env={**os.environ, **plane.settings}, check=False
                ).returncode
            else:
                settings = "".join(f"export {name}={value}\n" for name, value in plane.settings.items())
                sys.stdout.write(settings)
                sys.stdout.flush()
                while True:  # a Ctrl-C that comes just before a wait is noticed after it
                    time.sleep(0.2)
            report = {"calls": plane.record.counts, "bytes_up": plane.record.bytes_up}
            if options.report:
                Path(options.report).write_text(json.dumps(report, indent=2), encoding="utf-8")
            return code
    except KeyboardInterrupt:
        return 0
    except PlaneError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
