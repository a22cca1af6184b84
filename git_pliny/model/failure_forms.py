"""What kind of line a line of output is: an error, a warning, part of a trace, prose, source code, a test's verdict.

Words are evidence only in lines of a kind that states causes; this module knows forms, not meanings.
"""

from enum import StrEnum

from git_pliny.model.patterns import compiled


class Form(StrEnum):
    """What a line does, as far as its look says."""

    TRACE = "trace"
    """Frames, source excerpts, rulers, closing brackets, and lines that only wrap what stands above them."""
    SETTLED = "settled"
    """Names the cause by itself: failed tests, a compiler's finding, a crash. Nothing above it counts."""
    IGNORED = "ignored"
    """Prose, source code, single test results, messages of no concern: words in it are no evidence."""
    INFORMATION = "information"
    """What a program logs while all is well: no evidence, and a sign that a warning above it was survived."""
    PROGRESS = "progress"
    """Work went on after what stands above."""
    RECOVERED = "recovered"
    """What failed above was tried again and went well: nothing above it counts."""
    WARNING = "warning"
    ERROR = "error"
    OTHER = "other"


_ERRORS = {"error", "err!", "err", "fatal", "e", "critical", "crit", "panic", "severe", "alert", "emerg", "f"}
_WARNINGS = {"warning", "warn", "w"}
_LESSER = {"info", "debug", "trace", "notice", "n", "verbose", "silly", "http", "i", "d"}

# What names the cause by itself.
_SETTLED = (
    # the last words of test runners
    r"^=*\s*(?:\d+ (?:failed|passed|errors?|skipped|deselected|xfailed|xpassed|warnings?|rerun)\b,? ?){1,8}in [\d.]+"
    r"|short test summary info|^(?:failed|error) \S{1,300}::|^failed \((?:failures|errors|skipped)="
    r"|^ran \d+ tests? in "
    r"|^fail(?:\t|$|: \w+ \()|^--- fail|^test result: |^error: test failed"
    r"|^tests?:? +(?:suites:)?.{0,40}\d+ (?:failed|passed|total)"
    r"|^\d+ (?:tests? )?(?:passing|failing|passed|failed)(?=$|[,;.]|\s*\()|^not ok \d+|^\# (?:fail|tests|pass) \d+"
    r"|tests run: \d+, failures|test failed\*\*\*|\*\*\*test failed"
    r"|\d+ examples?, \d+ failures?|the following tests failed|errors while running ctest|for async tests and hooks"
    r"|^\d+ (?:tests?|specs?|checks?) (?:failed|passed)|^failures!|^tests: \d+, assertions: |^run test suites"
    # an assertion, or what was expected
    r"|^[\w.]{0,80}assertion|\bassertion (?:`|failed|error)|'err_assertion'|^expected:? ?[\"'<\d`](?!.*\bin json\b)"
    r"|^['\"\w][^=]{0,120} !==? ['\"\w]|^want\b.{0,80}\bgot\b|^received(?: \w+)?:\s+\S|\bexpect\([^)]{0,80}\)\.\w"
    r"|expected:? ?<|^failed: did not raise|^received:? ?[\"'<\d`]"
    r"|\bexpected\b.{1,120}\b(?:but (?:got|was|received)"
    r"|to (?:equal|eq|be (?:truthy|falsy|true|false|ok|equal))\b)|\bexpected\b.{1,120}, got\b"
    # compilers, linters, formatters, bundlers
    r"|could not compile|^error\[e\d+\]|\bfound \d+ (?:errors?|problems?)\b|^\d+ problems?\b"
    r"|\b\d+ problems? \(\d+ errors?"
    r"|\berror ts\d+:|syntax error\b|^syntaxerror(?!.*json)"
    r"|undefined reference|aborting due to|would reformat|undefined symbol"
    r"|^module not found: |failed to resolve import|(?:can't|could not) resolve ['\"]\.{0,2}/"
    # a crash of the program's own
    r"|segmentation fault|core dumped|^panic: runtime|panicked at|stack overflow|^bus error|illegal instruction"
    # a merge or patch that does not fit
    r"|^conflict \(|automatic merge failed|patch (?:failed|does not apply)|invalid literal for "
    r"|could not apply [0-9a-f]{7}"
)
_DIAGNOSTIC = r"^(?:-->\s*)?[\w./\\+-]{1,300}\.\w{1,8}(?::\d{1,7}|\(\d{1,7})"
_FINDING = (
    r"^(?!\S{1,300}\.(?:targets|props)\()\S{1,300}?[:(]\d[\d:,)]*:? ?(?:- )?(?:fatal )?"
    r"(?:error|warning|note|[a-z]{1,4}\d{2,5})\b"
)

# What only leads to the cause or wraps it.
_TRACE = (
    r"^(?:$|\W+$|at \S|from \S{1,200}:\d+:in |file \"|\d+: 0x|\[?0x[0-9a-f]+|\.\.\. |goroutine \d|node\.js v\d"
    r"|require stack"
    r"|stack backtrace|<--- |----- native"
    r"|caused by:$|note: (?:run with|some details|re-run)|see '|for more (?:information|details)|to see "
    r"|re-run |run '"
    r"|\[help \d\]|make(?:\[\d+\])?: (?:leaving|entering) |(?:the above|during handling of the above) exception"
    r"|process completed with exit code|the command .{1,300} returned a non-zero code"
    r"|process \".{1,300} did not complete successfully"
    r"|exit(?:ed)? (?:with )?(?:status|code)|a complete log|emitted 'error' event"
    r"|command failed with exit code|script .{1,80} exited with"
    r"|throw |error\.capturestacktrace|help: |\[notice\]|a new (?:release|minor|major|patch) )|^\d+ *[|\u2502]"
    r"|^\s*\^|^raise\b.{0,300}$|^\w+: \d+ at "
)

# Begins of lines that tell, ask, list, or are source code, rather than state that something failed.
_IGNORED = (
    r"^(?:if|when|whenever|once|unless|should|note|hint(?!.*\(4\d\d [a-z]+\)$)|tip|usage|options?|todo|fixme|summary"
    r"|chapter"
    r"|example|supported|handled|retryable|possible|e\.g\.|for example|in case|see|use"
    r"|the (?:client|function|server may|api may|test)|i (?:have|am|was|could|did|fixed|added|found|saw|ran|will)"
    r"|i've|i'll|i'm|we (?:saw|see|found|should|need|can)|let me|let's|thinking|added|adds?"
    r"|fix(?:e[sd])?|handles?|improves?|updates?"
    r"|removes?|implements?|supports?|refactors?|documents?|checking|avoids?|prevents?|retries|simulat\w+"
    r"|mock\w*|msgid|msgstr|testing)\b(?!:\s*\{)"
    r"|^(?:feat|fix|docs|chore|refactor|test|perf|ci|build|style)(?:\([\w,-]+\))?!?: |^[0-9a-f]{7,40} \w"
    r"|^#{1,6} (?!fatal )|^\|.*\|$|^<!--|^//|^/\*|^\*\*?[\w ]"
    r"|^(?![\w ]{0,60}(?:failed|error|failure)\b[: ])(?:def|class|export|interface|struct|enum|return|except|catch"
    r"|elif|else|while|import|from|const|let|var|func|fn|pub|public"
    r"|private|static|assert|expect|echo|print|printf|case ['\"\w]"
    r"|try|finally|with|async|await|self|if \(|for \()\b[\s(.:{]"
    r"|^(?:e?grep|rg|ag|sed|awk|find|xargs) (?:-\w|['\"])"
    r"|^(?:log|logger|console|logging|self|err|e)\.\w|^@\w|^>>> |^\$ |^\+(?!\d)|^-{1,2}(?!e:\d)\w|^\w{1,40} ?= ?[{\[]"
    r"|^(?:q\d+[:.)] ?)?(?:what|why|how|when|which|who|does|do|should|can|could) .*\?$"
    r"|^> +(?:raise|throw|return|assert|if|for|def|const|let|var|await|console|expect|self)\b|^> +\S+.*[;:{(]$"
    r"|^[\"']?(?:actual|expected|operator|generatedmessage)[\"']?: "
    r"|^(?:e|>) {2,}\S|^(?:ok|pass|passed|✓|✔|√)\b|^(?:ok|not ok) \d|\b(?:passed|skipped|xfail)$"
    r"|\b(?:passed|failed|skipped|xfail|error) +\[ *\d+%\]"
    r"|\.\.\. (?:fail|error|passed|failed|skipped)$|: (?:passed|pass)$|\(\d+(?:\.\d+)? ?m?s\)$|\bis handled\b"
    r"|^(?!\d+\.\d+\.|localhost)[\w./\\+-]{1,300}:\d{1,7}:(?=[^\s\d])(?!in [`'])"  # a line that a search found
)
_BULLET = r"^(?:[-*•+]|\d{1,3}[.)]) +\S"
_STATED = r"error|fail(?:ed|ure)|fatal|exception|cannot|could not|unable"
_JSON = r"^\{\".*\}?$"
_JSON_ERROR = r"\"(?:\w*error\w*|errors|exception|level|fault|code|message|detail)\"|_error\""
_JSON_WELL = r"\"is_error\": ?false"

# What says that work goes on.
_DONE = (
    r"\b(?:connected|reconnected|succeeded|success(?:ful(?:ly)?)?|resumed|recovered|completed|finished"
    r"|done|ok)\b[.!)]*$"
    r"|^(?:processed|wrote|written|downloaded|fetched|installed|compil(?:ing|ed)|build(?:ing)?|built"
    r"|running|started|starting|added \d|unpack\w*"
    r"|created|saved|loaded|migrat\w+|writing|processing|resum\w+|deploy\w*|> \w[\w@.-]* \w|> tsc)\b(?!:)"
)
_RECOVERED = (
    r"\b(?:attempt|retry|try) (?:#?\d+(?: of \d+|/\d+)? )?(?:has )?(?:succeeded|worked|was successful|ok)\b"
    r"|\b(?:is|are) (?:now )?(?:up|ready|reachable|healthy|online)(?: again| now)?[.!]*$|\breconnected\b[.!]*$"
    r"|\b(?:succeeded|ok|done|worked) (?:after|on) (?:\d+ (?:retries|attempts)|(?:retry|attempt) \d+)"
)


def form_of(body: str, low: str, level: str) -> Form:  # noqa: PLR0911 - a list of forms, tried in this order
    """The form of the line `low`, all in lower case, whose own words are `body`; `level` is what its log says of it."""
    if compiled(_SETTLED).search(body) or compiled(_SETTLED).match(low) or _is_finding(body):
        return Form.SETTLED
    if level not in _ERRORS and compiled(_RECOVERED).search(body):
        return Form.RECOVERED
    if level in _LESSER:
        return Form.PROGRESS if compiled(_DONE).search(body) else Form.INFORMATION
    if compiled(_TRACE).match(body):
        return Form.TRACE
    if level in _ERRORS:
        return Form.ERROR
    if _ignored(body):
        return Form.IGNORED
    if level in _WARNINGS:
        return Form.WARNING
    if compiled(_DONE).search(body) and not compiled(_STATED).search(body):
        return Form.PROGRESS
    return Form.OTHER


def is_place(low: str, start: int) -> bool:
    """Whether the line begins with a place in a file, as those of compilers and searches do."""
    return compiled(_DIAGNOSTIC).match(low, start) is not None


def _is_finding(body: str) -> bool:
    return compiled(_FINDING).match(body) is not None and is_place(body, 0)


def _ignored(body: str) -> bool:
    if compiled(_IGNORED).search(body):
        return True
    if compiled(_BULLET).match(body):
        return compiled(_STATED).search(body) is None
    if compiled(_JSON).match(body) is None:
        return False
    return compiled(_JSON_ERROR).search(body) is None or compiled(_JSON_WELL).search(body) is not None
