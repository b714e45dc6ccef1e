"""Cells whose threads outlive them, or do what only the main thread should."""

from hostile.cases.case import case
from hostile.outcomes import Fails, Interrupted, Ok, Submits

CASES = (
    case(
        "thread-prints-later",
        """
        import threading, time
        def later():
            while True:
                print('leaked')
                time.sleep(0.01)
        threading.Thread(target=later, daemon=True).start()
        """,
        Ok(),
        lingers=True,
    ),
    case(
        "thread-calls-tools-later",
        """
        import threading, time
        def later():
            while True:
                try: echo('late')
                except Exception: pass
                time.sleep(0.005)
        threading.Thread(target=later, daemon=True).start()
        """,
        Ok(),
        lingers=True,
    ),
    case(
        "thread-in-a-slow-tool",
        "import threading\nthreading.Thread(target=slow, args=(0.3,), daemon=True).start()",
        Ok(),
        lingers=True,
    ),
    case(
        "thread-spins",
        "import threading\ndef spin():\n    while True: pass\nthreading.Thread(target=spin, daemon=True).start()",
        Ok(),
        lingers=True,
    ),
    case(
        "thread-not-daemon",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()",
        Ok(),
        lingers=True,
    ),
    case(
        "thread-raises",
        "import threading\nthread = threading.Thread(target=lambda: 1 / 0)\nthread.start()\nthread.join()",
        Ok("ZeroDivisionError"),
    ),
    case(
        "thread-exits",
        "import threading, sys\nthread = threading.Thread(target=sys.exit)\nthread.start()\nthread.join()",
        Ok(),
    ),
    case(
        "thread-submits",
        "import threading\nthread = threading.Thread(target=SUBMIT, args=('from a thread',))\nthread.start()\nthread.join()",
        Submits(answer="from a thread"),
    ),
    case(
        "leftover-thread-submits",
        "import threading\nthreading.Timer(0.05, SUBMIT, ('stolen',)).start()",
        Ok(),
        lingers=True,
    ),
    case(
        "raw-thread", "import _thread, time\n_thread.start_new_thread(time.sleep, (600,))", Ok(), lingers=True
    ),
    case(
        "300-threads",
        "import threading, time\nthreads = [threading.Thread(target=time.sleep, args=(0.2,), daemon=True) for _ in range(300)]\nfor thread in threads: thread.start()",
        Ok(),
        Fails("RuntimeError"),
        lingers=True,
    ),
    case(
        "interrupts-main",
        "import _thread\n_thread.interrupt_main()\nfor _ in range(1000): pass",
        Fails("KeyboardInterrupt"),
    ),
    case(
        "interrupts-main-later",
        "import threading, _thread\nthreading.Timer(0.05, _thread.interrupt_main).start()",
        Ok(),
        lingers=True,
    ),
    case(
        "main-waits-for-a-tool-in-a-thread",
        """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(1) as pool: print(pool.submit(slow, 600).result())
        """,
        Interrupted(),
        spins=True,
        lingers=True,
    ),
    case(
        "async-exception-into-main",
        """
        import ctypes, threading
        main = threading.main_thread().ident
        threading.Timer(0.02, ctypes.pythonapi.PyThreadState_SetAsyncExc, (ctypes.c_ulong(main), ctypes.py_object(SystemExit))).start()
        """,
        Ok(),
        Fails("SystemExit|ImportError|PermissionError|OSError"),
        spoils=True,
    ),
)
