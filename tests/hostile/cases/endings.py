"""Cells that try to leave: politely, then less so."""

from hostile.cases.case import case
from hostile.outcomes import Dead, Fails, Lost, Ok

CASES = (
    case("exit", "exit()", Fails("SystemExit")),
    case("quit", "quit(3)", Fails("SystemExit: 3")),
    case("sys-exit", "import sys\nsys.exit('bye')", Fails("SystemExit: bye")),
    case("raise-system-exit", "raise SystemExit", Fails("SystemExit")),
    case("raise-interrupt", "raise KeyboardInterrupt", Fails("KeyboardInterrupt")),
    case("raise-generator-exit", "raise GeneratorExit", Fails("GeneratorExit")),
    case("os-exit-0", "import os\nos._exit(0)", Lost("exit 0")),
    case("os-exit-3", "kept = 1\nimport os\nos._exit(3)", Lost("exit 3")),
    case("os-abort", "import os\nos.abort()", Lost("SIGABRT")),
    case("exit-in-exit-handler", "import atexit, os\natexit.register(os._exit, 5)", Ok()),
    case(
        "sigint-to-itself",
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)",
        Fails("KeyboardInterrupt"),
        Fails("PermissionError"),
    ),
    case(
        "sigkill-to-itself",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        Lost("killed"),
        Fails("PermissionError"),
    ),
    case(
        "sigterm-to-itself",
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
        Lost("SIGTERM"),
        Fails("PermissionError"),
    ),
    case(
        "realtime-signal",
        "import os, signal\nos.kill(os.getpid(), signal.SIGRTMIN + 1)",
        Lost("signal"),
        Fails("PermissionError"),
    ),
    case(
        "sigstop-to-itself",
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGSTOP)\ntime.sleep(600)",
        Lost("did not stop"),
        Fails("PermissionError"),
        spins=True,
    ),
    case(
        "alarm",
        "import signal, time\nsignal.setitimer(signal.ITIMER_REAL, 0.01)\ntime.sleep(600)",
        Lost("SIGALRM"),
    ),
    case(
        "kills-its-group",
        "import os, signal\nos.killpg(0, signal.SIGKILL)",
        Lost("killed"),
        Fails("PermissionError"),
        Fails("ProcessLookupError"),
    ),
    case(
        "kills-its-parent",
        "import os, signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(600)",
        Dead(),
        Fails("PermissionError|ProcessLookupError|OSError"),
        spins=True,
    ),
    case(
        "kills-everybody",
        "import os, signal, time\nos.kill(-1, signal.SIGKILL)\ntime.sleep(600)",
        Dead(),
        Lost(),
        Fails("PermissionError|ProcessLookupError|OSError"),
        spins=True,
        needs="confined",
    ),
)
