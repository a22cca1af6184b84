"""The last lines of an output, cleaned of what only a terminal understands, each with its form.

What tools put before their words (times, levels, steps of a container build, rulers) is told from the words themselves.
"""

from typing import NamedTuple

from git_pliny.model.failure_forms import Form, form_of, is_place
from git_pliny.model.patterns import compiled

_HEAD, _FOOT = 600, 200
"""Of a longer line only its begin and its end are read."""


class Line(NamedTuple):
    """A line of output, cleaned; `low` is `text` in lower case, `start` is where its own words begin in both."""

    text: str
    low: str
    start: int
    form: Form

    @property
    def words(self) -> frozenset[str]:
        """The words of the line, and the parts of those that are joined by underscores."""
        whole = compiled(r"[a-z0-9_]+").findall(self.low)
        return frozenset(whole).union(*(word.split("_") for word in whole if "_" in word))


_ESCAPES = r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]{0,500}(?:\x07|\x1b\\)?|[()*+][0-9A-Z]|[@-Z\\^_=>78c])"
_GAPS = r"[ \t]{9,}"
_CONTROLS = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"

_LEVELS = r"error|err!|fatal|warn|warning|info|debug|trace|notice|critical|verbose"
_PREFIX = (
    r"(?:\s+|\#\d+ (?:\d+\.\d+ )?"
    r"|\[?\d{4}[-/]\d\d[-/]\d\d[t ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:z|[+-]\d\d:?\d\d)?\]?,?(?=[\s\]]|$)"
    r"|\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?(?=\s)|\(node:\d+\) "
    r"|[a-z]{3} [ \d]\d \d\d:\d\d:\d\d [\w.-]{1,60} [\w./-]{1,60}(?:\[\d+\])?: "
    r"|[\u2190-\u21ff\u2500-\u257f\u25a0-\u27bf\u2b00-\u2bff\u23bf\u23fa\ufe0f\U0001f300-\U0001faff]+"
    r"|npm (?=err!|error|warn)|\d+ (?=(?:error|verbose|silly|info|http|warn) )|[a-z][\w.-]{0,40}[-_]\d+ +\| (?=\S)"
    rf"|\#*\[(?P<boxed>{_LEVELS})\]|::(?P<command>error|warning|notice|debug)(?: [^:]{{0,200}})?::"
    rf"|(?P<level>{_LEVELS})(?=[:\s]|$):?|(?P<letter>[ewn]:|err:\d+)(?=\s|$)"
    rf"|(?P<klog>[eiwf])\d{{4}} [\d:.]+ +\d+ \S+\] )"
)
_LEVEL_KEY = r"\b(?:level|severity|lvl|loglevel)[\"']?\s{0,2}[:=]\s{0,2}[\"']?([a-z]{1,8})\b"


def lines_of(tail: str, *, most: int, budget: int) -> list[str]:
    """The last lines of `tail`, cleaned of what only a terminal understands; bounded in number and in characters."""
    found: list[str] = []
    for raw in reversed(tail[-4 * budget :].split("\n")):
        line = _cleaned(raw)
        budget -= len(line)
        if budget < 0 or len(found) == most:
            break
        found.append(line)
    return found[::-1]


def line_of(text: str) -> Line:
    """The line with its form."""
    low = text.lower()
    if len(low) != len(text):  # a few letters have two in lower case; places must be the same in both
        low = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)
    start, level = _prefix(low)
    return Line(text, low, start, form_of(low[start:], low, level))


def is_diagnostic(line: Line) -> bool:
    """Whether the line speaks of a place in a file, as compilers and searches do."""
    return is_place(line.low, line.start)


def is_traceback(line: Line) -> bool:
    """Whether a Python traceback begins here."""
    return "traceback (most recent call last)" in line.low


def is_chain(text: str) -> bool:
    """Whether the exception above this line led to the one below it."""
    return "exception was the direct cause" in text or "handling of the above exception" in text


def _cleaned(raw: str) -> str:
    if len(raw) > _HEAD + _FOOT:
        raw = f"{raw[:_HEAD]} … {raw[-_FOOT:]}"
    line = compiled(_ESCAPES).sub("", raw).rstrip("\r\n \t")
    return compiled(_GAPS).sub("        ", compiled(_CONTROLS).sub(" ", line.rsplit("\r", 1)[-1])).rstrip()


def _prefix(low: str) -> tuple[int, str]:
    """Where the words of a line begin, and the level that its log gives it."""
    start, level = 0, ""
    while (found := compiled(_PREFIX).match(low, start)) is not None and found.end() > start:
        start = found.end()
        level = next((name for name in found.groups() if name), level)
    return start, level.rstrip(":0123456789") or _level_in(low)


def _level_in(low: str) -> str:
    """The level of a line such as `time=… level=warning msg="…"` or `{"level":"error",…}`."""
    found = compiled(_LEVEL_KEY).search(low)
    return found[1] if found else ""
