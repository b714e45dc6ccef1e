"""Tool calls from a sandbox: which thread answers them, and which one reads meanwhile."""

from __future__ import annotations

import contextlib
import contextvars
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import SandboxError
from fleet_rlm.host.answer import answer, refusal
from fleet_rlm.host.lead import Lead
from fleet_rlm.host.line import LineBrokenError
from fleet_rlm.host.tools import ToolThreads
from fleet_rlm.protocol import MAX_CALLS

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from fleet_rlm.host.inbox import Inbox
    from fleet_rlm.host.line import Arrival
    from fleet_rlm.sandboxes.base import Connection

__all__ = ["Calls"]


class Calls:
    """Answers the calls of one driver, several at once.

    Args:
        connection: to the driver.
        inbox: what comes from it.
        invoke: called as ``invoke(name, args, kwargs)`` on a tool thread; each call under way has its own.
        waiting: entered while the execute's own thread waits.
    """

    def __init__(
        self,
        connection: Connection,
        inbox: Inbox,
        invoke: Callable[..., Any],
        waiting: AbstractContextManager[None],
    ) -> None:
        self._connection = connection
        self._inbox = inbox
        self._invoke = invoke
        self._waiting = waiting
        self._threads = ToolThreads()
        weakref.finalize(self, self._threads.close).atexit = False  # whoever is dropped was never closed
        descriptor = inbox.descriptor
        self._lead = Lead(descriptor) if descriptor is not None and Lead.is_possible() else None
        self._cell = _Cell(lambda: None)
        self._failed: BaseException | None = None  # what ended a tool thread's reading

    def begin_cell(self, stop: Callable[[], None]) -> None:
        """Calls from now on are a new cell's; they run in a copy of the caller's context.

        Args:
            stop: called on a tool thread when a tool has raised what ends the execute, like an interrupt.
        """
        self._cell = _Cell(stop)

    def end_cell(self) -> BaseException | None:
        """Forget how to stop it; return what a tool raised to end it."""
        self._cell.stop = lambda: None
        return self._cell.raised

    def next(self, deadline: float | None) -> Arrival:
        """Return what comes next, as soon as no tool thread reads any more; raises as ``Inbox.take`` does."""
        if self._lead is not None:
            self._lead.regain(deadline, self._waiting)
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed
        return self._inbox.take(deadline, self._waiting)

    def begin(self, call: Arrival) -> None:
        """Have a tool thread answer this call.

        Raises:
            SandboxError: the driver asks for more at once than it may.
            LineBrokenError: the worker does, by its line.
        """
        if call.line is None:
            self._submit(call)
        elif call.line.begin_call():
            try:
                self._submit(call)
            except SandboxError as error:
                raise LineBrokenError from error
        elif not call.line.stream.offer(refusal(call.frame, _TOO_MANY)):
            raise LineBrokenError

    def _submit(self, call: Arrival) -> None:
        if self._cell.is_new and self._lead is not None and not self._inbox.has_frames:
            self._cell.is_new = False  # if another call comes here, the cell calls from several threads
            self._pass_on(self._lead, call)
        else:
            self._threads.submit(partial(self._answer, call, self._cell))

    def _pass_on(self, lead: Lead, call: Arrival) -> None:
        """Have a tool thread answer this call and read what follows."""
        turn = object()
        try:
            lead.pass_on(turn)
            self._threads.submit(partial(self._answer_all, call, self._cell, lead, turn))
        except BaseException:
            lead.take_back()  # nobody may be there to give it back
            raise

    def _answer_all(self, call: Arrival, cell: _Cell, lead: Lead, turn: object) -> None:
        """Answer this call and those that come one after the other; on a tool thread."""
        try:
            while True:
                if self._inbox.has_frames:
                    lead.give_back(turn)  # nothing else would tell the owner of what has been read already
                else:
                    lead.offer(turn)
                result = self._result(call, cell)
                lead.keep(turn)  # before the driver answers, or the owner would be woken for it
                self._send(call, result, partial(lead.offer, turn))
                if not lead.keep(turn):
                    return
                arrival = self._inbox.take(None)
                if arrival.frame.header["type"] != "call":
                    self._inbox.put_back(arrival)
                    return
                call = arrival
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that reads next
            self._failed = error
        finally:
            lead.give_back(turn)
            if call.line is not None:
                call.line.end_call()

    def _answer(self, call: Arrival, cell: _Cell) -> None:
        """Answer one call; on a tool thread."""
        try:
            self._send(call, self._result(call, cell))
        finally:
            if call.line is not None:
                call.line.end_call()

    def _result(self, call: Arrival, cell: _Cell) -> bytes | None:
        """Run one tool; return the frame that answers, or None if it has ended the execute instead."""
        try:
            return cell.context.copy().run(answer, call.frame, self._invoke)
        except BaseException as error:  # noqa: BLE001 - an interrupt or exit ends the execute, not this thread
            cell.raised = error
            cell.stop()
            return None

    def _send(
        self, call: Arrival, result: bytes | None, before_waiting: Callable[[], None] | None = None
    ) -> None:
        """Answer the way the call came; whoever is gone needs none."""
        if result is not None:
            with contextlib.suppress(SandboxError, OSError):
                way = self._connection if call.line is None else call.line.stream
                way.send(result, before_waiting)

    def close(self) -> None:
        """Leave reading to whoever executes, so that it sees the end, and let the threads go."""
        if self._lead is not None:
            self._lead.end()
        self._threads.close()


class _Cell:
    """What the calls of one cell have in common."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self.stop = stop
        self.context = contextvars.copy_context()
        self.is_new = True
        self.raised: BaseException | None = None


_TOO_MANY = f"{MAX_CALLS:,} calls are under way, which is the most at once"
