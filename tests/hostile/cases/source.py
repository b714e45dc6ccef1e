"""Source that is hard to compile."""

from hostile.cases.case import case
from hostile.outcomes import Fails, Lost, Ok, Syntax

CASES = (
    case("lone-surrogate-in-code", "x = '\ud800'", Syntax("surrogates")),
    case("nul-in-code", "x = 1\0", Syntax("null bytes|NUL")),
    case("coding-cookie", "# -*- coding: latin-1 -*-\nprint('é')", Ok("é")),
    case("wrong-coding-cookie", "# -*- coding: no-such-codec -*-\nprint('é')", Ok("é")),
    case("byte-order-mark", "\ufeffprint('bom')", Ok("bom"), Syntax()),
    case("windows-line-ends", "x = 1\r\nprint(x)\r\n", Ok("1")),
    case(
        "5-megabytes-of-code",
        "x = 0\n" + "x += 1\n" * 20_000 + "# " + "c" * 4_800_000 + "\nprint(x)",
        Ok("20000"),
    ),
    case("5-megabytes-on-one-line", "x = '" + "s" * 5_000_000 + "'\n1 / 0", Fails("ZeroDivisionError")),
    case("deep-parentheses", "(" * 5000 + ")" * 5000, Syntax("parenthes")),
    case("deep-minus", "-" * 50_000 + "1", Syntax(), Fails("MemoryError|RecursionError"), Lost("SIGSEGV")),
    case(
        "deep-attributes",
        "x" + ".a" * 50_000,
        Syntax(),
        Fails("MemoryError|RecursionError|NameError"),
        Lost("SIGSEGV"),
    ),
    case("empty", "", Ok("^$")),
    case("only-a-comment", "# nothing", Ok("^$")),
    case("return-outside", "return 5", Syntax("'return' outside function")),
    case("top-level-await", "await x", Syntax()),
    case("not-python", "SELECT * FROM x", Syntax("invalid syntax")),
    case(
        "warning-as-code-compiles",
        "import warnings\nwarnings.simplefilter('error')\nexec(\"'\\\\d'\")",
        Fails("SyntaxError|Warning"),
    ),
    case(
        "future-import",
        "from __future__ import annotations\ndef f(x: undefined): pass\nprint(f.__annotations__)",
        Ok("undefined"),
    ),
)
