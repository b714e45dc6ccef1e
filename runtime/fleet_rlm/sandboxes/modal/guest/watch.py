# ruff: noqa: PTH110, PTH123 - pathlib costs 8 ms
"""The sandbox's main process: ends, and the sandbox with it, once the driver has. Arguments: lock, seconds.

Modal's ``idle_timeout`` alone would not do: it counts from when nothing runs, and a driver that has lost
its host must not leave a sandbox behind that is billed until then.
"""

import fcntl
import os
import sys
import time

LAST_WORDS = 2.0  # seconds in which what the driver wrote last can still be fetched


def main() -> int:
    """Wait for a driver to come, then for it to go."""
    path, deadline = sys.argv[1], time.monotonic() + float(sys.argv[2])
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            return 3
        time.sleep(0.25)
    with open(path, "r+b") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
    time.sleep(LAST_WORDS)
    return 0


sys.exit(main())
