"""The process that runs generated code. It trusts nothing about its own state after the first cell."""

from __future__ import annotations

import os
import sys

from fleet_rlm.driver import helpers
from fleet_rlm.driver.cell import Cell, class_name, describe_error
from fleet_rlm.driver.channel import Channel
from fleet_rlm.driver.lean import signal
from fleet_rlm.driver.namespace import Namespace, Values
from fleet_rlm.driver.raised import Raised
from fleet_rlm.driver.shield import Shield
from fleet_rlm.driver.streams import Streams
from fleet_rlm.driver.submit import Submission, Submitter
from fleet_rlm.protocol import MAX_GUEST_PAYLOAD
from fleet_rlm.values import CrossingError, pack, unpack

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

    from fleet_rlm.protocol import Frame

__all__ = ["Worker"]

_BARE = {"outcome": "ok"}
_REASON_CHARACTERS = 1000
_TOO_COMPLEX = "MemoryError: the code is too long, or nested too deeply, for Python's compiler"

# What ends with its cell; bound now, because code may put others in their place.
_no_trace, _no_profile, _no_alarm = sys.settrace, sys.setprofile, signal.alarm
_set_timer, _TIMERS, _modules = signal.setitimer, (signal.ITIMER_VIRTUAL, signal.ITIMER_PROF), sys.modules


class Worker:
    """Serves the supervisor's commands, one at a time, until the socket closes."""

    def __init__(self, end: Any, pipe: int, options: Dict[str, Any]) -> None:
        self._shield = Shield()
        self._pid = os.getpid()
        self._channel = Channel(end, self._shield)
        self._streams = Streams(pipe)
        self._submitter = Submitter(self._streams.is_leftover)
        self._values = Values()
        self._last = 0  # number of the last cell
        self._raised = Raised()
        helpers.VOLUME.root = options.get("volume")
        owned = {function.__name__: function for function in helpers.HELPERS}
        self._namespace = Namespace(
            {**owned, "SUBMIT": self._submitter.submit, "get_output": self._get_output}
        )
        sys.path[:] = [path for path in sys.path if "fleet_rlm" not in path] + options.get("search_path", [])

    def run(self, report: Dict[str, Any], history: List[Frame]) -> None:
        """Say ``up`` with ``report``, take over what earlier workers were sent, then serve."""
        for frame in history:
            self._serve(frame)
        self._channel.send({"type": "up", **report})
        while True:
            self._serve(self._channel.next_command())

    def _serve(self, frame: Frame) -> None:
        kind = frame.header["type"]
        if kind == "execute":
            self._execute(frame)
        elif kind == "value":
            self._values.add(frame)
        elif kind == "configure":
            self._submitter.configure(frame.header["fields"])
            self._namespace.set_tools({name: self._tool(name) for name in frame.header["tools"]})
        elif kind == "forget":
            self._values.forget(frame.header["value"])

    def _execute(self, frame: Frame) -> None:
        number = frame.header["id"]
        if number <= self._last:
            return  # sent again by the supervisor, because the line broke while it ran
        self._last = number
        self._shield.listen()
        if self._channel.is_interrupted(number):
            self._shield.pending = True
        self._submitter.begin()
        self._streams.begin()
        self._channel.begin(number)
        done, detail = self._outcome(frame)
        if os.getpid() != self._pid:  # generated code forked, and this is the copy
            os._exit(0)
        self._streams.end()
        come, gone = self._namespace.changes()
        if come or gone:
            done.update(come=come, gone=gone)
        is_bare = self._channel.is_direct and done == _BARE and self._streams.is_taken()
        header = {"type": "done", "id": number, **done}
        self._channel.end(number, header, detail.encode("utf-8", "surrogatepass"), is_bare=is_bare)

    def _outcome(self, frame: Frame) -> tuple[Dict[str, Any], str]:
        """Run the cell; return the terminal frame's fields and its detail."""
        try:
            inputs = {name: self._values.get(value) for name, value in frame.header["bind"].items()}
        except Exception as error:  # noqa: BLE001 - for want of memory, of a package, of what code has taken away
            return {"outcome": "error", "error": class_name(error)}, _why_no_inputs(error)
        try:
            codes = Cell(frame.header["step"], frame.payload.decode("utf-8", "surrogatepass")).compile()
        except Exception as error:  # noqa: BLE001 - whatever stops Python from compiling is the code's fault
            detail = _TOO_COMPLEX if type(error) is MemoryError else describe_error(error)
            line = getattr(error, "lineno", None)
            return {"outcome": "syntax", "error": class_name(error), "line": line}, detail
        self._namespace.begin(inputs)
        raised = self._run(codes)
        try:
            if self._submitter.answer is not None:
                return {"outcome": "submit"}, self._submitter.answer
            if raised is None:
                return {"outcome": "ok"}, ""
            return {"outcome": "error", "error": class_name(raised)}, describe_error(raised)
        finally:
            del (
                raised
            )  # its traceback leads back here: a circle that would keep all that the code's frames hold

    def _run(self, codes: List[Any]) -> Optional[BaseException]:
        """Execute with interrupts let through; return what the code raised, if anything."""
        shield, namespace, everything, submission, class_of = (
            self._shield, self._namespace, BaseException, Submission, type,
        )  # fmt: skip
        try:
            sys.displayhook = _display
            try:
                shield.lower()
                for code in codes:
                    exec(code, namespace.names)  # noqa: S102 - running code is what a worker is for
            finally:
                shield.up = True
                _no_trace(None)
                _no_profile(None)
                _no_alarm(0)
                if "signal" in _modules:  # else nothing has set one, and half a microsecond is saved
                    for timer in _TIMERS:
                        _set_timer(timer, 0)
                namespace.end()
        except everything as raised:  # nothing that code raises may end the session
            shield.up = True
            return None if class_of(raised) is submission else raised
        return None

    def _tool(self, name: str) -> Callable[..., Any]:
        def tool(*args: Any, **kwargs: Any) -> Any:
            if (
                self._submitter.answer is not None
            ):  # SUBMIT was swallowed by a bare except; it still ends the cell
                raise Submission
            packed = self._packed(name, args, kwargs)
            reply = self._channel.request({"type": "call", "name": name}, packed.encode("ascii"))
            value = unpack(reply.payload.decode("ascii"), fetch=self._values.get)
            if reply.header["ok"]:
                return value
            raise self._raised.exception(reply.header["error"], reply.header.get("base"), *value)

        tool.__name__ = tool.__qualname__ = name
        tool.__doc__ = f"Host tool {name}; runs outside the sandbox."
        return tool

    def _packed(self, name: str, args: Any, kwargs: Dict[str, Any]) -> str:
        # a text that is too long is not copied to find that out: a whole document would fill the memory
        size = sum(len(value) for value in (*args, *kwargs.values()) if isinstance(value, (str, bytes)))
        if size <= MAX_GUEST_PAYLOAD:
            try:
                packed = pack([list(args), kwargs], arrays_as_lists=True)
            except CrossingError as error:
                raise TypeError(f"{name}() was not called: argument {error}") from None
            size = len(packed)
            if size <= MAX_GUEST_PAYLOAD:
                return packed
        raise ValueError(f"{name}() was not called: {_too_large(size)}")

    def _get_output(self, step: Any = "background") -> str:
        """Return all that a step printed if it was shown cut; "background": what leftover threads print."""
        if step == "background":
            return self._streams.background()
        reply = self._channel.request({"type": "output", "step": int(step)})
        if not reply.header["ok"]:
            raise LookupError(
                f"the output of step {step} is not kept: it was shown whole, or has been dropped"
            )
        return reply.payload.decode("utf-8", "replace")


def _too_large(size: int) -> str:
    return f"{size:,} bytes would have to leave the sandbox, and {MAX_GUEST_PAYLOAD:,} is the most"


def _why_no_inputs(error: Exception) -> str:
    if type(error) is MemoryError:
        return "MemoryError: the inputs do not fit in the sandbox's memory"
    told = str(error)[:_REASON_CHARACTERS]
    return f"{class_name(error)}: the inputs cannot be made again in the sandbox, so nothing was run: {told}"


def _display(value: object) -> None:
    """Show a last expression as a REPL does, without binding ``_``, which code uses for itself."""
    if value is not None:
        sys.stdout.write(repr(value) + "\n")
