"""Aider's text. It exits with 0 whatever the model answers: a failure is a line that begins with litellm's error.

Its figures are rounded (`1.2k`), and so are the tokens that are told from them.
"""

import re

from git_pliny.model.session import Tokens
from git_pliny.runners.forms.reading import Output, Reading, cost, shortened

_ERROR = re.compile(r"^litellm\.(\w*Error): .*", re.MULTILINE)
_STATUSES = {"InternalServerError": 500, "ServiceUnavailableError": 503}
"""A refused connection is such an error, too: words that a server adds say less than that it was the server's."""
_USED = re.compile(
    r"^Tokens: ([\d.]+)([kM]?) sent,(?: [\d.]+[kM]? cache \w+,)* ([\d.]+)([kM]?) received\."
    r"(?: Cost: \$([\d.]+) message)?",
    re.MULTILINE,
)
_BANNER = re.compile(
    r"^(?:Aider v|Model: |Main model: |Weak model: |Git repo: |Repo-map: |Added \S+ to the chat).*\n", re.MULTILINE
)
_UNITS = {"": 1, "k": 1000, "M": 1_000_000}


def read(output: Output) -> Reading:
    said = output.text()
    used = list(_USED.finditer(said))
    tokens = Tokens(
        input=sum(_count(each[1], each[2]) for each in used), output=sum(_count(each[3], each[4]) for each in used)
    )
    known = tokens if used else None
    spent = cost(sum(_number(each[5]) for each in used), known)
    failures = list(_ERROR.finditer(said, used[-1].start() if used else 0))
    if failures:
        last = failures[-1]
        return Reading(tokens=known, cost_usd=spent, error=last[0], http_status=_STATUSES.get(last[1]))
    banner = list(_BANNER.finditer(said))
    answer = said[banner[-1].end() if banner else 0 : used[-1].start() if used else None]
    return Reading(text=shortened(answer), tokens=known, cost_usd=spent)


def _number(digits: str | None) -> float:
    try:
        return float(digits or "0")
    except ValueError:
        return 0.0


def _count(digits: str, unit: str) -> int:
    return round(_number(digits[:15]) * _UNITS[unit])
