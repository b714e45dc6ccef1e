"""The host's side of one driver: executes code, sends values once, answers tool calls."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import SandboxError, UsageError
from fleet_rlm.host.calls import Calls
from fleet_rlm.host.inbox import Inbox
from fleet_rlm.host.interrupts import Interrupts
from fleet_rlm.host.line import LineBrokenError, LineEndedError
from fleet_rlm.host.outcome import Limits, Outcome
from fleet_rlm.host.shortcut import Shortcut
from fleet_rlm.host.tools import call_tool
from fleet_rlm.host.variables import VariableTable
from fleet_rlm.protocol import MAX_GUEST_PAYLOAD, MAX_HEADER, PROTOCOL, encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fleet_rlm.host.line import Arrival
    from fleet_rlm.protocol import Frame
    from fleet_rlm.sandboxes.base import Connection, Sandbox

__all__ = ["DriverClient"]

_ANSWER_SECONDS = 10.0  # beyond a cell's own grace, in which the driver itself must have answered
_SHOWN_TO_DSPY = 8 << 20  # characters: no model reads what a preparation prints
_LATE = "the driver does not answer"


class DriverClient:
    """One driver from its start to its end. One execute at a time; ``interrupt`` from any thread.

    Args:
        sandbox: where the driver runs.
        limits: bounds on each execute.
        invoke: called as ``invoke(name, args, kwargs)`` for each tool call, on a tool thread; calls that are
            under way at once have one each.
    """

    def __init__(self, sandbox: Sandbox, limits: Limits, invoke: Callable[..., Any] = call_tool) -> None:
        self._sandbox = sandbox
        self._limits = limits
        self._invoke = invoke
        self._connection: Connection | None = None
        self._is_closed = False
        self._variables = VariableTable()
        self._configured: tuple[list[str], list[dict[str, Any]] | None] | None = None
        self._number = 0
        self._running: int | None = None
        self._interrupts = Interrupts()
        self._worker = 1  # the one whose state the next cell counts on
        self.ready: dict[str, Any] = {}

    def start(self) -> None:
        """Start the driver and wait until it is ready; to be closed even if this fails.

        Raises:
            SandboxError: it cannot be started, speaks another protocol, or its confinement does not hold.
        """
        self._interrupts.defer()  # between starting a driver and knowing of it, it would be left running
        try:
            self._open()
            self._greet()
        finally:
            self._interrupts.release()

    def _open(self) -> None:
        """Start the driver."""
        connection = self._sandbox.open()
        self._inbox = Inbox(connection, MAX_GUEST_PAYLOAD + self._limits.output * 8)
        self._calls = Calls(connection, self._inbox, self._invoke, self._interrupts)
        self._shortcut = Shortcut(connection, self._inbox)
        self._connection = connection
        if self._is_closed:  # by another thread, which found nothing to close
            self.close()

    def _greet(self) -> None:
        """Wait for the driver, and believe it only if its confinement holds."""
        self._live()
        try:
            deadline = time.monotonic() + self._sandbox.start_timeout
            frame = self._inbox.take(deadline, self._interrupts).frame
        except TimeoutError:
            raise _late("the driver did not start") from None
        if frame.header["type"] != "ready":
            last = (_text(frame.payload).strip().splitlines() or ["it did not say why"])[-1]
            raise SandboxError(f"the driver did not start: {last}.", remedy="Run `fleet-rlm doctor`.")
        if frame.header["protocol"] != PROTOCOL:
            spoken = f"the driver speaks protocol {frame.header['protocol']}, not {PROTOCOL}."
            raise SandboxError(spoken, remedy="Reinstall fleet-rlm.")
        self._sandbox.verify(frame.header)
        self.ready = frame.header
        self._shortcut.provide(self._worker)

    def configure(self, tools: list[str], fields: list[dict[str, Any]] | None) -> None:
        """Tell the driver which tools and output fields there are, if that has changed.

        Raises:
            UsageError: they are too many.
            SandboxError: the driver is gone.
        """
        wanted = (tools, fields)
        if wanted != self._configured:
            self._live().send(_stated({"type": "configure", "tools": tools, "fields": fields}, "tools"))
            self._shortcut.pause()
            self._configured = (list(tools), None if fields is None else [dict(field) for field in fields])

    def execute(
        self,
        code: str,
        variables: Mapping[str, Any],
        *,
        step: int,
        limits: Limits | None = None,
        begun: Callable[[], None] | None = None,
    ) -> Outcome:
        """Run one cell and return how it ended.

        Args:
            code: Python source.
            variables: what to bind first, by name.
            step: the number under which the planner knows this cell; 0 for one that it does not see.
            limits: bounds on this cell; by default those of the client.
            begun: called once the cell can be interrupted; an ``interrupt`` before had no effect.

        Raises:
            CrossingError: a variable cannot cross; nothing was run.
            UsageError: a variable is larger than this sandbox takes, or there are too many; nothing was run.
            SandboxError: the driver is gone, and its session with it.
            BaseException: the caller was interrupted, as by Ctrl-C; so was the cell, and the session goes on.
        """
        names = self._bind(variables) if variables else {}
        self._number += 1
        limits = limits or self._limits
        header = {
            "type": "execute",
            "id": self._number,
            "step": step,
            "bind": names,
            "shown": limits.output if step else _SHOWN_TO_DSPY,
            "grace": limits.grace,
            "worker": self._worker,
        }
        data = _stated(header, "variables", code.encode("utf-8", "surrogatepass"))
        self._live()
        self._calls.begin_cell(self.interrupt)
        self._running = self._number
        self._interrupts.defer()
        try:
            done = self._until_done(header, data, limits, begun)
            self._learn(done)
        finally:
            self._running = None
            self._shortcut.end()
            raised = self._calls.end_cell()
            self._interrupts.release()
        if raised is not None:
            raise raised
        return Outcome.of(done, step)

    def _bind(self, variables: Mapping[str, Any]) -> dict[str, str]:
        """Send what the driver does not have yet; return the ids of the values by name."""
        binding, stale = self._variables.bind(variables), self._variables.stale
        if binding.send or stale:
            self._shortcut.pause()
        while stale:
            self._send({"type": "forget", "value": stale[-1]})
            stale.pop()
        for outgoing in binding.send:
            self._live().send_value(outgoing.header, outgoing.content)
        self._variables.settle()
        return binding.names

    def _learn(self, done: Frame) -> None:
        """Note which worker there is now."""
        if done.header["outcome"] == "lost":
            self._worker = done.header.get("worker", self._worker)
            self._shortcut.leave()
        self._shortcut.learn(self._worker)

    def _until_done(
        self, header: dict[str, Any], data: bytes, limits: Limits, begun: Callable[[], None] | None
    ) -> Frame:
        is_sent = False
        try:
            self._send_cell(header, data)
            is_sent = True
            if begun is not None:
                begun()
            return self._pump(limits)
        except SandboxError:
            raise
        except BaseException:  # Ctrl-C, or what a signal handler of the caller's raises
            if not is_sent:  # it may have been all the same; then this one is dropped
                self._send_cell(header, data)
            self.interrupt()
            self._pump(limits, is_interrupted=True)
            raise

    def _send_cell(self, header: dict[str, Any], data: bytes) -> None:
        if not self._shortcut.send(header, data):
            with self._interrupts:  # this may take as long as a network does
                self._live().send(data)

    def _pump(self, limits: Limits, *, is_interrupted: bool = False) -> Frame:
        """Answer tool calls until the cell's terminal frame arrives; interrupt it when its time is up."""
        seconds = limits.grace + _ANSWER_SECONDS if is_interrupted else limits.timeout
        while True:
            deadline = None if seconds is None else time.monotonic() + seconds
            try:
                return self._done(deadline)
            except TimeoutError:
                if is_interrupted:
                    raise _late(_LATE) from None
            self._stop("timeout")
            seconds, is_interrupted = limits.grace + _ANSWER_SECONDS, True

    def _done(self, deadline: float | None) -> Frame:
        """Answer tool calls until the cell's terminal frame arrives.

        Raises:
            TimeoutError: it has not by ``deadline``, on the monotonic clock.
        """
        done = None
        while done is None:
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError  # calls without end would hide it
            try:
                done = self._handle(self._calls.next(deadline))
            except LineEndedError:
                self._shortcut.detour()
            except LineBrokenError:
                self._distrust()
        return done

    def _handle(self, arrival: Arrival) -> Frame | None:
        """Begin a call; return the terminal frame if it is that."""
        frame = arrival.frame
        kind = frame.header["type"]
        if kind == "done" and frame.header["id"] == self._running:
            return frame
        if kind == "call":
            self._calls.begin(arrival)
        elif kind == "done" and arrival.line is None:
            self._noticed(frame)
        elif kind == "fault":
            raise SandboxError(f"the driver gave up: {_text(frame.payload)}")
        elif arrival.line is not None:
            raise LineBrokenError
        return None

    def _noticed(self, frame: Frame) -> Frame:
        """Return ``frame``, if it does not say that the worker has ended, though not in the cell under way.

        Raises:
            LineEndedError: it says so. A forked copy of the worker may hold the line open.
        """
        if frame.header["type"] == "done" and frame.header.get("worker", 0) > self._worker:
            self._inbox.leave_line()
            raise LineEndedError
        return frame

    def _distrust(self) -> None:
        """Have the worker replaced: it has sent what none may."""
        self._shortcut.leave()
        self._send({"type": "replace", "worker": self._worker})
        self._shortcut.detour()  # if it had ended already, only that tells what became of the cell

    def interrupt(self) -> None:
        """Stop the running cell, if any; its execute ends as ``interrupted``."""
        self._stop("request")

    def _stop(self, reason: str) -> None:
        if (number := self._running) is not None:
            self._shortcut.pause()
            with contextlib.suppress(SandboxError):
                self._send({"type": "interrupt", "id": number, "reason": reason})

    def output(self, step: int) -> str | None:
        """Return all that a step printed, if it was shown cut and is still kept. Not during an execute.

        Raises:
            SandboxError: the driver is gone.
        """
        self._send({"type": "output", "id": 0, "step": step})
        deadline = time.monotonic() + _ANSWER_SECONDS
        while (frame := self._between_cells(deadline)) is None or frame.header["type"] != "text":
            pass
        return _text(frame.payload) if frame.header["ok"] else None

    def check(self) -> None:
        """Look whether the driver is still there. Not during an execute.

        Raises:
            SandboxError: it is gone.
        """
        self._live()
        try:
            self._inbox.look()
        except LineEndedError:
            self._shortcut.detour()
        except LineBrokenError:
            self._distrust()

    def close(self) -> None:
        """End the driver, also while another thread starts it. Idempotent."""
        self._is_closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            self._calls.close()
            connection.close()
            self._shortcut.close()

    def _live(self) -> Connection:
        if self._connection is None:
            raise SandboxError("the session has ended.")
        return self._connection

    def _send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        self._live().send(encode_frame(header, payload))

    def _between_cells(self, deadline: float) -> Frame | None:
        """Return what comes next; None if that was the end of the line."""
        try:
            return self._noticed(self._calls.next(deadline).frame)
        except TimeoutError:
            raise _late(_LATE) from None
        except LineEndedError:
            self._shortcut.detour()
        except LineBrokenError:
            self._distrust()
        return None


def _late(what: str) -> SandboxError:
    return SandboxError(f"{what} in time.", remedy="Run `fleet-rlm doctor`.")


def _stated(header: dict[str, Any], what: str, payload: bytes = b"") -> bytes:
    """A frame whose header grows with the number of these, if it does not grow too long."""
    data = encode_frame(header, payload)
    if len(data) - len(payload) >= MAX_HEADER:
        raise UsageError(f"there are too many {what} to state in {MAX_HEADER:,} bytes.", remedy="Use fewer.")
    return data


def _text(payload: bytes) -> str:
    return payload.decode("utf-8", "replace")
