"""A Messages API on this machine's loopback address, for the real Claude Code client.

It speaks the streaming form of ``POST /v1/messages``, keeps every request, and answers from a script: each step
is a list of content blocks and, if it is meant for some requests only, a condition. What asks for no tools
(titles, quota probes) is not part of a conversation and never uses up a step.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Block = Mapping[str, Any]


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


def say(text: str) -> Step:
    """A step that ends the turn with ``text``."""
    return Step([{"type": "text", "text": text}])


def use(tool: str, **arguments: Any) -> Step:
    """A step that calls one tool."""
    return Step([{"type": "tool_use", "name": tool, "input": arguments}])


class MessagesApi:
    """The server; a context manager. ``requests`` holds what arrived, in order."""

    def __init__(self, script: Sequence[Step] = ()) -> None:
        self.requests: list[Request] = []
        self._steps = list(script)
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

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
        """The steps that no request has asked for."""
        return list(self._steps)

    def answer(self, request: Request) -> Sequence[Block]:
        """Keep ``request`` and return the blocks that answer it."""
        with self._lock:
            self.requests.append(request)
            step = next((step for step in self._steps if request.tools and step.when(request)), None)
            if step is None:
                return [{"type": "text", "text": "Done."}]
            self._steps.remove(step)
            blocks = step.blocks(request) if callable(step.blocks) else step.blocks
            return [self._identified(block) for block in blocks]

    def _identified(self, block: Block) -> Block:
        return {"id": f"toolu_{next(self._ids):04}", **block} if block["type"] == "tool_use" else block


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
        return
    for block in content:
        if block["type"] == "text":
            yield block["text"]
        elif block["type"] == "tool_result":
            yield from _texts(block.get("content", ""))


def _handler(api: MessagesApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path.split("?")[0] != "/v1/messages":
                self._send(404, "application/json", b'{"type":"error","error":{"type":"not_found_error"}}')
                return
            request = Request(self.path, dict(self.headers), json.loads(raw), raw)
            blocks = api.answer(request)
            if request.body.get("stream"):
                self._send(200, "text/event-stream", b"".join(_stream(request.model, blocks)))
            else:
                message = _message(request.model) | {"content": list(blocks), "stop_reason": _reason(blocks)}
                self._send(200, "application/json", json.dumps(message).encode())

        def do_GET(self) -> None:
            self._send(404, "application/json", b'{"type":"error","error":{"type":"not_found_error"}}')

        do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
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


def _stream(model: str, blocks: Sequence[Block]) -> Iterator[bytes]:
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
    reason = {"stop_reason": _reason(blocks), "stop_sequence": None}
    yield _event("message_delta", delta=reason, usage={"output_tokens": 1})
    yield _event("message_stop")


def _event(name: str, **data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()
