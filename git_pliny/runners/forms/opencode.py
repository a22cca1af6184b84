"""`opencode run --format json`: an event a line; each step tells what it used."""

import math

import msgspec

from git_pliny.model.session import Tokens
from git_pliny.runners.forms.reading import Output, Reading, cost, decoded, shortened


class _Cache(msgspec.Struct):
    read: int = 0
    write: int = 0


class _Used(msgspec.Struct):
    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache: _Cache = msgspec.field(default_factory=_Cache)

    @property
    def tokens(self) -> Tokens:
        return Tokens(input=self.input + self.cache.read + self.cache.write, output=self.output + self.reasoning)


class _Part(msgspec.Struct):
    text: str = ""
    reason: str = ""
    tokens: _Used | None = None
    cost: float = 0


class _Data(msgspec.Struct):
    message: str = ""
    status: int | None = msgspec.field(name="statusCode", default=None)
    headers: dict[str, str] = msgspec.field(name="responseHeaders", default_factory=dict)


class _Error(msgspec.Struct):
    name: str = ""
    data: _Data = msgspec.field(default_factory=_Data)


class _Event(msgspec.Struct):
    type: str
    part: _Part | None = None
    error: _Error | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it is the end of a step in which the model said nothing, nor why."""
        part = self.part or _Part()
        used = part.tokens or _Used()
        return self.type == "step_finish" and part.reason == "unknown" and used.tokens == Tokens()


_decoder = msgspec.json.Decoder(_Event)
_HOPELESS = 5


def waits(end: bytes) -> bool:
    """Whether it asks again and again a server whose answers are none, which it does without an end or a pause."""
    found = (decoded(_decoder, line) for line in end.splitlines() if line.startswith(b"{"))
    told = [event for event in found if event is not None and event.type != "step_start"]
    return len(told) >= _HOPELESS and all(event.is_empty for event in told[-_HOPELESS:])


def read(output: Output) -> Reading | None:
    text, steps, spent, last, error = "", Tokens(), 0.0, "", None
    for line in output.lines():
        event = decoded(_decoder, line)
        match event:
            case _Event(is_empty=True):
                last, error = "error", _Error(name="the model returned an empty response")
            case _Event(type="text", part=_Part(text=said)):
                text = said
            case _Event(type="step_finish", part=_Part(tokens=used, cost=price)):
                last, steps, spent = "step", steps + (used.tokens if used else Tokens()), spent + price
            case _Event(type="error", error=_Error() as found):
                last, error = "error", found
    tokens = steps if steps != Tokens() and output.is_whole() else None
    match last, error:
        case "error", _Error(name=name, data=data):
            return Reading(
                tokens=tokens,
                cost_usd=cost(spent, tokens),
                error=data.message or name or "an error without a message",
                http_status=data.status,
                retry_after_s=_seconds(data.headers.get("retry-after")),
            )
        case "step", _:
            return Reading(text=shortened(text), tokens=tokens, cost_usd=cost(spent, tokens))
    return None


def _seconds(header: str | None) -> float | None:
    """The header's other form, a date, is left to the delays that we choose ourselves."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None
