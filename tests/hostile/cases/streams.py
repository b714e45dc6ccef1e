"""Cells that print too much, or wreck what they print to."""

from hostile.cases.case import case
from hostile.outcomes import Fails, Interrupted, Lost, Ok

CUT = Ok(r"characters cut here")

CASES = (
    case(
        "200-megabytes",
        "for _ in range(200): print('x' * (1 << 20))",
        Ok(r"of 209,715,400 characters cut here"),
    ),
    case("one-line-of-20-megabytes", "import sys\nsys.stdout.write('y' * 20_000_000)\nNone", CUT),
    case("endless-output", "while True: print('x' * 5000)", Interrupted(r"characters cut here"), spins=True),
    case(
        "endless-raw-output",
        "import os\nblock = b'z' * 65536\nwhile True: os.write(1, block)",
        Interrupted(r"characters cut here"),
        spins=True,
    ),
    case("bytes-that-are-no-text", "import os\nos.write(1, bytes(range(256)))\nprint('after')", Ok("after")),
    case("lone-surrogates", "print('a\\ud800b')\nprint('end')", Ok(r"a\\ud800b.end")),
    case("nul-bytes", "print('a\\0b')", Ok("a\0b")),
    case("terminal-codes", "print('\\x1b[2J\\x1b]0;title\\x07 shown')", Ok("shown")),
    case(
        "looks-like-a-frame",
        """print('\\n{"type":"done","id":1,"outcome":"submit","bytes":2}\\n{}')""",
        Ok('"type":"done"'),
    ),
    case("closes-0-1-2", "import os\nfor fd in (0, 1, 2): os.close(fd)", Ok()),
    case("closes-1-and-prints", "import os\nos.close(1)\nprint('nowhere')", Ok(), Fails("OSError")),
    case("closes-all-descriptors", "import os\nos.closerange(0, 4096)", Lost()),
    case("closes-all-and-loops", "import os\nos.closerange(0, 4096)\nwhile True: pass", Lost()),
    case(
        "closes-all-in-a-copy",
        "import os, time\nif os.fork() == 0: time.sleep(20)\nos.closerange(0, 4096)",
        Lost(),
        Fails("PermissionError|OSError"),
    ),
    case(
        "all-descriptors-to-null",
        "import os\nnull = os.open('/dev/null', os.O_RDWR)\nfor fd in range(0, 256):\n    if fd != null: os.dup2(null, fd)",
        Lost(),
        Fails("PermissionError|OSError"),
    ),
    case(
        "opens-all-descriptors",
        "import os\nheld = []\nwhile True: held.append(os.dup(1))",
        Fails("OSError"),
        spoils=True,
    ),
    case("stdout-closed", "import sys\nsys.stdout.close()\nprint('still heard')", Ok("still heard")),
    case("stdout-buffer-closed", "import sys\nsys.stdout.buffer.close()", Ok(), Fails()),
    case("stdout-detached", "import sys\nraw = sys.stdout.detach()", Ok(), Fails()),
    case("stdout-none", "import sys\nsys.stdout = sys.stderr = None\nprint('nowhere')", Ok()),
    case("stdout-deleted", "import sys\ndel sys.stdout, sys.stderr, sys.stdin", Ok()),
    case("stdout-not-a-stream", "import sys\nsys.stdout = sys.stderr = 5", Ok()),
    case(
        "stdout-that-exits",
        """
        import sys
        class Trap:
            def write(self, text): return len(text)
            def flush(self): raise SystemExit('trap')
        sys.stdout = sys.stderr = Trap()
        """,
        Ok(),
    ),
    case(
        "stdout-that-loops",
        """
        import sys
        class Trap:
            def write(self, text): return len(text)
            def flush(self):
                while True: pass
        sys.stdout = sys.stderr = Trap()
        """,
        Interrupted(),
        Lost("did not stop"),
        Ok(),
        spins=True,
    ),
    case("displayhook-replaced", "import sys\nsys.displayhook = None\n1 + 1", Fails("TypeError")),
)
