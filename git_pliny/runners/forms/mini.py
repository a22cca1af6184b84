"""mini-swe-agent: what it did stands in its trajectory, the file `trajectory.json` of the preset."""

import msgspec

from git_pliny.model.session import Tokens
from git_pliny.runners.forms.reading import Output, Reading, cost, decoded, shortened

TRAJECTORY = "trajectory.json"
_STATUSES = {"InternalServerError": 500, "ServiceUnavailableError": 503}
"""What its library calls an error of the server's, and a refused connection, too."""


class _Used(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Response(msgspec.Struct):
    usage: _Used | None = None


class _Extra(msgspec.Struct):
    response: _Response | None = None


class _Message(msgspec.Struct):
    role: str = ""
    content: str | None = None
    extra: _Extra | None = None


class _Stats(msgspec.Struct):
    instance_cost: float | None = None


class _Info(msgspec.Struct):
    exit_status: str = ""
    submission: str = ""
    model_stats: _Stats | None = None


class _Trajectory(msgspec.Struct):
    info: _Info
    messages: tuple[_Message, ...] = ()


_decoder = msgspec.json.Decoder(_Trajectory)


def read(output: Output) -> Reading | None:
    found = decoded(_decoder, output.file(TRAJECTORY))
    if found is None:
        return None
    answers = [message.extra.response for message in found.messages if message.extra and message.extra.response]
    used = [answer.usage for answer in answers if answer.usage]
    tokens = Tokens(input=sum(each.prompt_tokens for each in used), output=sum(each.completion_tokens for each in used))
    known = tokens if used else None
    spent = cost(found.info.model_stats.instance_cost if found.info.model_stats else None, known)
    if found.info.exit_status != "Submitted":
        last = found.messages[-1] if found.messages else _Message()
        said = last.content if last.role == "exit" else None
        status = _STATUSES.get(found.info.exit_status)
        error = said or found.info.exit_status or "it was not submitted"
        return Reading(tokens=known, cost_usd=spent, error=error, http_status=status)
    return Reading(text=shortened(found.info.submission), tokens=known, cost_usd=spent)
