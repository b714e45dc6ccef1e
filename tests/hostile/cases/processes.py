"""Cells that start processes. Confined sandboxes forbid it; in the others it must do no harm."""

from hostile.cases.case import case
from hostile.outcomes import Fails, Interrupted, Lost, Ok

DENIED = Fails("PermissionError|BlockingIOError|OSError")

CASES = (
    case(
        "fork",
        "import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nprint('each')",
        Ok("^each\neach$"),
        DENIED,
    ),
    case(
        "fork-and-raise",
        "import os\npid = os.fork()\nif pid == 0: raise ValueError('copy')\nos.waitpid(pid, 0)\nprint('once')",
        Ok("once"),
        DENIED,
    ),
    case(
        "forked-copy-calls-a-tool",
        "import os\npid = os.fork()\nif pid == 0: echo(1)\nprint(os.waitpid(pid, 0)[1] != None)",
        Ok("^True$"),
        DENIED,
    ),
    case(
        "forked-copy-submits",
        "import os\npid = os.fork()\nif pid == 0: SUBMIT('copy')\nos.waitpid(pid, 0)\nprint('original')",
        Ok("^original$"),
        DENIED,
    ),
    case(
        "forked-copy-outlives-the-worker",
        "import os, time\nif os.fork(): os._exit(7)\ntime.sleep(20)",
        Lost("exit 7"),
        DENIED,
    ),
    case(
        "forked-copy-stays", "import os, time\nif os.fork() == 0: time.sleep(600)", Ok(), DENIED, lingers=True
    ),
    case(
        "subprocess",
        "import subprocess\nsubprocess.run(['echo', 'from a child'], check=True)",
        Ok("from a child"),
        Fails("Error"),
    ),
    case(
        "stubborn-subprocess",
        "import subprocess\nsubprocess.run(['sh', '-c', 'trap \"\" INT; sleep 600'])",
        Interrupted(),
        Lost(),
        Fails("Error"),
        spins=True,
    ),
    case(
        "multiprocessing",
        """
        import multiprocessing
        process = multiprocessing.get_context('fork').Process(target=print, args=('hello',))
        process.start()
        process.join()
        """,
        Ok("hello"),
        Fails("Error"),
    ),
    case("fork-bomb", "import os\nwhile True: os.fork()", DENIED, needs="confined"),
    case(
        "vfork-bomb",
        "import subprocess, sys\nwhile True: subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])",
        Fails("Error"),
        needs="confined",
    ),
)
