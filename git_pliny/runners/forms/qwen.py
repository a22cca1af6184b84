"""`qwen -o json`: an array of events, the last of which is the result. It calls an error of the model a success."""

import re
from typing import Any, Literal

import msgspec

from git_pliny.model.session import Tokens
from git_pliny.runners.forms.reading import Output, Reading, decoded, denied, shortened
from git_pliny.runners.usage import Usage, Used

_BEGIN = b'{"type":"result",'
"""Only an event itself begins so: in texts inside it the quotes are escaped."""

_API_ERROR = re.compile(r"\[API Error: (?:(\d{3})\b ?)?(.*?)\]?\s*", re.DOTALL)


class _Usage(msgspec.Struct):
    input_tokens: int = 0
    """Those that were cached are among them."""
    output_tokens: int = 0
    cache_read_input_tokens: int = 0


class _Api(msgspec.Struct, rename="camel"):
    total_errors: int = 0


class _Model(msgspec.Struct):
    api: _Api = msgspec.field(default_factory=_Api)


class _Stats(msgspec.Struct):
    models: dict[str, _Model] = {}


class _Error(msgspec.Struct):
    message: str = ""


class _Result(msgspec.Struct):
    type: Literal["result"]
    is_error: bool = False
    result: str = ""
    usage: _Usage | None = None
    stats: _Stats | None = None
    error: _Error | None = None
    permission_denials: Any = None


_decoder = msgspec.json.Decoder(_Result)


def read(output: Output) -> Reading | None:
    _, begin, rest = output.tail().rpartition(_BEGIN)
    found = decoded(_decoder, begin + rest.partition(b"\n")[0].rstrip().removesuffix(b"]"))
    return None if found is None else _reading(found)


def _reading(found: _Result) -> Reading:
    used = found.usage
    tokens = Tokens(input=used.input_tokens, output=used.output_tokens) if used else Tokens()
    known = tokens if tokens != Tokens() else None
    errors = sum(model.api.total_errors for model in found.stats.models.values()) if found.stats else 0
    said = found.error.message if found.error and found.error.message else found.result
    told = _API_ERROR.fullmatch(said)
    if told is not None and (errors or found.is_error or known is None):
        return Reading(tokens=known, error=said, http_status=int(told[1]) if told[1] else None)
    if found.is_error:
        return Reading(tokens=known, error=said or "an error without a message")
    text = shortened(found.result)
    if text is None and known is None:
        return Reading(error="the model returned an empty response")
    return Reading(text=text, tokens=known, used=_used(found), denied=denied(found.permission_denials))


def _used(found: _Result) -> tuple[Used, ...]:
    """Nothing where several models share the figures: which used how much, nobody tells."""
    names = list(found.stats.models) if found.stats else []
    if found.usage is None or len(names) != 1:
        return ()
    usage = Usage(
        input_tokens=found.usage.input_tokens,
        cache_read_tokens=found.usage.cache_read_input_tokens or None,
        output_tokens=found.usage.output_tokens,
    )
    return (Used(model=names[0], usage=usage),)
