"""The host's side of one driver: executes code, sends values once, answers tool calls."""

from __future__ import annotations

import contextlib
import contextvars
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import SandboxError, UsageError
from fleet_rlm.host.answer import answer
from fleet_rlm.host.incoming import checked
from fleet_rlm.host.lead import Lead
from fleet_rlm.host.outcome import Limits, Outcome
from fleet_rlm.host.tools import ToolThreads, call_tool
from fleet_rlm.host.variables import VariableTable
from fleet_rlm.protocol import MAX_GUEST_PAYLOAD, PROTOCOL, Frame, FrameError, FrameReader, encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fleet_rlm.sandboxes.base import Connection, Sandbox

__all__ = ["DriverClient"]

_ANSWER_SECONDS = 10.0  # beyond a cell's own timeout and grace, in which the driver itself must have answered
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
        self._frames = FrameReader(MAX_GUEST_PAYLOAD + limits.output * 8)
        self._received: deque[Frame] = deque()
        self._variables = VariableTable()
        self._threads = ToolThreads()
        self._configured: tuple[list[str], list[dict[str, Any]] | None] | None = None
        self._number = 0
        self._running: int | None = None
        self._lead: Lead | None = None
        self._tool_raised: BaseException | None = None
        self._failed: BaseException | None = None  # what ended a tool thread's reading
        self.ready: dict[str, Any] = {}

    def start(self) -> None:
        """Start the driver and wait until it is ready.

        Raises:
            SandboxError: it cannot be started, speaks another protocol, or its confinement does not hold.
        """
        self._connection = connection = self._sandbox.open()
        descriptor = connection.descriptor()
        if descriptor is not None and Lead.is_possible():
            self._lead = Lead(descriptor)
        frame = self._next(time.monotonic() + self._sandbox.start_timeout, "the driver did not start")
        if frame.header["type"] != "ready":
            last = (_text(frame.payload).strip().splitlines() or ["it did not say why"])[-1]
            raise SandboxError(f"the driver did not start: {last}.", remedy="Run `fleet-rlm doctor`.")
        if frame.header["protocol"] != PROTOCOL:
            spoken = f"the driver speaks protocol {frame.header['protocol']}, not {PROTOCOL}."
            raise SandboxError(spoken, remedy="Reinstall fleet-rlm.")
        self._sandbox.verify(frame.header)
        self.ready = frame.header

    def configure(self, tools: list[str], fields: list[dict[str, Any]] | None) -> None:
        """Tell the driver which tools and output fields there are, if that has changed."""
        wanted = (tools, fields)
        if wanted != self._configured:
            self._send({"type": "configure", "tools": tools, "fields": fields})
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
            UsageError: a variable is larger than this sandbox takes; nothing was run.
            SandboxError: the driver is gone, and its session with it.
            KeyboardInterrupt: the caller was interrupted; the cell has been too, and the session goes on.
        """
        binding = self._variables.bind(variables)
        try:
            for outgoing in binding.send:
                self._live().send_value(outgoing.header, outgoing.content)
        except UsageError:
            self._variables.unbind(binding)
            raise
        for value in binding.forget:
            self._send({"type": "forget", "value": value})
        self._number += 1
        limits = limits or self._limits
        header = {
            "type": "execute",
            "id": self._number,
            "step": step,
            "bind": binding.names,
            "shown": limits.output if step else _SHOWN_TO_DSPY,
            "grace": limits.grace,
        }
        if limits.timeout is not None:
            header["timeout"] = limits.timeout
        self._running, self._tool_raised = self._number, None
        try:
            self._send(header, code.encode("utf-8", "surrogatepass"))
            if begun is not None:
                begun()
            done = self._until_done(limits)
        finally:
            self._running = None
        if self._tool_raised is not None:
            raise self._tool_raised
        return Outcome.of(done, step)

    def _until_done(self, limits: Limits) -> Frame:
        try:
            return self._pump(limits.timeout, limits.grace)
        except KeyboardInterrupt:
            self.interrupt()
            self._pump(0.0, limits.grace)
            raise

    def _pump(self, seconds: float | None, grace: float) -> Frame:
        """Answer tool calls until the cell's terminal frame arrives."""
        patience = None if seconds is None else seconds + grace + _ANSWER_SECONDS
        deadline = None if patience is None else time.monotonic() + patience
        context = contextvars.copy_context()
        lead = self._lead
        while True:
            frame = self._next(deadline, _LATE)
            kind = frame.header["type"]
            if kind == "done" and frame.header["id"] == self._running:
                break
            if kind == "call":
                if lead is None or self._received:
                    self._threads.submit(partial(self._answer, frame, context))
                else:
                    self._pass_on(lead, frame, context)
                    lead = None  # if another call comes back here, the cell calls from several threads
            elif kind == "fault":
                raise SandboxError(f"the driver gave up: {_text(frame.payload)}")
        return frame

    def _pass_on(self, lead: Lead, call: Frame, context: contextvars.Context) -> None:
        """Have a tool thread answer this call and read what follows."""
        turn = object()
        try:
            lead.pass_on(turn)
            self._threads.submit(partial(self._answer_calls, call, context, lead, turn))
        except BaseException:
            lead.take_back()  # nobody may be there to give it back
            raise

    def _answer_calls(self, call: Frame, context: contextvars.Context, lead: Lead, turn: object) -> None:
        """Answer this call and those that come one after the other; on a tool thread."""
        try:
            while True:
                if self._received:
                    lead.give_back(turn)  # nothing else would tell the owner of what has been read already
                else:
                    lead.offer(turn)
                result = self._result(call, context)
                lead.keep(turn)  # before the driver answers, or the owner would be woken for it
                self._send_result(result, partial(lead.offer, turn))
                if not lead.keep(turn):
                    return
                frame = self._read(None)
                if frame.header["type"] != "call":
                    self._received.appendleft(frame)
                    return
                call = frame
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that reads next
            self._failed = error
        finally:
            lead.give_back(turn)

    def _answer(self, call: Frame, context: contextvars.Context) -> None:
        """Answer one call; on a tool thread."""
        self._send_result(self._result(call, context))

    def _result(self, call: Frame, context: contextvars.Context) -> bytes | None:
        """Run one tool; return the frame that answers, or None if it has ended the execute instead."""
        try:
            return context.copy().run(answer, call, self._invoke)
        except BaseException as error:  # noqa: BLE001 - an interrupt or exit ends the execute, not this thread
            self._tool_raised = error
            self.interrupt()
            return None

    def _send_result(self, result: bytes | None, before_waiting: Callable[[], None] | None = None) -> None:
        if result is not None:
            with contextlib.suppress(SandboxError):  # if the driver is gone, execute says so
                self._live().send(result, before_waiting)

    def interrupt(self) -> None:
        """Stop the running cell, if any; its execute ends as ``interrupted``."""
        if self._running is not None:
            with contextlib.suppress(SandboxError):
                self._send({"type": "interrupt", "id": self._running})

    def output(self, step: int) -> str | None:
        """Return all that a step printed, if it was shown cut and is still kept. Not during an execute.

        Raises:
            SandboxError: the driver is gone.
        """
        self._send({"type": "output", "id": 0, "step": step})
        deadline = time.monotonic() + _ANSWER_SECONDS
        while (frame := self._next(deadline, _LATE)).header["type"] != "text":
            pass
        return _text(frame.payload) if frame.header["ok"] else None

    def check(self) -> None:
        """Look whether the driver is still there. Not during an execute.

        Raises:
            SandboxError: it is gone.
        """
        try:
            data = self._live().receive(0.0)
        except TimeoutError:
            return
        if not data:
            raise _gone()
        self._received.extend(self._frames.feed(data))

    def close(self) -> None:
        """End the driver. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if self._lead is not None:
                self._lead.end()
            connection.close()
            self._threads.close()

    def _live(self) -> Connection:
        if self._connection is None:
            raise SandboxError("the session has ended.")
        return self._connection

    def _send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        self._live().send(encode_frame(header, payload))

    def _next(self, deadline: float | None, late: str) -> Frame:
        """Return the next frame, as soon as no tool thread reads any more."""
        try:
            if self._lead is not None:
                self._lead.regain(deadline)
            if self._failed is not None:
                raise self._failed
            return self._read(deadline)
        except TimeoutError:
            raise SandboxError(f"{late} in time.", remedy="Run `fleet-rlm doctor`.") from None

    def _read(self, deadline: float | None) -> Frame:
        """Return the next frame from the driver, which is not trusted to send one.

        Raises:
            TimeoutError: there is none by ``deadline``, on the monotonic clock.
        """
        try:
            while not self._received:
                timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
                data = self._live().receive(timeout)
                if not data:
                    raise _gone()
                self._received.extend(self._frames.feed(data))
        except FrameError as error:
            raise SandboxError(f"the driver sent what is not a frame: {error}.") from error
        return checked(self._received.popleft())


def _gone() -> SandboxError:
    return SandboxError("the sandbox has ended.", remedy="Run `fleet-rlm doctor`.")


def _text(payload: bytes) -> str:
    return payload.decode("utf-8", "replace")
