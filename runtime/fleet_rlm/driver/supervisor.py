"""The process that owns the protocol: relays frames, keeps time, and replaces workers that die.

It never runs generated code and believes nothing that a worker sends: a frame that is malformed or out of
turn ends that worker, not the session.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import select
import signal
import socket
import sys
import time
from collections import deque
from typing import Any, Deque, Dict, List, Optional

from fleet_rlm.driver.spool import Archive, Spool
from fleet_rlm.driver.upstream import Upstream
from fleet_rlm.protocol import PROTOCOL, Frame, FrameError, FrameReader, encode_frame

__all__ = ["Supervisor"]

_PIECE = 1 << 16
_PIPE_BYTES = 1 << 20


class _Cell:
    """The execute that is under way."""

    def __init__(self, header: Dict[str, Any]) -> None:
        self.number: int = header["id"]
        self.step: int = header["step"]
        self.grace: float = header.get("grace", 2.0)
        self.shown: int = header.get("shown", 9_000)
        timeout = header.get("timeout")
        self.deadline: Optional[float] = None if timeout is None else time.monotonic() + timeout
        self.reason: Optional[str] = None  # why it was interrupted: "timeout" or "request"
        self.spool = Spool()


class _Child:
    """One worker process as its supervisor sees it."""

    def __init__(self, pid: int, end: socket.socket, pipe: int, generation: int) -> None:
        self.pid, self.end, self.pipe, self.generation = pid, end, pipe, generation
        self.frames = FrameReader()
        self.queue: Deque[tuple[memoryview, List[int]]] = deque()
        self.names: set[str] = set()
        self.is_up = self.is_reaped = False
        self.last_words = b""


class Supervisor:
    """One driver: one upstream, and one worker at a time."""

    def __init__(self, options: Dict[str, Any]) -> None:
        self._options = options
        self._policy = options.get("policy")
        self._heartbeat: Optional[float] = options.get("heartbeat")
        self._heard = time.monotonic()
        self._frames = FrameReader()
        self._archive = Archive()
        self._history: Dict[str, Frame] = {}
        self._cell: Optional[_Cell] = None
        self._generation = 0

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
        self._spawn()
        try:
            while self._turn():
                pass
        except OSError:
            pass  # the host has gone while it was being written to
        finally:
            self._kill_worker()

    # One turn of the loop

    def _turn(self) -> bool:
        """Handle what has happened; False when the session is over."""
        for descriptor, event in self._poll.poll(self._patience()):
            if descriptor == self._upstream.input:
                if not self._hear():
                    return False
            elif descriptor == self._child.pipe:
                self._drain()
            elif event & select.POLLOUT:
                self._flush()
            elif not self._listen():
                self._replace()
        return self._on_time()

    def _patience(self) -> Optional[int]:
        """Milliseconds until something is due."""
        due = [self._heard + self._heartbeat] if self._heartbeat else []
        if self._cell is not None and self._cell.deadline is not None:
            due.append(self._cell.deadline)
        return max(0, int((min(due) - time.monotonic()) * 1000) + 1) if due else None

    def _on_time(self) -> bool:
        now, cell = time.monotonic(), self._cell
        if cell is not None and cell.deadline is not None and now >= cell.deadline:
            if cell.reason is None:
                self._interrupt("timeout")
            else:
                self._replace()
        return not (self._heartbeat and now >= self._heard + self._heartbeat)

    # From the host

    def _hear(self) -> bool:
        data = self._upstream.receive()
        if not data:
            return False
        if self._heartbeat:
            self._heard = time.monotonic()
        self._frames.feed(data)
        try:
            return all(self._obey(frame) for frame in self._frames)
        except (FrameError, KeyError, IndexError, TypeError) as error:
            self._say(
                {"type": "fault"}, f"the host sent what this driver does not understand: {error!r}".encode()
            )
            return False

    def _obey(self, frame: Frame) -> bool:
        kind, header = frame.type, frame.header
        if kind == "execute":
            if self._cell is not None:
                raise FrameError("an execute while another one runs")
            self._cell = _Cell(header)
            self._forward(frame)
        elif kind == "result":
            if header["worker"] == self._child.generation:  # ids of calls start anew with each worker
                self._forward(frame)
        elif kind in ("value", "configure", "forget"):
            self._remember(frame)
        elif kind == "interrupt":
            if self._cell is not None and self._cell.number == header["id"]:
                self._interrupt("request")
        elif kind == "output":
            self._say_output(header)
        elif kind == "shutdown":
            return False
        return True

    def _remember(self, frame: Frame) -> None:
        """Keep what a later worker needs as well, then pass it on."""
        descriptors: List[int] = []
        if frame.type == "configure":
            self._history["configure"] = frame
        elif frame.type == "forget":
            known = self._history.pop(frame.header["value"], None)
            if known is not None and "fd" in known.header:
                os.close(known.header["fd"])
        elif frame.header.get("via") == "fd":
            descriptors = [self._upstream.descriptors.pop(0)]
            self._history[frame.header["value"]] = Frame(
                {**frame.header, "fd": descriptors[0]}, frame.payload
            )
        else:
            self._history[frame.header["value"]] = frame
        self._forward(frame, descriptors)

    def _say(self, header: Dict[str, Any], payload: bytes = b"") -> None:
        self._upstream.send(encode_frame(header, payload))

    def _say_output(self, header: Dict[str, Any]) -> None:
        text = self._archive.text(header["step"])
        answer = {"type": "text", "id": header["id"], "ok": text is not None}
        self._say(answer, (text or "").encode("utf-8", "surrogatepass"))

    # To the worker

    def _forward(self, frame: Frame, descriptors: Optional[List[int]] = None) -> None:
        self._child.queue.append(
            (memoryview(encode_frame(frame.header, frame.payload)), list(descriptors or ()))
        )
        self._flush()

    def _flush(self) -> None:
        """Write to the worker what it takes now, and the rest later, so that nobody waits in a ring."""
        child = self._child
        while child.queue:
            data, descriptors = child.queue[0]
            try:
                sent = self._push(child.end, data, descriptors)
            except BlockingIOError:
                break
            except OSError:
                child.queue.clear()  # its end will be noticed as such
                break
            if sent == len(data):
                child.queue.popleft()
            else:
                child.queue[0] = (data[sent:], [])
        self._poll.modify(child.end.fileno(), select.POLLIN | (select.POLLOUT if child.queue else 0))

    @staticmethod
    def _push(end: socket.socket, data: memoryview, descriptors: List[int]) -> int:
        if descriptors:
            return socket.send_fds(end, [data], descriptors, socket.MSG_DONTWAIT)
        return end.send(data, socket.MSG_DONTWAIT)

    # From the worker

    def _listen(self) -> bool:
        """Read what the worker sends; False if it has ended or talks nonsense."""
        child = self._child
        try:
            data = child.end.recv(_PIECE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        child.frames.feed(data)
        try:
            return all(self._relay(frame) for frame in child.frames)
        except (FrameError, KeyError, TypeError, ValueError):
            return False

    def _relay(self, frame: Frame) -> bool:
        kind, header = frame.type, frame.header
        if kind == "call":
            self._relay_call(int(header["id"]), str(header["name"]), frame.payload)
        elif kind == "done":
            return self._finish(frame)
        elif kind == "output":
            text = self._archive.text(int(header["step"]))
            found = {"type": "text", "id": int(header["id"]), "ok": text is not None}
            self._forward(Frame(found, (text or "").encode("utf-8", "surrogatepass")))
        elif kind == "up" and not self._child.is_up:
            self._child.is_up = True
            if self._child.generation == 1:
                self._say(self._ready(header))
        else:
            return False
        return True

    def _ready(self, up: Dict[str, Any]) -> Dict[str, Any]:
        return {
            "type": "ready",
            "protocol": PROTOCOL,
            "python": platform.python_version(),
            "probe": up.get("probe", {}),
        }

    def _relay_call(self, number: int, name: str, payload: bytes) -> None:
        if self._cell is None:
            refusal = b'["no cell is running: host tools answer only while one is"]'
            self._forward(
                Frame({"type": "result", "id": number, "ok": False, "error": "RuntimeError"}, refusal)
            )
            return
        worker = self._child.generation
        self._say(
            {"type": "call", "id": number, "cell": self._cell.number, "worker": worker, "name": name}, payload
        )

    def _drain(self) -> None:
        """Take everything the worker's processes have written so far."""
        while True:
            try:
                data = os.read(self._child.pipe, _PIECE)
            except BlockingIOError:
                return
            if not data:
                self._poll.unregister(self._child.pipe)
                return
            if not self._child.is_up:
                self._child.last_words += data
            elif self._cell is not None:
                self._cell.spool.add(data)
            if len(data) < _PIECE:
                return

    def _finish(self, frame: Frame) -> bool:
        """End the cell as the worker reports it; False if none was running under that number."""
        cell, header = self._cell, frame.header
        if cell is None or header["id"] != cell.number:
            return False
        if cell.step:  # dspy's own preparations are made again, so nothing of them is ever lost
            self._child.names.update(map(str, header.get("come", ())))
        self._child.names.difference_update(map(str, header.get("gone", ())))
        outcome = header["outcome"]
        if outcome not in ("ok", "submit", "error", "syntax"):
            return False
        facts: Dict[str, Any] = {key: header[key] for key in ("error", "line") if key in header}
        if cell.reason is not None and facts.get("error") == "KeyboardInterrupt":
            outcome, facts["reason"] = "interrupted", cell.reason
        self._conclude(outcome, frame.payload, facts)
        return True

    def _conclude(self, outcome: str, detail: bytes, facts: Dict[str, Any]) -> None:
        """Send the cell's one terminal frame."""
        cell = self._cell
        assert cell is not None  # noqa: S101 - callers hold it
        self._drain()
        head, tail = cell.spool.excerpt(cell.shown)
        if tail:
            self._archive.keep(cell.step, cell.spool)
            facts["cut"] = cell.spool.total - len(head) - len(tail)
            head = f"{head}\n{_notice(cell, facts['cut'])}\n{tail}"
        output = head.encode("utf-8", "replace")
        self._cell = None
        header = {"type": "done", "id": cell.number, "outcome": outcome, "output": len(output), **facts}
        self._say(header, output + detail)

    # Workers come and go

    def _spawn(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        pipe, writing = os.pipe()
        self._generation += 1
        pid = os.fork()
        if pid == 0:
            self._become_worker(theirs, writing)
        theirs.close()
        os.close(writing)
        os.set_blocking(pipe, False)
        with contextlib.suppress(OSError, AttributeError):  # a larger pipe only saves turns
            fcntl.fcntl(pipe, getattr(fcntl, "F_SETPIPE_SZ", 1031), _PIPE_BYTES)
        self._child = _Child(pid, ours, pipe, self._generation)
        self._poll.register(ours.fileno(), select.POLLIN)
        self._poll.register(pipe, select.POLLIN)

    def _become_worker(self, end: socket.socket, pipe: int) -> None:
        """In the forked child: keep what a worker needs, and never return."""
        status = 1
        try:
            os.setsid()
            self._close_all_but({0, 1, 2, end.fileno(), pipe})
            os.dup2(pipe, 1)
            os.dup2(pipe, 2)
            report = self._confine_worker()
            from fleet_rlm.driver.worker import Worker

            Worker(end, pipe, self._options).run(report, list(self._history.values()))
        except BaseException:  # noqa: BLE001 - the text goes to the pipe, from where the supervisor reads it
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
        finally:
            os._exit(status)

    def _close_all_but(self, kept: set[int]) -> None:
        """Leave a worker its own descriptors and those of values, none of the supervisor's."""
        kept = kept | {frame.header["fd"] for frame in self._history.values() if "fd" in frame.header}
        first = 0
        for fd in sorted(kept):
            if first < fd:  # CPython takes an end of 0 for "all"
                os.closerange(first, fd)
            first = fd + 1
        os.closerange(first, os.sysconf("SC_OPEN_MAX"))

    def _confine_worker(self) -> Dict[str, Any]:
        if not self._policy:
            return {}
        from fleet_rlm.driver import lockdown

        lockdown.confine_worker(self._policy)
        return {"probe": lockdown.probe(self._options.get("probe", {}))}

    def _interrupt(self, reason: str) -> None:
        """Ask the running cell to stop; kill it if it has not after its grace."""
        cell = self._cell
        if cell is None or cell.reason is not None:
            return
        cell.reason = reason
        cell.deadline = time.monotonic() + cell.grace
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGINT)

    def _kill_worker(self) -> int:
        """End the worker and its process group; return its wait status."""
        if self._child.is_reaped:
            return 0
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(self._child.pid, signal.SIGKILL)
        self._child.is_reaped = True
        return os.waitpid(self._child.pid, 0)[1]

    def _replace(self) -> None:
        """Put a fresh worker in the place of a dead, mad or deaf one, and conclude its cell."""
        child, cell = self._child, self._cell
        died, status = os.waitpid(child.pid, os.WNOHANG)
        child.is_reaped = bool(died)
        self._kill_worker()
        self._drain()
        if not child.is_up:
            self._say({"type": "fault"}, b"the worker did not start: " + child.last_words[-2000:])
            raise BrokenPipeError
        self._poll.unregister(child.end.fileno())
        with contextlib.suppress(KeyError):
            self._poll.unregister(child.pipe)
        child.end.close()
        os.close(child.pipe)
        self._spawn()
        if cell is not None:
            why = cell.reason if cell.reason and not died else _cause(status)
            self._conclude("lost", why.encode(), {"lost": sorted(child.names)[:1000]})


def _notice(cell: _Cell, cut: int) -> str:
    """What stands where output was cut, so that the reader knows how much and how to get it."""
    whole = f"get_output({cell.step}) returns all"
    return f"[... {cut:,} of {cell.spool.total:,} characters cut here; {whole} ...]"


def _cause(status: int) -> str:
    """What ended a worker, from its wait status."""
    if os.WIFSIGNALED(status):
        return f"signal {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit {os.WEXITSTATUS(status)}"
