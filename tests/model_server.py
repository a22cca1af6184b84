"""A model's server on this machine, for tests: what it answers stands in the prompt, and what goes wrong in the address.

It speaks as much of the APIs of Anthropic (messages), OpenAI (responses, chat completions) and Gemini as the coding agents
of the tests need, always as streams. A prompt with `[[run: COMMAND]]` has the model call the shell tool that it is offered,
once; then, and to any other prompt, it answers `Done.`. Below `/STATUS/…` (`/429/v1/messages`) that is all that it answers.
With a script it takes the steps that this has for the prompt, a tool call each, and then answers `Done.`.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

INPUT, OUTPUT = 1000, 30
"""Tokens of each answer."""

ANSWER = "Done."
_SHELLS = ("Bash", "bash", "exec_command", "shell_command", "shell", "run_shell_command")
_RUN = re.compile(r"\[\[run: (.*?)\]\]")

Json = dict[str, Any]
Event = tuple[str | None, Json]
Step = tuple[str, dict[str, str]]
"""A tool to call, with its arguments: texts, in which `{folder}` is the one that the agent says it works in."""

Script = Mapping[str, Sequence[Step]]
"""What to do, by a part of the prompt that tells it from the others."""

_NUMBERS = count(1)
"""A program takes a call with the number of an earlier one for the same, and asks for ever."""

_FOLDER = re.compile(r"[Ww]orking directory: (\S+?)\\n")


class _Server(ThreadingHTTPServer):
    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script


@contextmanager
def serving(script: Script | None = None) -> Iterator[str]:
    """The address of a server."""
    server = _Server(script or {})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
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
        fault = re.match(r"/(\d{3})/", self.path)
        if fault:
            self._send(
                int(fault[1]), json.dumps({"error": {"code": int(fault[1]), "message": f"fault {fault[1]}"}}).encode()
            )
            return
        stream = "".join(
            (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n" for name, data in self._events(body)
        )
        self._send(200, stream.encode(), "text/event-stream")

    def _events(self, body: Json) -> list[Event]:
        assert isinstance(self.server, _Server)
        call = _scripted(body, self.server.script) or _call(body)
        if "/messages" in self.path:
            return _messages(call)
        if "/responses" in self.path:
            return _responses(call)
        if "GenerateContent" in self.path:
            return _gemini(call)
        return _chat(call)

    def _send(self, status: int, data: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


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


def _messages(call: tuple[str, Json] | None) -> list[Event]:
    usage = {"input_tokens": INPUT, "output_tokens": OUTPUT}
    head: Json = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
    }
    block, delta = _text_block() if call is None else _tool_block(*call)
    reason = {"stop_reason": "end_turn" if call is None else "tool_use", "stop_sequence": None}
    events: list[Json] = [
        {"type": "message_start", "message": {**head, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": reason, "usage": usage},
        {"type": "message_stop"},
    ]
    return [(event["type"], event) for event in events]


def _text_block() -> tuple[Json, Json]:
    return {"type": "text", "text": ""}, {"type": "text_delta", "text": ANSWER}


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


def _chat(call: tuple[str, Json] | None) -> list[Event]:
    delta: Json = {"role": "assistant", "content": ANSWER}
    if call is not None:
        function = {"name": call[0], "arguments": json.dumps(call[1])}
        delta = {
            "role": "assistant",
            "tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}],
        }
    end = "stop" if call is None else "tool_calls"
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
