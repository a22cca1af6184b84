"""`llm --usage`: the answer, and a line of figures after it, or an error."""

import re

from git_pliny.model.session import Tokens
from git_pliny.runners.forms.reading import Output, Reading, shortened

_USAGE = re.compile(r"Token usage: ([\d,]+) input(?:, ([\d,]+) output)?[^\n]*\s*\Z")
"""It stands on standard error, and so right behind an answer without a newline."""

_ERROR = re.compile(r"^(Error: Error code: (\d{3}) - [^\n]*)\s*\Z", re.MULTILINE)
"""What a server answered; other failures are told by the exit status alone."""


def read(output: Output) -> Reading:
    said = output.text()
    if failed := _ERROR.search(said):
        return Reading(error=failed[1], http_status=int(failed[2]))
    used = [Tokens(input=_count(each[1]), output=_count(each[2])) for each in _USAGE.finditer(said)]
    return Reading(text=shortened(_USAGE.sub("", said)), tokens=sum(used, start=Tokens()) if used else None)


def _count(digits: str | None) -> int:
    return int(digits.replace(",", "")[:15]) if digits else 0
