"""Cells that change the Python they run in."""

from hostile.cases.case import case
from hostile.outcomes import Fails, Lost, Ok

CASES = (
    case(
        "builtins-deleted", "del __builtins__.len, __builtins__.isinstance, __builtins__.BaseException", Ok()
    ),
    case("builtins-cleared", "vars(__import__('builtins')).clear()", Ok()),
    case(
        "builtins-cleared-then-raises",
        "keep = ValueError\nvars(__import__('builtins')).clear()\nraise keep('after')",
        Fails("ValueError: after"),
    ),
    case(
        "builtins-overwritten",
        "import builtins\nbuiltins.isinstance = builtins.print = builtins.len = builtins.repr = None",
        Ok(),
    ),
    case(
        "builtins-booby-trapped",
        """
        import builtins
        def trap(*_, **__): raise SystemExit('trap')
        for name in list(vars(builtins)):
            if not name.startswith('__'): setattr(builtins, name, trap)
        """,
        Ok(),
        Fails("trap"),
    ),
    case(
        "import-broken", "import builtins\nbuiltins.__import__ = None\nbuiltins.__build_class__ = None", Ok()
    ),
    case("builtins-name-replaced", "__builtins__ = {}", Ok()),
    case("builtins-name-is-nonsense", "__builtins__ = 5", Ok()),
    case("globals-cleared", "kept = 41\nglobals().clear()\nkept = 41", Ok()),
    case("odd-global-names", "globals().update({1: 2, None: 3, ('a',): 4, 'a b': 5, '': 6})", Ok()),
    case("huge-global-name", "globals()['n' * 3_000_000] = 1", Ok()),
    case(
        "hostile-global-name",
        """
        class Name(str):
            def startswith(self, *_): raise SystemExit('trap')
            __lt__ = __gt__ = startswith
            def __hash__(self): return 7
        globals()[Name('a')] = globals()[Name('b')] = 1
        """,
        Ok(),
    ),
    case("ten-thousand-names", "for n in range(10_000): globals()[f'name_{n}' + 'x' * 150] = n", Ok()),
    case("modules-cleared", "import sys\nsys.modules.clear()", Ok(), Fails(), Lost(), spoils=True),
    case(
        "modules-cleared-then-raises",
        "import sys\nsys.modules.clear()\nundefined_name",
        Fails("NameError"),
        Lost(),
        spoils=True,
    ),
    case("main-module-removed", "import sys\ndel sys.modules['__main__']", Ok()),
    case(
        "search-path-cleared",
        "import sys\nsys.path.clear()\nsys.meta_path.clear()\nsys.path_hooks.clear()",
        Ok(),
        spoils=True,
    ),
    case(
        "driver-patched",
        """
        import sys
        for name in list(sys.modules):
            if name.startswith('fleet_rlm'): vars(sys.modules[name]).clear()
        """,
        Lost(),
        Ok(),
        Fails(),
        spoils=True,
    ),
    case("helpers-overwritten", "peek = grep = get_output = None", Ok(), spoils=True),
    case("helpers-deleted", "del peek, grep, get_output", Ok()),
    case("tools-overwritten", "echo = SUBMIT = None", Ok()),
    case(
        "trace-function-raises",
        "import sys\nsys.settrace(lambda *_: 1 / 0)",
        Ok(),
        Fails("ZeroDivisionError"),
    ),
    case(
        "trace-function-everywhere",
        "import sys, threading\ndef trace(*_): raise SystemExit('trap')\nthreading.settrace(trace)\nsys.settrace(trace)\nkept",
        Ok(),
        Fails("trap"),
    ),
    case(
        "profile-function-raises",
        "import sys\nsys.setprofile(lambda *_: 1 / 0)",
        Ok(),
        Fails("ZeroDivisionError"),
    ),
    case(
        "gc-callback-raises",
        "import gc\ngc.callbacks.append(lambda *_: 1 / 0)\ngc.collect()",
        Ok(),
        lingers=True,
    ),
    case("gc-frozen", "import gc\ngc.disable()\ngc.freeze()\ngc.set_threshold(1, 1, 1)", Ok(), lingers=True),
    case("switch-interval", "import sys\nsys.setswitchinterval(1000)", Ok(), lingers=True),
    case(
        "audit-hook-raises",
        "import sys\ndef hook(*_): raise ValueError('hooked')\nsys.addaudithook(hook)",
        Ok(),
        Fails(),
        Lost(),
        spoils=True,
    ),
    case(
        "audit-hook-exits",
        "import sys\ndef hook(*_): raise SystemExit('hooked')\nsys.addaudithook(hook)",
        Ok(),
        Fails(),
        Lost(),
        spoils=True,
    ),
    case(
        "excepthook-replaced",
        "import sys\nsys.excepthook = sys.unraisablehook = None\nundefined_name",
        Fails("NameError"),
        lingers=True,
    ),
    case(
        "linecache-poisoned",
        "import linecache\nlinecache.getlines = None\nlinecache.cache = None\nundefined_name",
        Fails("NameError"),
        spoils=True,
    ),
    case(
        "traceback-poisoned",
        "import traceback\nvars(traceback).clear()\nundefined_name",
        Fails("NameError"),
        spoils=True,
    ),
    case("os-poisoned", "import os\nvars(os).clear()", Ok(), Lost(), spoils=True),
    case(
        "json-poisoned",
        "import json\nvars(json).clear()\nvars(json.__class__)",
        Ok(),
        Fails(),
        Lost(),
        spoils=True,
    ),
    case(
        "finalizer-raises",
        "class D:\n    def __del__(self): raise SystemExit('late')\nd = D()\ndel d",
        Ok("late|^$"),
    ),
    case(
        "finalizer-after-the-cell",
        "class D:\n    def __del__(self): raise SystemExit('late')\nd = D(); d.me = d\ndel d",
        Ok(),
        lingers=True,
    ),
    case(
        "weakref-callback-raises",
        "import weakref\nclass W: pass\nw = W()\nr = weakref.ref(w, lambda _: 1 / 0)\ndel w",
        Ok("ZeroDivisionError"),
    ),
    case(
        "limits-lowered",
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))",
        Ok(),
        Fails(),
        spoils=True,
    ),
    case("folder-left", "import os\nos.chdir('/')", Ok(), lingers=True),
    case("environment-cleared", "import os\nos.environ.clear()", Ok(), lingers=True),
)
