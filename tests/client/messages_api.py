"""A Messages API on this machine's loopback address, for the real Claude Code client.

It speaks the streaming form of ``POST /v1/messages``, keeps every request, and answers from a script: each step
is a list of content blocks and, if it is meant for some requests only, a condition. What asks for no tools
(titles, quota probes) is not part of a conversation and never uses up a step; a function can answer it.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Block = Mapping[str, Any]
NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    raw: bytes = b""

    @property
    def model(self) -> str:
        """The model asked for."""
        return str(self.body.get("model", ""))

    @property
    def tools(self) -> list[str]:
        """The names of the tools that are offered, sorted."""
        return sorted(str(tool["name"]) for tool in self.body.get("tools", []))

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        """The conversation so far."""
        return list(self.body.get("messages", []))

    @property
    def system(self) -> str:
        """The system prompt as one text."""
        return "\n".join(_texts(self.body.get("system", "")))

    def texts(self) -> list[str]:
        """Every text block of the conversation, tool results included, in order."""
        return [text for message in self.messages for text in _texts(message["content"])]


@dataclass(frozen=True)
class Step:
    """What to answer once, to the first request for which ``when`` holds; blocks may be made from the request."""

    blocks: Sequence[Block] | Callable[[Request], Sequence[Block]]
    when: Callable[[Request], bool] = lambda _request: True
    optional: bool = False


@dataclass(frozen=True)
class Fault:
    """An answer that is no message: an HTTP status with a body, or none at all."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, kind: str, message: str, **headers: str) -> Fault:
        """An error in the API's own form; ``_`` in a header's name stands for ``-``."""
        body = json.dumps({"type": "error", "error": {"type": kind, "message": message}})
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, body.encode(), named)


DROPPED = Fault(0)
"""The connection is closed without an answer."""


@dataclass(frozen=True)
class Cut:
    """A text that ended because it had reached the longest answer."""

    text: str


Answer = Callable[[Request], "str | Cut | Fault"]


def say(text: str) -> Step:
    """A step that ends the turn with ``text``."""
    return Step(_text(text))


def _text(text: str) -> list[Block]:
    return [{"type": "text", "text": text}]


def use(tool: str, **arguments: Any) -> Step:
    """A step that calls one tool."""
    return Step([{"type": "tool_use", "name": tool, "input": arguments}])


def until_offered(tool: str) -> list[Step]:
    """Steps that wait for an MCP tool: the client does not, and no model uses what it has not been told of.

    A tool that is kept for later is told by its name alone, so that is what a request must hold.
    """

    def is_missing(request: Request) -> bool:
        return tool.encode() not in request.raw

    pause = [{"type": "tool_use", "name": "Bash", "input": {"command": "sleep 1"}}]
    return [Step(pause, is_missing, optional=True)] * 30


class MessagesApi:
    """The server; a context manager. ``requests`` holds what arrived, in order.

    ``toolless`` answers requests that offer no tools; it is called in a thread of its own for each.
    """

    def __init__(self, script: Sequence[Step] = (), toolless: Answer | None = None) -> None:
        self.requests: list[Request] = []
        self.toolless = toolless
        self._steps = list(script)
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._server = _Server(("127.0.0.1", 0), _handler(self))

    @property
    def url(self) -> str:
        """What ``ANTHROPIC_BASE_URL`` should be."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def unused(self) -> list[Step]:
        """The steps that no request has asked for, and that should have been."""
        return [step for step in self._steps if not step.optional]

    def answer(self, request: Request) -> Sequence[Block] | Cut | Fault:
        """Keep ``request`` and return what answers it."""
        with self._lock:
            self.requests.append(request)
        if self.toolless and not request.tools:
            answered = self.toolless(request)
            return _text(answered) if isinstance(answered, str) else answered
        with self._lock:
            step = next((step for step in self._steps if request.tools and step.when(request)), None)
            if step is None:
                return _text("Done.")
            self._steps.remove(step)
            blocks = step.blocks(request) if callable(step.blocks) else step.blocks
            return [self._identified(block) for block in blocks]

    def _identified(self, block: Block) -> Block:
        return {"id": f"toolu_{next(self._ids):04}", **block} if block["type"] == "tool_use" else block


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet about clients that went away; tell about everything else."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
        return
    for block in content:
        if block["type"] == "text":
            yield block["text"]
        elif block["type"] == "tool_result":
            yield from _texts(block.get("content", ""))


def _reply(
    request: Request, answered: Sequence[Block] | Cut | Fault
) -> tuple[int, str, bytes, Mapping[str, str]]:
    if isinstance(answered, Fault):
        return answered.status, "application/json", answered.body, answered.headers
    is_cut = isinstance(answered, Cut)
    blocks = say(answered.text).blocks if is_cut else answered
    reason = "max_tokens" if is_cut else _reason(blocks)
    if request.body.get("stream"):
        return 200, "text/event-stream", b"".join(_stream(request.model, blocks, reason)), NO_HEADERS
    message = _message(request.model) | {"content": list(blocks), "stop_reason": reason}
    return 200, "application/json", json.dumps(message).encode(), NO_HEADERS


def _handler(api: MessagesApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path.split("?")[0] != "/v1/messages":
                self._send(404, "application/json", b'{"type":"error","error":{"type":"not_found_error"}}')
                return
            request = Request(self.path, dict(self.headers), json.loads(raw), raw)
            self._send(*_reply(request, api.answer(request)))

        def do_GET(self) -> None:
            self._send(404, "application/json", b'{"type":"error","error":{"type":"not_found_error"}}')

        do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

        def _send(self, status: int, kind: str, body: bytes, headers: Mapping[str, str] = NO_HEADERS) -> None:
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Stay silent: the requests are kept."""

    return Handler


def _message(model: str) -> dict[str, Any]:
    usage = {"input_tokens": 1, "output_tokens": 1}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def _reason(blocks: Sequence[Block]) -> str:
    return "tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn"


def _stream(model: str, blocks: Sequence[Block], stop: str) -> Iterator[bytes]:
    yield _event("message_start", message=_message(model))
    for index, block in enumerate(blocks):
        if block["type"] == "text":
            start, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            start = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield _event("content_block_start", index=index, content_block=start)
        yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    reason = {"stop_reason": stop, "stop_sequence": None}
    yield _event("message_delta", delta=reason, usage={"output_tokens": 1})
    yield _event("message_stop")


def _event(name: str, **data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()
