"""Cells that do not end."""

from hostile.cases.case import case
from hostile.outcomes import Fails, Interrupted, Lost, Ok

UNINTERRUPTIBLE = Lost("did not stop when interrupted")

CASES = (
    case("loop", "while True: pass", Interrupted(), spins=True),
    case("loop-over-nothing", "for _ in iter(int, 1): pass", Interrupted(), spins=True),
    case("sleep", "import time\ntime.sleep(600)", Interrupted(r"line 2"), spins=True),
    case("pipe-read", "import os\nos.read(os.pipe()[0], 1)", Interrupted(), spins=True),
    case(
        "self-deadlock",
        "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
        Interrupted(),
        spins=True,
    ),
    case(
        "join-forever",
        """
        import threading, time
        thread = threading.Thread(target=time.sleep, args=(600,), daemon=True)
        thread.start()
        thread.join()
        """,
        Interrupted(),
        spins=True,
    ),
    case("c-loop", "sum(range(10**12))", UNINTERRUPTIBLE, spins=True),
    case(
        "regex", "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')", Interrupted(), UNINTERRUPTIBLE, spins=True
    ),
    case(
        "swallows-interrupts",
        """
        import time
        while True:
            try:
                while True: time.sleep(0.001)
            except BaseException: y = 2
        """,
        UNINTERRUPTIBLE,
        spins=True,
    ),
    case(
        "swallows-one-interrupt",
        """
        import time
        try:
            while True: time.sleep(0.001)
        except KeyboardInterrupt:
            survived = 'went on'
        print(survived)
        """,
        Ok("went on"),
        spins=True,
    ),
    case(
        "loops-in-finally",
        """
        import time
        try:
            while True: time.sleep(0.001)
        finally:
            while True: time.sleep(0.001)
        """,
        UNINTERRUPTIBLE,
        spins=True,
    ),
    case(
        "ignores-sigint",
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        UNINTERRUPTIBLE,
        spins=True,
    ),
    case(
        "blocks-sigint",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\nwhile True: pass",
        UNINTERRUPTIBLE,
        spins=True,
    ),
    case(
        "loop-in-iter-of-args",
        """
        class Endless(list):
            def __iter__(self):
                while True: yield 1
        SUBMIT(Endless())
        """,
        Interrupted(),
        UNINTERRUPTIBLE,
        spins=True,
    ),
    case(
        "prints-from-a-signal-handler",
        """
        import signal
        signal.signal(signal.SIGALRM, lambda *_: print('handler'))
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0001)
        for n in range(20_000): print(n)
        """,
        Ok("handler|cut"),
        Fails("reentrant call"),
    ),
    case(
        "alarm-left-behind",
        """
        import signal
        def late(*_): raise TimeoutError('too late')
        signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        """,
        Ok(),
        Fails("TimeoutError"),
    ),
    case("waits-for-input", "input('name? ')", Fails("EOFError")),
    case("reads-stdin", "import sys\nprint(repr(sys.stdin.read()))", Ok("''")),
)
