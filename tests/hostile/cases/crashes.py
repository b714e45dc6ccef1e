"""Cells that break the interpreter they run in, or eat what it runs on."""

from hostile.cases.case import case
from hostile.outcomes import Fails, Lost

NO_MEMORY = """
import resource
try: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))
except ValueError: pass  # a confined worker has its limit and may not change it
"""

CASES = (
    case(
        "null-pointer",
        "import ctypes\nctypes.string_at(0)",
        Lost("SIGSEGV"),
        Fails("ImportError|PermissionError|OSError"),
    ),
    case("recursion", "def down(): return down()\ndown()", Fails("RecursionError")),
    case(
        "recursive-repr", "class R:\n    def __repr__(self): return repr(self)\nR()", Fails("RecursionError")
    ),
    case(
        "c-stack-overflow",
        """
        import sys
        sys.setrecursionlimit(1_000_000)
        def down(): return list(map(lambda _: down(), [0]))
        down()
        """,
        Lost("SIGSEGV"),
        Fails("RecursionError"),
        spoils=True,
    ),
    case(
        "tiny-recursion-limit",
        """
        import sys
        sys.setrecursionlimit(len(__import__('inspect').stack()) + 8)
        undefined_name
        """,
        Fails(),
        Lost(),
        spoils=True,
    ),
    case("one-huge-allocation", NO_MEMORY + "x = bytearray(1 << 34)", Fails("MemoryError"), spoils=True),
    case(
        "memory-filled-up",
        NO_MEMORY + "x = []\nwhile True: x.append(bytearray(1 << 24))",
        Fails("MemoryError"),
        Lost(),
        spoils=True,
    ),
    case("huge-number-printed", "print(10 ** 10_000)", Fails("4300 digits"), needs="3.11"),
    case(
        "gc-tampered",
        """
        import gc
        for found in gc.get_objects():
            if type(found) is dict and found is not globals(): found.clear()
        """,
        Fails(),
        Lost(),
        spoils=True,
    ),
)
