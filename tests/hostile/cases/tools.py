"""Cells that misuse the host's tools, and tools that misbehave."""

from hostile.cases.case import case
from hostile.outcomes import Fails, Interrupted, Ok, Raises

CASES = (
    case(
        "tool-from-50-threads",
        """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(50) as pool: print(sum(pool.map(echo, range(200))))
        """,
        Ok("^19900$"),
    ),
    case(
        "tool-argument-that-cannot-cross",
        "echo(object())",
        Fails(r"TypeError: echo\(\) was not called: argument"),
    ),
    case(
        "tool-argument-that-contains-itself",
        "ring = []\nring.append(ring)\necho(ring)",
        Fails("contains itself"),
    ),
    case("tool-argument-with-surrogates", "print(echo('a\\ud800b') == 'a\\ud800b')", Ok("True")),
    case("tool-argument-of-10-megabytes", "print(len(echo('x' * 10_000_000)))", Ok("10000000")),
    case(
        "tool-argument-beyond-the-limit",
        "echo('x' * (300 << 20))",
        Fails("ValueError: echo\\(\\) was not called"),
    ),
    case("tool-wrong-arguments", "echo(1, 2, 3)", Fails("TypeError")),
    case("tool-unknown-keyword", "echo(wrong=1)", Fails("TypeError")),
    case("tool-raises", "fail('ValueError', 'told')", Fails("ValueError: told")),
    case("tool-raises-its-own-class", "fail('OwnError', 'told')", Fails("OwnError: told")),
    case("tool-raises-unprintable", "fail('UnprintableError', 'x')", Fails("could not be printed")),
    case("tool-raises-stop-iteration", "fail('StopIteration', 'x')", Fails("StopIteration")),
    case(
        "tool-raises-unicode-error",
        "fail('UnicodeDecodeError', 'x')",
        Fails("UnicodeDecodeError|RuntimeError"),
    ),
    case(
        "tool-raises-group", "fail('ExceptionGroup', 'x')", Fails("ExceptionGroup|RuntimeError"), needs="3.11"
    ),
    case("tool-raises-interrupt", "fail('KeyboardInterrupt', 'x')", Raises(kind=KeyboardInterrupt)),
    case("tool-raises-exit", "fail('SystemExit', 'x')", Raises(kind=SystemExit)),
    case(
        "tool-raises-exit-and-code-goes-on",
        "try: fail('SystemExit', 'x')\nexcept BaseException: pass",
        Raises(kind=SystemExit),
    ),
    case(
        "tool-returns-what-cannot-cross",
        "unpackable()",
        Fails("TypeError: tool unpackable returned what cannot cross"),
    ),
    case("tool-never-returns", "hang()", Interrupted(), spins=True),
    case(
        "tool-never-returns-in-threads",
        """
        import threading
        threads = [threading.Thread(target=hang, daemon=True) for _ in range(20)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """,
        Interrupted(),
        spins=True,
        lingers=True,
    ),
    case("tool-that-executes", "reenter()", Fails("already executing")),
    case("tool-never-awaited-forever", "hang_async()", Interrupted(), spins=True),
    case(
        "tool-by-a-stolen-name",
        "import sys\nchannel = echo.__closure__\nprint(type(channel).__name__)",
        Ok("tuple"),
    ),
)
