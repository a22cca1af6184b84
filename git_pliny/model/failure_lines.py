"""What kind of line a line of output is: an error, a warning, part of a trace, prose, source code, a test's verdict.

Words are evidence only in lines of a kind that states causes; this module knows forms, not meanings.
"""

import re
from enum import StrEnum
from typing import NamedTuple

_HEAD, _FOOT = 600, 200
"""Of a longer line only its begin and its end are read."""


class Form(StrEnum):
    """What a line does, as far as its look says."""

    TRACE = "trace"
    """Frames, source excerpts, rulers, closing brackets, and lines that only wrap what stands above them."""
    SETTLED = "settled"
    """Names the cause by itself: failed tests, a compiler's finding, a crash. Nothing above it counts."""
    IGNORED = "ignored"
    """Prose, source code, single test results, messages of no concern: words in it are no evidence."""
    PROGRESS = "progress"
    """Work went on after what stands above."""
    WARNING = "warning"
    ERROR = "error"
    OTHER = "other"


class Line(NamedTuple):
    """A line of output, cleaned; `low` is `text` in lower case, `start` is where its own words begin in both."""

    text: str
    low: str
    start: int
    form: Form

    @property
    def words(self) -> frozenset[str]:
        return frozenset(_WORD.findall(self.low))


_WORD = re.compile(r"[a-z0-9_]+")
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]{0,500}(?:\x07|\x1b\\)?|[@-Z\\^_])")
_GAPS = re.compile(r"[ \t]{9,}")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# What tools put before their words: the step of a container build, a time, rulers and marks, a level, a tool's name.
_PREFIX = re.compile(
    r"(?:\s+|\#\d+ (?:\d+\.\d+ )?|\[?\d{4}-\d\d-\d\d[t ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:z|[+-]\d\d:?\d\d)?\]?,?"
    r"|\d\d:\d\d:\d\d(?:[.,]\d+)?(?=\s)"
    r"|[\u2500-\u257f\u25a0-\u27bf\u2b00-\u2bff\u23bf\u23fa\ufe0f\U0001f300-\U0001faff]+"
    r"|npm (?=err!|error|warn)|\d+ (?=(?:error|verbose|silly|info|http|warn) )|[eiwf]\d{4} [\d:.]+ +\d+ \S+\] "
    r"|(?P<level>\[(?:error|fatal|warn|warning|info|debug|trace|notice)\]"
    r"|(?:error|err!|fatal|warning|warn|info|debug|trace|notice)"
    r"(?=[:\s]|$):?|e:|w:|n:|err:\d+)(?=\s|$))"
)
_ERRORS, _WARNINGS = {"error", "err!", "err", "fatal", "e"}, {"warning", "warn", "w"}
_LESSER = {"info", "debug", "trace", "notice", "n", "verbose", "silly", "http"}

# What names the cause by itself.
_SETTLED = re.compile(
    # the last words of test runners
    r"^=*\s*(?:\d+ (?:failed|passed|errors?|skipped|deselected|xfailed|xpassed|warnings?|rerun)\b,? ?){1,8}in [\d.]+"
    r"|short test summary info|^(?:failed|error) \S{1,300}::|^failed \((?:failures|errors|skipped)="
    r"|^ran \d+ tests? in "
    r"|^fail(?:\t|$|: \w+ \()|^--- fail|^test result: |^error: test failed"
    r"|^tests?:? +(?:suites:)?.{0,40}\d+ (?:failed|passed|total)"
    r"|^\d+ (?:tests? )?(?:passing|failing|passed|failed)(?=$|[,;.]|\s*\()|^not ok \d+|^\# (?:fail|tests|pass) \d+"
    r"|tests run: \d+, failures"
    r"|\d+ examples?, \d+ failures?|the following tests failed|errors while running ctest|for async tests and hooks"
    r"|^\d+ (?:tests?|specs?|checks?) (?:failed|passed)|^failures!|^tests: \d+, assertions: |^run test suites"
    # an assertion, or what was expected
    r"|^[\w.]{0,80}assertion|\bassertion (?:`|failed|error)|^expected:? ?[\"'<\d`]|^want\b.{0,80}\bgot\b"
    r"|expected:? ?<|^failed: did not raise|^received:? ?[\"'<\d`]"
    r"|\bexpected\b.{1,120}\b(?:but (?:got|was|received)"
    r"|to (?:equal|eq|be (?:truthy|falsy|true|false|ok|equal))\b)|\bexpected\b.{1,120}, got\b"
    # compilers, linters, formatters
    r"|could not compile|^error\[e\d+\]|\bfound \d+ (?:errors?|problems?)\b|^\d+ problems?\b"
    r"|\berror ts\d+:|syntax error\b|^syntaxerror(?!.*json)"
    r"|undefined reference|aborting due to|would reformat|undefined symbol"
    # a crash of the program's own
    r"|segmentation fault|core dumped|^panic: runtime|panicked at|stack overflow|^bus error|illegal instruction"
    # a merge or patch that does not fit
    r"|^conflict \(|automatic merge failed|patch (?:failed|does not apply)|invalid literal for "
)
_DIAGNOSTIC = re.compile(r"^(?:-->\s*)?[\w./\\+-]{1,300}\.\w{1,8}(?::\d{1,7}|\(\d{1,7})")
_FINDING = re.compile(r"^\S{1,300}?[:(]\d[\d:,)]*:? ?(?:- )?(?:fatal )?(?:error|warning|note|[a-z]{1,4}\d{2,5})\b")

# What only leads to the cause or wraps it.
_TRACE = re.compile(
    r"^(?:$|\W+$|at \S|file \"|\d+: 0x|\[?0x[0-9a-f]+|\.\.\. |goroutine \d|node\.js v\d|require stack"
    r"|stack backtrace|<--- |----- native"
    r"|caused by:$|note: (?:run with|some details|re-run)|see '|for more (?:information|details)|to see "
    r"|re-run |run '"
    r"|\[help \d\]|make(?:\[\d+\])?: (?:leaving|entering) |(?:the above|during handling of the above) exception"
    r"|process completed with exit code|the command .{1,300} returned a non-zero code"
    r"|process \".{1,300} did not complete successfully"
    r"|exit(?:ed)? (?:with )?(?:status|code)|a complete log|emitted 'error' event"
    r"|command failed with exit code|script .{1,80} exited with"
    r"|throw |error\.capturestacktrace|help: |\[notice\]|a new (?:release|minor|major|patch) )|^\d+ *\|"
    r"|^\s*\^|^raise\b.{0,300}$|^\w+: \d+ at "
)
_HEADING = re.compile(r"traceback \(most recent call last\)")

# Begins of lines that tell, ask, list, or are source code, rather than state that something failed.
_IGNORED = re.compile(
    r"^(?:if|when|whenever|once|unless|should|note|hint|tip|usage|options?|todo|fixme|summary|chapter"
    r"|example|supported|handled|retryable|possible|e\.g\.|for example|in case|see|use"
    r"|the (?:client|function|server may|api may|test)|i (?:have|am|was|could|fixed|added)|added|adds?"
    r"|fix(?:e[sd])?|handles?|improves?|updates?"
    r"|removes?|implements?|supports?|refactors?|documents?|checking|avoids?|prevents?|retries|simulat\w+"
    r"|mock\w*|msgid|msgstr|testing)\b(?!:\s*\{)"
    r"|^(?:feat|fix|docs|chore|refactor|test|perf|ci|build|style)(?:\([\w,-]+\))?!?: |^[0-9a-f]{7,40} \w"
    r"|^#{1,6} |^\|.*\|$|^<!--|^//|^/\*|^\*\*?[\w ]"
    r"|^(?:def|class|return|except|catch|elif|else|while|import|from|const|let|var|func|fn|pub|public"
    r"|private|static|assert|expect|echo|print|printf"
    r"|try|finally|with|async|await|self|if \(|for \()\b[\s(.:{]"
    r"|^(?:log|logger|console|logging|self|err|e)\.\w|^@\w|^>>> |^\$ |^\+(?!\d)|^-{1,2}\w|^# "
    r"|^> +\S+.*[;:{(]$"
    r"|^(?:e|>) {2,}\S|^(?:ok|pass|passed|✓|✔|√)\b|^(?:ok|not ok) \d|\b(?:passed|skipped|xfail)$"
    r"|\b(?:passed|failed|skipped|xfail|error) +\[ *\d+%\]"
    r"|\.\.\. (?:ok|fail|error|passed|failed|skipped)$|: (?:ok|passed|pass)$|\(\d+(?:\.\d+)? ?m?s\)$|\bis handled\b"
)
_BULLET = re.compile(r"^(?:[-*•+]|\d{1,3}[.)]) +\S")
_STATED = re.compile(r"error|fail(?:ed|ure)|fatal|exception|cannot|could not|unable", re.ASCII)
_JSON = re.compile(r"^\{\".*\}?$")
_JSON_ERROR = re.compile(r"\"(?:\w*error\w*|errors|exception|level|fault)\"|_error\"")

_JSON_WELL = re.compile(r"\"is_error\": ?false")

# What says that work goes on.
_DONE = re.compile(
    r"\b(?:connected|reconnected|succeeded|success(?:ful(?:ly)?)?|resumed|recovered|completed|finished"
    r"|done|ok)\b[.!)]*$"
    r"|^(?:processed|wrote|written|downloaded|fetched|installed|compil(?:ing|ed)|build(?:ing)?|built"
    r"|running|started|starting|added \d|unpack\w*"
    r"|created|saved|loaded|migrat\w+|writing|processing|resum\w+|deploy\w*|> \w[\w@.-]* \w|> tsc)\b(?!:)"
)


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
    return Line(text, low, start, _form(low[start:], low, level))


def is_diagnostic(line: Line) -> bool:
    """Whether the line speaks of a place in a file, as compilers and searches do."""
    return _DIAGNOSTIC.match(line.low, line.start) is not None


def is_traceback(line: Line) -> bool:
    """Whether a Python traceback begins here."""
    return _HEADING.search(line.low) is not None


def is_chain(text: str) -> bool:
    """Whether the exception above this line led to the one below it."""
    return "exception was the direct cause" in text or "handling of the above exception" in text


def _cleaned(raw: str) -> str:
    if len(raw) > _HEAD + _FOOT:
        raw = f"{raw[:_HEAD]} … {raw[-_FOOT:]}"
    line = _ESCAPES.sub("", raw).rstrip("\r\n \t")
    return _GAPS.sub("        ", _CONTROLS.sub(" ", line.rsplit("\r", 1)[-1])).rstrip()


def _prefix(low: str) -> tuple[int, str]:
    start, level = 0, ""
    while (found := _PREFIX.match(low, start)) is not None and found.end() > start:
        start = found.end()
        level = (found["level"] or level).strip("[]").rstrip(":0123456789")
    return start, level


def _form(body: str, low: str, level: str) -> Form:  # noqa: PLR0911 - a list of forms, tried in this order
    if _SETTLED.search(body) or _SETTLED.match(low) or (_FINDING.match(body) and _DIAGNOSTIC.match(body)):
        return Form.SETTLED
    if level in _LESSER:
        return Form.PROGRESS if _DONE.search(body) else Form.IGNORED
    if _TRACE.match(body):
        return Form.TRACE
    if level in _ERRORS:
        return Form.ERROR
    if _ignored(body):
        return Form.IGNORED
    if level in _WARNINGS:
        return Form.WARNING
    if _DONE.search(body) and not _STATED.search(body):
        return Form.PROGRESS
    return Form.OTHER


def _ignored(body: str) -> bool:
    if _IGNORED.search(body):
        return True
    if _BULLET.match(body):
        return _STATED.search(body) is None
    if _JSON.match(body) is None:
        return False
    return _JSON_ERROR.search(body) is None or _JSON_WELL.search(body) is not None
