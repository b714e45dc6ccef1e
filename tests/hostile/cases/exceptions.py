"""Exceptions that break whoever looks at them."""

from hostile.cases.case import case
from hostile.outcomes import Fails, Interrupted, Lost, Ok

CASES = (
    case("str-fails", "class E(Exception):\n    def __str__(self): return 1 / 0\nraise E", Fails("E")),
    case("str-exits", "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E", Fails("E")),
    case("str-is-no-text", "class E(Exception):\n    def __str__(self): return 5\nraise E", Fails("E")),
    case("repr-fails", "class V:\n    def __repr__(self): return 1 / 0\nV()", Fails("ZeroDivisionError")),
    case("repr-exits", "class V:\n    def __repr__(self): raise SystemExit\nV()", Fails("SystemExit")),
    case(
        "str-kills",
        "import os\nclass E(Exception):\n    def __str__(self): os._exit(9)\nraise E",
        Lost("exit 9"),
    ),
    case(
        "str-loops",
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
        Lost("did not stop"),
        Interrupted(),
        Fails(),
        spins=True,
    ),
    case(
        "metaclass-without-a-name",
        """
        class M(type):
            @property
            def __name__(cls): raise SystemExit('no name')
        class E(Exception, metaclass=M): pass
        raise E('x')
        """,
        Fails(),
    ),
    case(
        "metaclass-with-a-number-for-a-name",
        "class M(type):\n    __name__ = 5\nclass E(Exception, metaclass=M): pass\nraise E('x')",
        Fails(),
    ),
    case(
        "metaclass-that-denies-its-instances",
        """
        class M(type):
            def __instancecheck__(cls, other): raise SystemExit
            def __subclasscheck__(cls, other): raise SystemExit
            def __getattribute__(cls, name): raise SystemExit
        class E(Exception, metaclass=M): pass
        raise E('x')
        """,
        Fails(),
    ),
    case("huge-class-name", "raise type('N' * 2_000_000, (Exception,), {})('x')", Fails("NNNN")),
    case("surrogates-in-the-message", "raise ValueError('a\\ud800b')", Fails("ValueError: a")),
    case("50-megabyte-message", "raise ValueError('m' * 50_000_000)", Fails("characters cut")),
    case(
        "cause-is-a-ring",
        "a, b = ValueError('a'), ValueError('b')\na.__cause__, b.__cause__ = b, a\nraise a",
        Fails("ValueError: a"),
    ),
    case(
        "deep-chain",
        """
        error = None
        for n in range(3000):
            new = ValueError(str(n)); new.__context__ = error; error = new
        raise error
        """,
        Fails("2999|ValueError"),
    ),
    case(
        "group",
        "raise ExceptionGroup('several', [ValueError('one'), TypeError('two')])",
        Fails("ValueError: one.*TypeError: two"),
        needs="3.11",
    ),
    case(
        "deep-group",
        "error = ValueError('leaf')\nfor _ in range(400): error = ExceptionGroup('g', [error])\nraise error",
        Fails("g"),
        needs="3.11",
    ),
    case(
        "notes-are-no-list",
        "error = ValueError('x')\nerror.__notes__ = 5\nraise error",
        Fails("ValueError: x"),
    ),
    case(
        "syntax-error-with-odd-parts",
        "raise SyntaxError('odd', ('name', 'not a number', object(), b'bytes'))",
        Fails("SyntaxError|odd"),
    ),
    case("raises-a-class-that-is-no-exception", "raise 5", Fails("TypeError")),
    case(
        "dunder-class-lies",
        "class E(Exception):\n    __class__ = property(lambda self: 1 / 0)\nraise E('x')",
        Fails(),
    ),
    case(
        "traceback-lies",
        "class E(Exception):\n    __traceback__ = property(lambda self: 1 / 0)\nraise E('x')",
        Fails("E: x|could not be printed"),
    ),
    case(
        "traceback-removed",
        "try: 1 / 0\nexcept Exception as error:\n    raise error.with_traceback(None) from None",
        Fails("ZeroDivisionError"),
    ),
    case(
        "raises-the-driver's-own",
        """
        import sys
        raise sys.modules['fleet_rlm.driver.channel'].ChannelClosedError
        """,
        Fails(),
        Lost(),
    ),
    case(
        "raises-a-submission-without-an-answer",
        "import sys\nraise sys.modules['fleet_rlm.driver.submit'].Submission",
        Ok(),
    ),
)
