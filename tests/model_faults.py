"""A model's server that fails as real ones do: which fault stands in the address, `/fault/KIND/KEY/v1/…`.

Statuses (`429`, `500`), the statuses that come with an answer of their own (`quota`, `context`, `unknown`), and what no
status tells: `cut` (the connection ends in the middle of the answer), `garbage` (a page where an answer should be), `hang`
(no answer at all). With `-first` behind it (`429-first`) it fails only where the prompt says `[[attempt: 1]]`.
"""

import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from model_server import ANSWER, Event, Json, Server, _Handler

_ADDRESS = re.compile(r"/fault/([a-z0-9]+)(-first)?/([^/]+)(/.*)")
_TEXT = re.compile(r"\[\[answer: (.*?)\]\]")
_STATUSES = {"quota": 429, "context": 400, "unknown": 404}
_CODES = {
    "401": "invalid_api_key",
    "429": "rate_limit_exceeded",
    "500": "server_error",
    "quota": "insufficient_quota",
    "context": "context_length_exceeded",
    "unknown": "model_not_found",
}
_ANTHROPIC = {
    401: "authentication_error",
    404: "not_found_error",
    400: "invalid_request_error",
    429: "rate_limit_error",
    500: "api_error",
}
_GEMINI = {
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    400: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
}
_MESSAGES = {
    "401": "Incorrect API key provided",
    "429": "Rate limit reached for requests",
    "500": "The server had an error while processing your request",
    "quota": "You exceeded your current quota, please check your plan and billing details",
    "context": "prompt is too long: 250000 tokens > 200000 maximum (context length exceeded)",
    "unknown": "The model `m` does not exist or you do not have access to it",
}
_LONGEST_S = 3600.0


class Faulty:
    """A running server: its address, and how many requests it got by key."""

    def __init__(self, server: "_Server") -> None:
        self.address = f"http://127.0.0.1:{server.server_port}"
        self.requests = server.requests

    def failing(self, kind: str, key: str) -> str:
        """The address below which `kind` goes wrong."""
        return f"{self.address}/fault/{kind}/{key}"


@contextmanager
def serving_faults() -> Iterator[Faulty]:
    """A server, with every fault at its own address; without one the address is a model's that works."""
    server = _Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Faulty(server)
    finally:
        server.is_over.set()
        server.shutdown()
        server.server_close()


@contextmanager
def refusing() -> Iterator[str]:
    """An address where nobody listens, and nobody will while it is used."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


class _Server(Server):
    def __init__(self) -> None:
        super().__init__(_FaultyHandler)
        self.requests: Counter[str] = Counter()
        self.is_over = threading.Event()


class _FaultyHandler(_Handler):
    server: _Server

    def do_GET(self) -> None:  # noqa: N802 - its name in `http.server`
        if self.headers.get("upgrade"):  # what asks for a socket goes on without one
            self.close_connection = True
            self._send(426, b'{"error": {"message": "no sockets here"}}')
        else:
            super().do_GET()

    def do_POST(self) -> None:  # noqa: N802 - its name in `http.server`
        raw = self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}"
        found = _ADDRESS.fullmatch(self.path)
        kind, only_first, key, path = found.groups() if found else ("none", None, "", self.path)
        self.server.requests[key] += 1
        if only_first and b"[[attempt: 1]]" not in raw:
            kind = "none"
        if kind == "hang":
            self._hang()
        elif kind == "garbage":
            self._send(200, b"<html><body>Welcome to the portal</body></html>", "text/html")
        elif kind.isdecimal() or kind in _STATUSES:
            self._fail(kind, path)
        else:
            self._answer(json.loads(raw), path, is_cut=kind == "cut")

    def _hang(self) -> None:
        """Until whoever asked has gone away, the server is over."""
        self.close_connection = True
        until = time.monotonic() + _LONGEST_S
        self.connection.setblocking(False)
        while not self.server.is_over.wait(0.1) and time.monotonic() < until:
            try:
                if not self.connection.recv(1, socket.MSG_PEEK):
                    return
            except BlockingIOError:
                continue
            except OSError:
                return

    def _fail(self, kind: str, path: str) -> None:
        status = _STATUSES.get(kind) or int(kind)
        message = _MESSAGES[kind]
        error: Json = {"message": message, "type": _CODES[kind], "code": _CODES[kind], "param": None}
        body: Json = {"error": error}
        if "/messages" in path:
            body = {"type": "error", "error": {"type": _ANTHROPIC[status], "message": message}}
        elif "enerateContent" in path:
            body = {"error": {"code": status, "message": message, "status": _GEMINI[status]}}
        self._send(status, json.dumps(body).encode(), wait="1" if kind == "429" else None)

    def _answer(self, body: Json, path: str, *, is_cut: bool) -> None:
        asked = _TEXT.search(json.dumps(body.get("messages") or ""))
        events = self._events(body)
        if asked:
            text = json.loads(f'"{asked[1]}"')
            events = [
                (name, json.loads(json.dumps(data).replace(json.dumps(ANSWER), json.dumps(text))))
                for name, data in events
            ]
        if _is_stream(body, path):
            lines = [(f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n" for name, data in events]
            whole, kind = "".join(lines).encode(), "text/event-stream"
            half = "".join(lines[: len(lines) // 2]).encode()
        else:
            whole, kind = json.dumps(_whole(path, events)).encode(), "application/json"
            half = whole[: len(whole) // 2]
        if not is_cut:
            self._send(200, whole, kind)
            return
        self.close_connection = True
        self._begin(200, len(whole), kind)
        self.wfile.write(half)
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status: int, data: bytes, kind: str = "application/json", *, wait: str | None = None) -> None:
        self._begin(status, len(data), kind, wait)
        self.wfile.write(data)

    def _begin(self, status: int, length: int, kind: str, wait: str | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(length))
        if wait:
            self.send_header("retry-after", wait)
        self.end_headers()


def _is_stream(body: Json, path: str) -> bool:
    if "enerateContent" in path:
        return "streamGenerateContent" in path
    return bool(body.get("stream"))


def _whole(path: str, events: list[Event]) -> Json:
    """The answer of a request that asked for no stream."""
    first = events[0][1]
    if "chat/completions" not in path:
        return events[-1][1].get("response") or first
    choice, last = first["choices"][0], events[-1][1]
    message = {"content": None, **choice["delta"]}
    finish = last["choices"][0]["finish_reason"]
    whole = {**first, "object": "chat.completion", "usage": last["usage"]}
    return {**whole, "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}]}
