"""Answers that are wrong, odd, or handed over in odd places."""

from hostile.cases.case import case
from hostile.outcomes import Fails, Interrupted, Lost, Ok, Submits

CASES = (
    case("submit-nothing", "SUBMIT()", Fails("missing output; use SUBMIT\\(output\\)")),
    case("submit-too-many", "SUBMIT(1, 2)", Fails("2 values for 1 fields")),
    case("submit-unknown", "SUBMIT(result=1)", Fails("no output field named result")),
    case("submit-twice-given", "SUBMIT(1, output=2)", Fails("given twice")),
    case("submit-object", "SUBMIT(object())", Fails("TypeError: output cannot be submitted: .*object")),
    case("submit-lambda", "SUBMIT(lambda: 0)", Fails("TypeError: output cannot be submitted")),
    case(
        "submit-generator",
        "SUBMIT(n for n in range(3))",
        Fails("TypeError: output cannot be submitted: .*generator"),
    ),
    case(
        "submit-module", "import os\nSUBMIT([1, {'a': os}])", Fails(r"output\[1\]\['a'\] cannot be submitted")
    ),
    case("submit-class", "SUBMIT(int)", Fails("TypeError: output cannot be submitted")),
    case("submit-binary", "SUBMIT(b'\\xff\\xfe')", Fails("not UTF-8")),
    case("submit-ring", "ring = []\nring.append(ring)\nSUBMIT(ring)", Fails("contains itself")),
    case(
        "submit-deep",
        "deep = []\nfor _ in range(100_000): deep = [deep]\nSUBMIT(deep)",
        Fails("nested deeper"),
        Lost(),
    ),
    case(
        "submit-900-deep",
        "deep = 'leaf'\nfor _ in range(900): deep = [deep]\nSUBMIT(deep)",
        Fails("nested deeper|cannot be read"),
        Ok(),
    ),
    case(
        "submit-colliding-keys",
        "SUBMIT({1: 'a', '1': 'b'})",
        Fails("TypeError: output cannot be submitted: two of its keys"),
    ),
    case("submit-tuple-keys", "SUBMIT({(1, 2): 3})", Fails("key of type tuple")),
    case(
        "submit-answers-everything",
        """
        class Yes:
            def __getattr__(self, name): return self
            def __call__(self, *_): return self
        SUBMIT(Yes())
        """,
        Fails("TypeError: output cannot be submitted"),
    ),
    case(
        "submit-mock",
        "from unittest.mock import Mock\nSUBMIT(Mock())",
        Fails("TypeError: output cannot be submitted"),
    ),
    case(
        "submit-mapping-that-exits",
        """
        class D(dict):
            def items(self): raise SystemExit('trap')
        SUBMIT(D(a=1))
        """,
        Fails("trap"),
        Submits(answer={"a": 1}),
    ),
    case(
        "submit-text-that-lies",
        "class T(str):\n    def __str__(self): return 'lie'\nSUBMIT(T('truth'))",
        Submits(answer="truth"),
    ),
    case(
        "submit-number-that-lies",
        "class N(int):\n    def __int__(self): return 0\nSUBMIT([N(7)])",
        Submits(answer=[7]),
    ),
    case("submit-300-megabytes", "SUBMIT('x' * (300 << 20))", Fails("at most 268,435,456 bytes")),
    case("submit-surrogates", "SUBMIT('a\\ud800b\\0c')", Submits(answer="a\ud800b\0c")),
    case("submit-huge-number", "SUBMIT(1 << 40_000)", Submits(answer=1 << 40_000)),
    case(
        "submit-in-except", "try: 1 / 0\nexcept ZeroDivisionError: SUBMIT('caught')", Submits(answer="caught")
    ),
    case("submit-in-finally", "try: 1 / 0\nfinally: SUBMIT('finally')", Submits(answer="finally")),
    case("submit-under-bare-except", "try: SUBMIT('kept')\nexcept: pass\nx = 1", Submits(answer="kept")),
    case(
        "submit-then-raise",
        "try: SUBMIT('kept')\nexcept BaseException: raise ValueError('after')",
        Submits(answer="kept"),
    ),
    case(
        "submit-twice",
        "try: SUBMIT('first')\nexcept BaseException: SUBMIT('second')",
        Submits(answer="first"),
    ),
    case(
        "submit-then-loop",
        "try: SUBMIT('kept')\nexcept BaseException:\n    while True: pass",
        Submits(answer="kept"),
        spins=True,
    ),
    case(
        "submit-then-change",
        "answer = ['as submitted']\ntry: SUBMIT(answer)\nexcept BaseException: answer.append('later')",
        Submits(answer=["as submitted"]),
    ),
    case(
        "submit-in-finalizer",
        "class D:\n    def __del__(self): SUBMIT('dying')\nd = D()\ndel d",
        Submits(answer="dying"),
    ),
    case("submit-in-a-comprehension", "[SUBMIT(n) for n in range(3)]", Submits(answer=0)),
    case(
        "submit-while-printing",
        "class R:\n    def __repr__(self): SUBMIT('shown')\nR()",
        Submits(answer="shown"),
    ),
    case(
        "submit-in-a-loop-that-swallows",
        "while True:\n    try: SUBMIT(1)\n    except BaseException: pass",
        Submits(answer=1),
        Interrupted(),
        Lost(),
        spins=True,
    ),
)
