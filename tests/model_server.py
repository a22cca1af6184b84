"""A model's server on this machine, for tests: what it answers stands in the prompt, and what goes wrong in the address.

It speaks as much of the APIs of Anthropic (messages), OpenAI (responses, chat completions) and Gemini as the coding agents
of the tests need, always as streams. A prompt with `[[run: COMMAND]]` has the model call the shell tool that it is offered,
once; with `[[say: TEXT]]` it answers TEXT, and to any other prompt `Done.`. Below `/STATUS/…` (`/429/v1/messages`) that is all
that it answers, with the key that it was given, as some servers do. Below `/drop/…`, `/garbage/…`, `/empty/…`, `/cut/…`,
`/short/…` (cut, and yet closed in order), `/long/…` (cut at its limit), `/hang/…` and `/stall/…` (amid the text) it goes wrong
in these ways; `/429x2/KEY/…` does so for the first two requests of the KEY. With a script it takes the steps that this has for
the prompt, a tool call each.
"""

import json
import re
import select
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

INPUT, OUTPUT = 1000, 30
"""Tokens of each answer."""

ANSWER = "Done."
_SHELLS = ("Bash", "bash", "exec_command", "shell_command", "shell", "run_shell_command")
_RUN = re.compile(r"\[\[run: (.*?)\]\]")
_SAY = re.compile(r"\[\[say: (.*?)\]\]")
_FAULT = re.compile(r"/(\d{3}|drop|garbage|empty|cut|short|long|hang|stall)(?:x(\d)/(\w+))?/")
RETRY_AFTER = 1
"""Seconds, of each 429."""

Json = dict[str, Any]
Event = tuple[str | None, Json]
Step = tuple[str, dict[str, str]]
"""A tool to call, with its arguments: texts, in which `{folder}` is the one that the agent says it works in."""

Script = Mapping[str, Sequence[Step]]
"""What to do, by a part of the prompt that tells it from the others."""

_NUMBERS = count(1)
"""A program takes a call with the number of an earlier one for the same, and asks for ever."""

_FOLDER = re.compile(r"[Ww]orking directory: (\S+?)\\n")


class Server(ThreadingHTTPServer):
    """Keeps what it was asked, and how often a client went away while it waited."""

    request_queue_size = 64
    daemon_threads = True
    delay_s = 0.0

    def __init__(self, handler: type["_Handler"] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), handler or _Handler)
        self.asked: list[tuple[str, Json]] = []
        self.faults: Counter[str] = Counter()
        self.left = 0
        self.script: Script = {}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away when they have what they want; whatever else goes wrong is the server's."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(script: Script | None = None) -> Iterator[str]:
    """The address of a server."""
    with running() as server:
        server.script = script or {}
        yield server.address


@contextmanager
def running(*, delay_s: float = 0.0) -> Iterator[Server]:
    """A server, which answers after the delay."""
    server = Server()
    server.delay_s = delay_s
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Tests have their own output."""

    def do_HEAD(self) -> None:
        self._send(200, b"")

    def do_GET(self) -> None:
        self._send(200, b'{"object": "list", "data": []}')

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        assert isinstance(self.server, Server)
        self.server.asked.append((self.path, body))
        time.sleep(self.server.delay_s)
        fault = self._fault(self.server.faults)
        if fault.isdigit():
            key = self.headers.get("authorization") or self.headers.get("x-api-key") or ""
            error = {"code": int(fault), "message": f"fault {fault}, with {key} for {self.path}"}
            self._send(int(fault), json.dumps({"error": error}).encode())
            return
        if fault:
            self._go_wrong(fault, body)
            return
        self._send(200, _stream(self._events(body)), "text/event-stream")

    def _fault(self, met: Counter[str]) -> str:
        found = _FAULT.match(self.path)
        if found is None:
            return ""
        if found[2]:
            met[found[0]] += 1
            return found[1] if met[found[0]] <= int(found[2]) else ""
        return found[1]

    def _go_wrong(self, fault: str, body: Json) -> None:
        self.close_connection = True
        if fault == "drop":
            return
        if fault == "garbage":
            self._send(200, b"<html><body>Welcome to the hotel</body></html>", "text/html")
            return
        if fault == "hang":
            self._wait_until_left()
            return
        events = self._events(
            body, text="" if fault == "empty" else ANSWER, end="length" if fault == "long" else "stop"
        )
        if fault in {"cut", "short", "stall"}:
            events = [(name, event) for name, event in events if "Done" in json.dumps(event) or name == "message_start"]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        if fault == "cut":
            self.send_header("content-length", "100000")
        self.end_headers()
        self.wfile.write(_stream(events))
        if fault == "stall":
            self._wait_until_left()

    def _wait_until_left(self) -> None:
        assert isinstance(self.server, Server)
        select.select([self.connection], [], [], 60)
        self.server.left += 1

    def _events(self, body: Json, *, text: str | None = None, end: str = "stop") -> list[Event]:
        assert isinstance(self.server, Server)
        call = _scripted(body, self.server.script) or _call(body)
        said = _said(body) if text is None else text
        if "/messages" in self.path:
            return _messages(call, said, end)
        if "/responses" in self.path:
            return _responses(call)
        if "GenerateContent" in self.path:
            return _gemini(call)
        return _chat(call, said, end)

    def _send(self, status: int, data: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self.send_header("retry-after", str(RETRY_AFTER))
        self.end_headers()
        self.wfile.write(data)


def _stream(events: list[Event]) -> bytes:
    lines = ((f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n" for name, data in events)
    return "".join(lines).encode()


def _said(body: Json) -> str:
    asked = _SAY.search(json.dumps(body.get("messages") or ""))
    return json.loads(f'"{asked[1]}"') if asked else ANSWER


def _scripted(body: Json, script: Script) -> tuple[str, Json] | None:
    """The next step for a prompt that the script knows; what is said about the prompt without tools is none."""
    said, whole = json.dumps(body.get("messages") or ""), json.dumps(body)
    steps = next((steps for part, steps in script.items() if json.dumps(part)[1:-1] in said), ())
    taken, found = said.count('"tool_result"'), _FOLDER.search(whole)
    if taken >= len(steps) or found is None or not body.get("tools"):
        return None
    name, arguments = steps[taken]
    return name, {key: text.replace("{folder}", found[1]) for key, text in arguments.items()}


def _call(body: Json) -> tuple[str, Json] | None:
    """The tool to call, with its arguments; None where it was called, or nothing asks for it."""
    said = json.dumps(body.get("messages") or body.get("input") or body.get("contents") or "")
    asked = _RUN.search(said)
    called = any(
        mark in said for mark in ('"tool_result"', '"function_call_output"', '"role": "tool"', '"functionResponse"')
    )
    tools = dict(_tools(body))
    shell = next((name for name in _SHELLS if name in tools), None)
    if asked is None or called or shell is None:
        return None
    known = tools[shell].get("properties") or {}
    word = next((name for name in ("command", "cmd") if name in known), "command")
    needed = {name: "run it" for name in tools[shell].get("required") or () if name != word}
    return shell, {**needed, word: json.loads(f'"{asked[1]}"')}


def _tools(body: Json) -> Iterator[tuple[str, Json]]:
    for tool in body.get("tools") or ():
        inner = tool.get("function") or tool
        if "name" in inner:
            yield inner["name"], inner.get("input_schema") or inner.get("parameters") or {}
        for each in tool.get("functionDeclarations") or ():
            yield each["name"], each.get("parametersJsonSchema") or each.get("parameters") or {}


def _messages(call: tuple[str, Json] | None, text: str, end: str) -> list[Event]:
    usage = {"input_tokens": INPUT, "output_tokens": OUTPUT}
    head: Json = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
    }
    block, delta = _text_block(text) if call is None else _tool_block(*call)
    ended = "end_turn" if end == "stop" else "max_tokens"
    reason = {"stop_reason": ended if call is None else "tool_use", "stop_sequence": None}
    events: list[Json] = [
        {"type": "message_start", "message": {**head, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": reason, "usage": usage},
        {"type": "message_stop"},
    ]
    return [(event["type"], event) for event in events]


def _text_block(text: str) -> tuple[Json, Json]:
    return {"type": "text", "text": ""}, {"type": "text_delta", "text": text}


def _tool_block(name: str, arguments: Json) -> tuple[Json, Json]:
    block = {"type": "tool_use", "id": f"toolu_{next(_NUMBERS)}", "name": name, "input": {}}
    return block, {"type": "input_json_delta", "partial_json": json.dumps(arguments)}


def _responses(call: tuple[str, Json] | None) -> list[Event]:
    item: Json = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    item["content"] = [{"type": "output_text", "text": ANSWER, "annotations": []}]
    if call is not None:
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": call[0], "status": "completed"}
        item["arguments"] = json.dumps(call[1])
    usage = {"input_tokens": INPUT, "output_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
    response = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "m",
        "output": [item],
        "usage": usage,
    }
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    events: list[Json] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response},
    ]
    return [(event["type"], event) for event in events]


def _chat(call: tuple[str, Json] | None, text: str, end: str) -> list[Event]:
    delta: Json = {"role": "assistant", "content": text}
    if call is not None:
        function = {"name": call[0], "arguments": json.dumps(call[1])}
        delta = {
            "role": "assistant",
            "tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}],
        }
    end = end if call is None else "tool_calls"
    usage = {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return [
        (None, {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}),
        (None, {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": end}], "usage": usage}),
    ]


def _gemini(call: tuple[str, Json] | None) -> list[Event]:
    part = {"text": ANSWER} if call is None else {"functionCall": {"name": call[0], "args": call[1]}}
    candidate = {"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}
    usage = {"promptTokenCount": INPUT, "candidatesTokenCount": OUTPUT, "totalTokenCount": INPUT + OUTPUT}
    return [(None, {"candidates": [candidate], "modelVersion": "m", "responseId": "1", "usageMetadata": usage})]
