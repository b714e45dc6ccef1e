"""Runs the real command line many times without paying for its imports: one process, a fork for each run.

Each request is a JSON line; each answer is the run's exit code as ``subprocess`` gives it. A run may be told to fail
at its nth effect: an audit hook sees every effect just before it happens, so the product needs no hook for it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback

import fleet_rlm_scaffold.checkup
import fleet_rlm_scaffold.cli.commands
import fleet_rlm_scaffold.cli.invoking
import fleet_rlm_scaffold.difference
import fleet_rlm_scaffold.service
import fleet_rlm_scaffold.tree  # noqa: F401 - all that a command imports late, so that no run pays for it
from fleet_rlm_scaffold.cli import main

EFFECTS = {"os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def fail_at(number: int, how: str | int, counter: str) -> None:
    """Kill this process, or raise the error number ``how``, at effect ``number``; ``counter`` is told the count."""
    seen = 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal seen
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
        if event not in EFFECTS and not writes:
            return
        if writes and (isinstance(arguments[0], int) or arguments[0] in {counter, os.devnull}):
            return  # a stream made around what is open already has no effect
        seen += 1
        if seen == number and how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if seen == number and how == "interrupt":
            raise KeyboardInterrupt
        if seen == number and isinstance(how, int):
            raise OSError(how, os.strerror(how))
        if how == "count":
            descriptor = os.open(counter, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.write(descriptor, str(seen).encode())
            os.close(descriptor)

    sys.addaudithook(hook)


def run(request: dict) -> None:
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["cwd"])
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        flags = os.O_RDONLY if name == "stdin" else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(request[name], flags), number)
    if request["uid"] is not None:
        os.setgroups([])
        os.setuid(request["uid"])
    sys.argv = ["fleet-rlm-scaffold", *request["arguments"]]
    if request["fault"]:
        fail_at(*request["fault"])
    main()


def main_loop() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 99
            try:
                run(request)
            except SystemExit as end:
                code = end.code
                sys.stdout.flush()
                sys.stderr.flush()
            except BaseException:  # noqa: BLE001 - a child must never go on as the parent
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


main_loop()
