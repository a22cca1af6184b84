"""`gemini -o json`: one object over several lines, the last; a failure's is printed to standard error.

Between its own attempts it tells what went wrong, and nothing once it has got over it.
An error's `code` is a HTTP status or an exit status of its own, and its message often the server's answer, as JSON.
"""

import re

import msgspec

from git_pliny.model.session import Tokens
from git_pliny.runners.forms.reading import Output, Reading, decoded, shortened
from git_pliny.runners.usage import Usage, Used

_OBJECT = re.compile(rb"^\{$.*?^\}$", re.MULTILINE | re.DOTALL)
_STATUSES = range(400, 600)
_ATTEMPT = re.compile(
    rb"^Attempt (\d{1,3}) failed(?: with (?:status (\d{3})|[^.\n]*))?\. Retrying with backoff\.\.\."
    rb" ?([^{\n]*)(\{.*\})?",
    re.MULTILINE,
)
_HOPELESS = 5
"""As many attempts take it about a minute; it makes ten where it does not heed the preset's settings."""

_CUT = ("terminated", "Incomplete JSON segment at the end")
"""All that Node's `fetch`, or who reads its stream, says where a connection is closed in the middle of an answer."""


class _Counts(msgspec.Struct):
    input: int = 0
    """Without those that were cached; `prompt` is with them."""
    prompt: int = 0
    candidates: int = 0
    thoughts: int = 0
    cached: int = 0


class _Model(msgspec.Struct):
    tokens: _Counts = msgspec.field(default_factory=_Counts)


class _Stats(msgspec.Struct):
    models: dict[str, _Model] = {}


class _Error(msgspec.Struct):
    message: str = ""
    code: int | str | None = None


class _Result(msgspec.Struct):
    session_id: str
    response: str | None = None
    stats: _Stats | None = None
    error: _Error | None = None


class _Answer(msgspec.Struct):
    error: _Error


_decoder = msgspec.json.Decoder(_Result)
_answer = msgspec.json.Decoder(_Answer)


def waits(end: bytes) -> bool:
    """Whether it has tried again in vain for so long that it will not get through."""
    tried = _ATTEMPT.findall(end)
    return bool(tried) and int(tried[-1][0]) >= _HOPELESS


def read(output: Output) -> Reading | None:
    end = output.tail()
    for found in reversed(_OBJECT.findall(end)):
        result = decoded(_decoder, found)
        if result is not None and (result.error or result.stats):
            return _reading(result)
    tried = _ATTEMPT.findall(end)
    return _interrupted(*tried[-1]) if tried else None


def _interrupted(number: bytes, status: bytes, told: bytes, body: bytes) -> Reading:
    """It was ended while it tried again."""
    answer = decoded(_answer, body)
    said = (answer.error.message if answer else "") or told.decode("utf-8", "replace").strip()
    return Reading(error=said or f"attempt {int(number)} failed", http_status=int(status) if status else None)


def _reading(result: _Result) -> Reading:
    models = result.stats.models if result.stats else {}
    used = [model.tokens for model in models.values()]
    tokens = Tokens(
        input=sum(each.prompt for each in used), output=sum(each.candidates + each.thoughts for each in used)
    )
    known = tokens if used else None
    spent = tuple(_used(name, model.tokens) for name, model in models.items())
    if result.error is None:
        return Reading(text=shortened(result.response), tokens=known, used=spent)
    answer = decoded(_answer, result.error.message.encode())
    error = answer.error if answer else result.error
    status = error.code if isinstance(error.code, int) and error.code in _STATUSES else None
    said = f"connection closed: {error.message}" if error.message in _CUT else error.message
    return Reading(tokens=known, used=spent, error=said or "an error without a message", http_status=status)


def _used(model: str, counts: _Counts) -> Used:
    usage = Usage(
        input_tokens=counts.prompt,
        cache_read_tokens=counts.cached or None,
        output_tokens=counts.candidates + counts.thoughts,
    )
    return Used(model=model, usage=usage)
