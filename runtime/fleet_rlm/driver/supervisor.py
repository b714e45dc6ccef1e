"""The process that owns the protocol: relays frames, keeps time, and replaces workers that die.

It never runs generated code and believes nothing that a worker sends: a frame that is malformed or out of
turn ends that worker, not the session.
"""

from __future__ import annotations

import os
import select
import sys
import time

from fleet_rlm.driver.child import Child, die_with_parent
from fleet_rlm.driver.ending import done_frame, is_bare, reported
from fleet_rlm.driver.history import History
from fleet_rlm.driver.lean import signal
from fleet_rlm.driver.spool import Archive
from fleet_rlm.driver.underway import Cell, Underway
from fleet_rlm.driver.upstream import Upstream
from fleet_rlm.driver.wording import cause, text, whole
from fleet_rlm.protocol import MAX_CALLS, PROTOCOL, FrameError, FrameReader, encode_frame

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    import _socket
    from typing import Any, Dict, List, Optional, Set, Tuple

    from fleet_rlm.protocol import Frame

    _Loss = Tuple[str, List[str]]  # what ended a worker, and the names that are gone

__all__ = ["Supervisor"]

_NAMES_TOLD = 200


class Supervisor:
    """One driver: one upstream, and one worker at a time."""

    def __init__(self, options: Dict[str, Any]) -> None:
        self._options = options
        self._policy = options.get("policy")
        self._heartbeat: Optional[float] = options.get("heartbeat")
        self._heard = time.monotonic()
        self._frames = FrameReader()
        self._archive = Archive()
        self._history = History()
        self._underway = Underway(self._watch)
        self._probe: Dict[str, str] = {}
        self._calls: Set[int] = set()  # the worker's calls that the host has not answered
        self._is_held_up = False
        self._loss: Optional[_Loss] = None  # the first that the host may not know of

    def run(self) -> None:
        """Serve until the host ends the session, goes away, or falls silent for too long."""
        self._upstream = Upstream(self._options.get("fd"))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if self._policy:
            from fleet_rlm.driver import lockdown

            lockdown.confine_driver(self._policy)
        if self._options.get("tmp"):
            os.chdir(self._options["tmp"])
        self._poll = select.poll()
        self._poll.register(self._upstream.input, select.POLLIN)
        self._child = Child(1, self._poll, set(), self._serve_as_worker)
        try:
            while self._turn():
                pass
        except OSError:
            pass  # the host went away while it was being written to
        finally:
            self._end_child()

    # Time

    def _turn(self) -> bool:
        """Handle what has happened; False when the session is over."""
        cell = self._underway.cell
        waiting = self._heartbeat is not None or (cell is not None and cell.deadline is not None)
        events = dict(self._poll.poll(self._patience() if waiting else None))
        child = self._child
        if child.pipe in events:  # first: it holds what was written before the frame that is seen with it
            if not child.is_up and not self._listen():  # "up" may have come just after poll looked for it
                self._replace()
            else:
                self._drain(child)
        if child.socket in events:
            self._attend(events[child.socket])
        if child.death in events and child is self._child and child.has_ended():
            self._drain(child)
            self._listen()  # its last words; a forked copy of it may hold its socket open
            self._replace()
        if not self._exchange(events.get(self._upstream.input, 0)):
            return False
        return self._on_time() if waiting else True

    def _exchange(self, event: int) -> bool:
        """Send and receive; what the worker says waits for a host that does not read. False if it is gone."""
        if event & select.POLLOUT:
            self._upstream.flush()
        goes_on = not event & ~select.POLLOUT or self._hear()
        if self._upstream.is_behind != self._is_held_up:
            self._is_held_up = self._upstream.is_behind
            wanted = select.POLLIN | (select.POLLOUT if self._is_held_up else 0)
            self._poll.modify(self._upstream.input, wanted)
        self._child.heed(0 if self._is_held_up else select.POLLIN)
        return goes_on

    def _attend(self, event: int) -> None:
        """Handle what has happened on the worker's socket."""
        if event & select.POLLOUT:
            self._child.flush()
        if event & ~select.POLLOUT and not self._listen():
            self._replace()

    def _patience(self) -> int:
        """Milliseconds until something is due."""
        due = [self._heard + self._heartbeat] if self._heartbeat is not None else []
        cell = self._underway.cell
        if cell is not None and cell.deadline is not None:
            due.append(cell.deadline)
        return max(0, int((min(due) - time.monotonic()) * 1000) + 1)

    def _on_time(self) -> bool:
        now, cell = time.monotonic(), self._underway.cell
        if cell is not None and cell.deadline is not None and now >= cell.deadline:
            cell = self._underway.now()
            if cell is not None and cell.deadline is not None:
                self._replace()
        return self._heartbeat is None or now < self._heard + self._heartbeat

    def _interrupt(self, cell: Cell, reason: str) -> None:
        """Ask the running cell to stop; past its grace, its worker is replaced."""
        if cell.reason is None:
            cell.reason = reason
            cell.deadline = time.monotonic() + cell.grace
            # said before it is signalled: before it has begun the cell, a worker takes a signal for a stray
            self._child.send(encode_frame({"type": "interrupt", "id": cell.number}))
            self._child.interrupt()
            self._child.send(encode_frame({"type": "signalled", "id": cell.number}))
            for number in self._calls:  # or its threads would wait for tools, and the cell for its threads
                self._refuse(number, "the step was interrupted")
            self._calls.clear()

    # The host

    def _hear(self) -> bool:
        data = self._upstream.receive()
        if not data:
            return False
        if self._heartbeat is not None:
            self._heard = time.monotonic()
        try:
            for frame in self._frames.feed(data):
                if not self._obey(frame):
                    return False
        except (FrameError, KeyError, IndexError, TypeError) as error:
            self._say(
                {"type": "fault"}, f"the host sent what this driver does not understand: {error!r}".encode()
            )
            return False
        return True

    def _obey(self, frame: Frame) -> bool:
        header = frame.header
        kind = header["type"]
        if kind == "execute":
            self._execute(frame)
        elif kind in ("line", "replace"):
            self._provide(frame)
        elif kind == "result":
            # ids of calls start anew with each worker
            if header["worker"] == self._child.generation and header["id"] in self._calls:
                self._calls.remove(header["id"])
                self._child.send(frame.data)
        elif kind in ("value", "configure", "forget"):
            self._remember(frame)
        elif kind == "interrupt":
            cell = self._underway.now()
            if cell is not None and cell.number == header["id"]:
                self._interrupt(cell, header["reason"])
        elif kind == "output":
            self._upstream.send(self._kept_output(header["id"], header["step"]))
        return bool(kind != "shutdown")

    def _execute(self, frame: Frame) -> None:
        """Pass a cell on, unless the worker that it counts on is gone."""
        header = frame.header
        if header["id"] <= self._underway.ended:
            return  # sent again, because its line ended; so had its worker, and that has been told
        cell = self._underway.now()
        if cell is None:
            cell = Cell.of(header)
        elif cell.number != header["id"]:
            raise FrameError("an execute while another one runs")
        elif not cell.is_direct:
            return  # sent again, because the host was interrupted while it sent it
        self._underway.relay(cell)
        if header["worker"] == self._child.generation:
            self._loss = None
            self._child.send(frame.data)  # which drops it if it has it by its line
        else:
            why, lost = self._loss or ("", [])
            self._lose(cell, why, {"lost": lost, "reason": "before"})

    def _provide(self, frame: Frame) -> None:
        """Provide another worker, or hand this one its end of a line to the host and keep the slate."""
        if frame.header["type"] == "replace":
            if frame.header["worker"] == self._child.generation:
                self._replace()
            return
        line, slate = self._upstream.descriptors[:2]
        del self._upstream.descriptors[:2]
        self._underway.read(slate)
        self._child.hand_over(frame.data, line)

    def _watch(self, number: int) -> None:
        self._child.send(encode_frame({"type": "watched", "id": number}))

    def _remember(self, frame: Frame) -> None:
        """Keep what a later worker needs as well, then pass it on."""
        frame, descriptors = self._history.keep(frame, self._upstream.descriptors)
        self._child.send(frame.data, descriptors)

    def _say(self, header: Dict[str, Any], payload: bytes = b"") -> None:
        self._upstream.send(encode_frame(header, payload))

    def _kept_output(self, number: int, step: int) -> bytes:
        """The answer to a request for a step's whole output."""
        text = self._archive.text(step)
        found = {"type": "text", "id": number, "ok": text is not None}
        return encode_frame(found, (text or "").encode("utf-8", "surrogatepass"))

    # The worker

    def _listen(self) -> bool:
        """Handle what the worker sent; False if it has ended or talks nonsense."""
        try:
            frames = self._child.receive()
            if frames is None:
                return False
            for place, frame in enumerate(frames):
                if place:  # the poll knew of the first only: more may have been written since
                    self._drain(self._child)
                if not self._relay(frame):
                    return False
        except (FrameError, KeyError, TypeError, ValueError):
            return False
        return True

    def _relay(self, frame: Frame) -> bool:
        header = frame.header
        kind = header["type"]
        if kind == "done":
            return self._finish(frame)
        if kind == "call":
            self._relay_call(whole(header["id"]), text(header["name"]), frame.payload)
        elif kind == "output":
            self._child.send(self._kept_output(whole(header["id"]), whole(header["step"])))
        elif kind == "up" and not self._child.is_up:
            return self._welcome(header.get("probe", {}))
        else:
            return False
        return True

    def _welcome(self, probe: Dict[str, str]) -> bool:
        """Take a worker in; a later one only if it is as confined as the first, which the host verified."""
        self._child.is_up = True
        if self._child.generation > 1:
            return probe == self._probe
        self._probe = probe
        python = ".".join(map(str, sys.version_info[:3]))
        self._say({"type": "ready", "protocol": PROTOCOL, "python": python, "probe": probe})
        return True

    def _relay_call(self, number: int, name: str, payload: bytes) -> None:
        cell = self._underway.now()
        if cell is None:
            self._refuse(number, "no step is running: host tools answer only while one is")
        elif cell.reason is not None:
            self._refuse(number, "the step was interrupted")
        elif len(self._calls) >= MAX_CALLS:
            self._refuse(number, f"{MAX_CALLS:,} calls are under way, which is the most at once")
        else:
            self._calls.add(number)
            self._say({"type": "call", "id": number, "worker": self._child.generation, "name": name}, payload)

    def _refuse(self, number: int, why: str) -> None:
        """Answer a call in the host's place."""
        result = {"type": "result", "id": number, "ok": False, "error": "RuntimeError"}
        self._child.send(encode_frame(result, f'["{why}"]'.encode()))

    def _drain(self, child: Child) -> None:
        """Take in what it has printed; what belongs to no cell goes."""
        child.drain(self._take, self._foretell)

    def _foretell(self) -> None:
        """Before its pipe is read: have the worker know that the end of a cell must come here as well.

        Also of one that begins just now. If it has not read all that it was sent, it will see that.
        """
        if self._child.is_behind:
            self._child.flush()
        if self._underway.now() is None and not self._child.is_behind:
            self._watch(0)

    def _take(self, data: bytes) -> None:
        cell = self._underway.now()  # which may have begun since
        if cell is not None:
            cell.take(data)

    def _finish(self, frame: Frame) -> bool:
        """End the cell as the worker reports it; False if none was running."""
        cell, header = self._underway.now(), frame.header
        if cell is None:
            return False
        outcome, facts = reported(frame, cell)
        if is_bare(frame, cell):
            self._underway.end(cell)
            self._upstream.send(frame.data)
            return True
        if cell.step:  # dspy's own preparations are made again, so nothing of them is ever lost
            self._child.names.update(text(name) for name in header.get("come", ()))
            self._child.names.difference_update(map(text, header.get("gone", ())))
        self._conclude(cell, outcome, frame.payload, facts)
        return True

    def _conclude(self, cell: Cell, outcome: str, detail: bytes, facts: Dict[str, Any]) -> None:
        """Send the cell's one terminal frame."""
        data = done_frame(cell, outcome, detail, facts, self._archive)
        self._underway.end(cell)
        self._upstream.send(data)

    def _lose(self, cell: Cell, why: str, facts: Dict[str, Any]) -> None:
        """Conclude a cell whose worker is gone, or is not the one that it counted on."""
        self._conclude(cell, "lost", why.encode(), {**facts, "worker": self._child.generation})

    def _serve_as_worker(self, end: _socket.socket, pipe: int) -> None:
        """What a forked worker does."""
        report = {}
        if self._policy:
            from fleet_rlm.driver import lockdown

            lockdown.confine_worker(self._policy)
            report["probe"] = lockdown.attempt_all(self._policy, self._options.get("probe", {}))
        else:
            die_with_parent()
        from fleet_rlm.driver.worker import Worker

        Worker(end, pipe, self._options).run(report, self._history.frames())

    def _end_child(self) -> Optional[int]:
        status = self._child.end()
        if self._policy:
            from fleet_rlm.driver import lockdown

            lockdown.end_descendants(self._policy)
        return status

    def _replace(self) -> None:
        """Put a fresh worker in the place of a dead, mad or deaf one, and conclude its cell."""
        old, cell = self._child, self._underway.now()
        status = self._end_child()
        old.drain(lambda data: None if cell is None else cell.take(data))
        if not old.is_up:
            self._say({"type": "fault"}, b"the worker did not start: " + old.last_words)
            raise BrokenPipeError
        lost: List[str] = sorted(old.names)[:_NAMES_TOLD]
        why = cell.reason if cell is not None and cell.reason and status is None else cause(status)
        self._loss = self._loss or (why, lost)
        old.close()
        self._calls.clear()
        generation, kept = old.generation + 1, self._history.descriptors()
        self._child = Child(generation, self._poll, kept, self._serve_as_worker)
        if cell is not None:
            self._lose(cell, why, {"lost": lost})
        else:  # or the host would wait on a line that a forked copy of the worker holds open
            self._say({"type": "done", "id": 0, "outcome": "lost", "worker": self._child.generation})
