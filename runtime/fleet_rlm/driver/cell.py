"""One cell: compiled as a REPL compiles, run, and its failure told with the user's own lines."""

from __future__ import annotations

import _ast

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Dict, List

__all__ = ["Cell", "class_name", "describe_error"]

_ONLY_AST = 0x400  # PyCF_ONLY_AST; importing `ast` for the name costs a start 3 ms
_LIBRARY_FRAMES = 4
_MESSAGE_CHARACTERS = 20_000
_SOURCES: Dict[str, str] = {}
_SOURCES_KEPT = 200


class Cell:
    """Code that runs in the session's namespace; its last expression is shown as a REPL shows it."""

    def __init__(self, step: int, source: str) -> None:
        self._name = f"<step {step}>"
        self._source = source

    def compile(self) -> List[Any]:
        """Return the code objects to run in order.

        Raises:
            SyntaxError: the source is not Python.
            ValueError: the source contains NUL bytes or lone surrogates.
        """
        _SOURCES[self._name] = self._source
        while len(_SOURCES) > _SOURCES_KEPT:
            del _SOURCES[next(iter(_SOURCES))]
        if _is_one_simple_statement(self._source):
            return [compile(self._source, self._name, "single", dont_inherit=True)]
        tree = compile(self._source, self._name, "exec", _ONLY_AST, dont_inherit=True)
        if not tree.body or not isinstance(tree.body[-1], _ast.Expr):
            return [compile(tree, self._name, "exec", dont_inherit=True)]
        last = _ast.Interactive([tree.body.pop()])
        codes = [compile(tree, self._name, "exec", dont_inherit=True)] if tree.body else []
        return [*codes, compile(last, self._name, "single", dont_inherit=True)]


def _is_one_simple_statement(source: str) -> bool:
    """Whether a REPL's own way to compile does: it shows every expression, and this one can be but the last.

    Saves the short steps two of three compilations, a tenth of what such a step costs.
    """
    return source[:1].isidentifier() and not (
        "\n" in source or ";" in source or ":" in source or "\r" in source or "\f" in source
    )


_NAME_CHARACTERS = 200
_name_of = type.__dict__["__name__"].__get__  # a class can put anything in the place of these two
_trace_of = BaseException.__dict__["__traceback__"].__get__


def class_name(error: BaseException) -> str:
    """Return the name of the exception's class, cut to what a frame's header has room for."""
    name: str = _name_of(type(error))
    return name[:_NAME_CHARACTERS]


def describe_error(error: BaseException) -> str:
    """Return the traceback of ``error`` from the user's code on, with source lines; never raises."""
    try:
        text = _format(error)
    except BaseException:  # noqa: BLE001 - an exception can break everything that looks at it
        text = _format_bare(error)
    if len(text) > _MESSAGE_CHARACTERS:
        half = _MESSAGE_CHARACTERS // 2
        cut = len(text) - 2 * half
        text = f"{text[:half]}\n[... {cut:,} of {len(text):,} characters cut ...]\n{text[-half:]}"
    return text


def _format(error: BaseException) -> str:
    import linecache
    import re
    import traceback

    for name, source in _SOURCES.items():
        lines = [line + "\n" for line in source.split("\n")]
        linecache.cache[name] = (len(source), None, lines, name)
    told = traceback.TracebackException(type(error), error, error.__traceback__)
    _trim(told, set())
    text = "".join(told.format()).rstrip("\n")
    return re.sub(r'File "<step (\d+)>", line', r"Step \1, line", text)


def _format_bare(error: BaseException) -> str:
    """The same without importing or asking anything: for when descriptors, memory or modules are gone."""
    lines, trace = ["Traceback (most recent call last):"], _trace_of(error)
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith("<step "):
            lines.append(f"  Step {name[6:-1]}, line {trace.tb_lineno}")
        trace = trace.tb_next
    try:
        message = str(error)
    except BaseException:  # noqa: BLE001 - its __str__ is the code's own
        message = "(the exception could not be printed)"
    return "\n".join([*lines, f"{class_name(error)}: {message}"])


def _trim(told: Any, seen: set[int]) -> None:
    """Drop the driver's own frames, and the middle of long runs through libraries."""
    if told is None or id(told) in seen:
        return
    seen.add(id(told))
    frames = [frame for frame in told.stack if "fleet_rlm/driver" not in frame.filename.replace("\\", "/")]
    run: List[Any] = []
    kept: List[Any] = []
    for frame in [*frames, None]:
        if frame is not None and not frame.filename.startswith("<step "):
            run.append(frame)
            continue
        kept += run if len(run) <= _LIBRARY_FRAMES else [run[0], *run[1 - _LIBRARY_FRAMES :]]
        run = []
        if frame is not None:
            kept.append(frame)
    told.stack[:] = kept
    for linked in (told.__cause__, told.__context__, *(getattr(told, "exceptions", None) or ())):
        _trim(linked, seen)
