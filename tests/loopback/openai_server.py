"""An OpenAI-compatible server on this machine's loopback address, for tests of the real HTTP path of dspy.LM.

It speaks ``POST /v1/chat/completions`` (streamed or not), ``POST /v1/responses`` and ``GET /v1/models``, records
every request, and answers with what it was told: text, an echo, a script of fleet-rlm's, or a fault.

By hand: ``python tests/loopback/openai_server.py --script generic`` prints the variables to export.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fleet_rlm.models.script_file import load_script
from fleet_rlm.models.scripted import answer as scripted_answer

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Text:
    """An ordinary answer after ``delay`` seconds."""

    text: str
    delay: float = 0.0


@dataclass(frozen=True)
class Refusal:
    """An HTTP error with OpenAI's error body."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = "error"


@dataclass(frozen=True)
class Malformed:
    """Status 200 with a body that is no JSON."""

    body: bytes = b"<html>not what you asked for</html>"


@dataclass(frozen=True)
class Dropped:
    """The connection is closed without an answer, or in the middle of one."""

    after: bytes = b""


Reply = Text | Refusal | Malformed | Dropped
Answer = Callable[[Messages], "Reply | str"]


@dataclass(frozen=True)
class Recorded:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def messages(self) -> Messages:
        """The messages, in chat form for both APIs."""
        return _messages(self.body)

    @property
    def prompt(self) -> str:
        """The last message's text."""
        return str(self.messages[-1]["content"])


def echo(messages: Messages) -> str:
    """Answer with the last message."""
    return str(messages[-1]["content"])


def from_script(reference: str) -> Answer:
    """Answer from one of fleet-rlm's scripts, so that a whole run can go over HTTP."""
    script = load_script(reference)

    def reply(messages: Messages) -> Reply:
        found = scripted_answer(
            script, [{"role": str(each["role"]), "content": str(each["content"])} for each in messages]
        )
        return Refusal(400, found.fail) if found.fail else Text(found.text, found.delay)

    return reply


class OpenAIServer:
    """A server in threads of this process; a context manager.

    Attributes:
        answer: answers whatever ``next_replies`` leaves.
        next_replies: answers for the next requests, in order of arrival.
        requests: what arrived.
        busiest: the most requests that were being answered at once.
    """

    def __init__(self, answer: Answer = echo, *, delay: float = 0.0, port: int = 0) -> None:
        self.answer = answer
        self.delay = delay
        self.next_replies: list[Reply] = []
        self.requests: list[Recorded] = []
        self.busiest = 0
        self._busy = 0
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", port), _Handler)
        self._http.owner = self

    @property
    def base_url(self) -> str:
        """What ``DSPY_LM_API_BASE`` should be."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which fleet-rlm uses this server."""
        return {
            "DSPY_LM_MODEL": "openai/loopback",
            "DSPY_LLM_API_KEY": "loopback-key-0123456789",
            "DSPY_LM_API_BASE": self.base_url,
        }

    @property
    def prompts(self) -> list[str]:
        """The last message of every request."""
        return [request.prompt for request in self.requests]

    def __enter__(self) -> OpenAIServer:  # noqa: PYI034 - typing.Self is newer than our oldest Python
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def reply_to(self, request: Recorded) -> Reply:
        """Record ``request`` and decide its answer, waiting as long as it is told to."""
        with self._lock:
            self.requests.append(request)
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
            planned = self.next_replies.pop(0) if self.next_replies else None
        try:
            reply = planned if planned is not None else self.answer(request.messages)
            reply = Text(reply) if isinstance(reply, str) else reply
            time.sleep(self.delay + (reply.delay if isinstance(reply, Text) else 0.0))
            return reply
        finally:
            with self._lock:
                self._busy -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    owner: OpenAIServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet about clients that went away; tell about everything else."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, *args: object) -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        self._json(200, {"object": "list", "data": [{"id": "loopback", "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        if not self.path.endswith(("/chat/completions", "/responses")):
            self._json(404, _error(f"There is no {self.path} here.", "not_found"))
            return
        reply = self.server.owner.reply_to(Recorded(self.path, dict(self.headers.items()), body))
        if isinstance(reply, Refusal):
            self._json(reply.status, _error(reply.message, reply.code), reply.headers)
        elif isinstance(reply, Malformed):
            self._send(200, "application/json", reply.body)
        elif isinstance(reply, Dropped):
            self.wfile.write(reply.after)
            self.close_connection = True
        elif self.path.endswith("/responses"):
            self._json(200, _responses_body(body, reply.text))
        elif body.get("stream"):
            self._send(200, "text/event-stream", b"".join(_events(body, reply.text)))
        else:
            self._json(200, _chat_body(body, reply.text))

    def _json(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        self._send(status, "application/json", json.dumps(body).encode(), headers)

    def _send(self, status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _messages(body: Mapping[str, Any]) -> Messages:
    given = body.get("messages", body.get("input", []))
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    head = [{"role": "system", "content": body["instructions"]}] if body.get("instructions") else []
    return head + [{"role": item["role"], "content": _plain(item["content"])} for item in items]


def _plain(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or [])


def _usage(body: Mapping[str, Any], text: str) -> dict[str, int]:
    asked = sum(len(str(message["content"])) for message in _messages(body)) // 4
    return {
        "prompt_tokens": asked,
        "completion_tokens": len(text) // 4,
        "total_tokens": asked + len(text) // 4,
    }


def _chat_body(body: Mapping[str, Any], text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-loopback",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": _usage(body, text),
    }


def _events(body: Mapping[str, Any], text: str) -> Iterator[bytes]:
    head = {
        "id": "chatcmpl-loopback",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": body["model"],
    }
    for piece in (text[start : start + 20] for start in range(0, len(text), 20)):
        delta = {"role": "assistant", "content": piece}
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        yield b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"
    last = {
        **head,
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "usage": _usage(body, text),
    }
    yield b"data: " + json.dumps(last).encode() + b"\n\n" + b"data: [DONE]\n\n"


def _responses_body(body: Mapping[str, Any], text: str) -> dict[str, Any]:
    usage = _usage(body, text)
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {
        "id": "resp-loopback",
        "object": "response",
        "created_at": 0,
        "status": "completed",
        "model": body["model"],
        "output": [
            {"type": "message", "id": "msg-1", "status": "completed", "role": "assistant", "content": content}
        ],
        "usage": {
            "input_tokens": usage["prompt_tokens"],
            "output_tokens": usage["completion_tokens"],
            "total_tokens": usage["total_tokens"],
        },
    }


def _error(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": code, "code": code, "param": None}}


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="An OpenAI-compatible server that asks no model.")
    parser.add_argument("--script", help="answer from this script of fleet-rlm's: a name or a file")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument("--port", type=int, default=0, help="a free one by default")
    given = parser.parse_args()
    answer = from_script(given.script) if given.script else echo
    with OpenAIServer(answer, delay=given.delay, port=given.port) as server:
        for name, value in server.environment.items():
            sys.stdout.write(f"export {name}={value}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            os._exit(130)


if __name__ == "__main__":
    main()
