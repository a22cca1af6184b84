"""`codex exec --json`: an event a line. `error` events are also told of what it gets over; `turn.failed` is final."""

import msgspec

from git_pliny.model.session import Tokens
from git_pliny.runners.forms.reading import Output, Reading, decoded, shortened
from git_pliny.runners.usage import Usage, Used

_BUSY = "currently experiencing high demand"
"""How it words every answer of 500 and above, whose number it does not tell."""

_WAITS = "waiting for network"


class _Usage(msgspec.Struct):
    input_tokens: int = 0
    """Those that were cached are among them."""
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_input_tokens: int = 0


class _Item(msgspec.Struct):
    type: str = ""
    text: str = ""


class _Error(msgspec.Struct):
    message: str = ""


class _Event(msgspec.Struct):
    type: str
    message: str = ""
    item: _Item | None = None
    usage: _Usage | None = None
    error: _Error | None = None


_decoder = msgspec.json.Decoder(_Event)


def waits(end: bytes) -> bool:
    """Whether the last that it tells is that it waits for the network, which it does for ever."""
    events = (decoded(_decoder, line) for line in reversed(end.splitlines()) if line.startswith(b"{"))
    last = next((event for event in events if event is not None), None)
    return last is not None and last.type == "error" and _WAITS in last.message


def read(output: Output) -> Reading | None:
    text, tokens, ended, failed, trouble = "", None, False, None, ""
    spent: list[Used] = []
    for line in output.lines():
        event = decoded(_decoder, line)
        trouble = _trouble(event, trouble)
        match event:
            case _Event(type="item.completed", item=_Item(type="agent_message", text=said)):
                text = said
            case _Event(type="turn.completed", usage=usage):
                ended, failed = True, None
                if usage is not None:
                    used = Tokens(input=usage.input_tokens, output=usage.output_tokens)
                    tokens = used if tokens is None else tokens + used
                    spent.append(_used(usage))
            case _Event(type="turn.failed", error=error):
                ended, failed = True, (error.message if error else "") or "the turn failed"
    if not ended:
        return Reading(tokens=tokens, error=trouble) if trouble else None
    if failed is not None:
        return Reading(tokens=tokens, used=tuple(spent), error=failed, http_status=503 if _BUSY in failed else None)
    return Reading(text=shortened(text), tokens=tokens, used=tuple(spent))


def _used(usage: _Usage) -> Used:
    return Used(
        usage=Usage(
            input_tokens=usage.input_tokens,
            cache_read_tokens=usage.cached_input_tokens or None,
            cache_write_tokens=usage.cache_write_input_tokens or None,
            output_tokens=usage.output_tokens,
        )
    )


def _trouble(event: _Event | None, before: str) -> str:
    """What it tried to get over last, where it has told nothing since; what is no event changes nothing."""
    match event:
        case None | _Event(type="item.completed", item=_Item(type="error")):
            return before
        case _Event(type="error", message=said):
            return said
        case _:
            return ""
