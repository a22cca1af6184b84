"""Categories of failures: what went wrong with an attempt, whether trying again can help, and from which evidence.

The order of evidence is DESIGN section 6: the user's own rules, then what is known for certain (needs, time limits,
launch errors, typed exceptions, HTTP statuses), then exit status and signal, then words in the last lines of output.
"""

import errno
import math
import re
import signal
from collections.abc import Collection, Sequence

import msgspec

from git_pliny.model.failure_meanings import (
    DEPENDENCY,
    DISK,
    LIMITS,
    MEMORY,
    OVERLOADED,
    PERMISSION,
    PROGRAM,
    RATE,
    SETTING,
    TEMPORARY,
    TIMEOUT,
    Meaning,
)
from git_pliny.model.failure_names import meaning_of_name
from git_pliny.model.failure_reading import Reading, read
from git_pliny.model.failure_status import meaning_of_status
from git_pliny.model.patterns import compiled
from git_pliny.model.settings import Backoff, Category, ErrorRule, RetryStrategy

DEFAULT_STRATEGIES: dict[Category, RetryStrategy] = {
    Category.NETWORK: RetryStrategy(max_retries=3, backoff=Backoff.EXPONENTIAL, initial_delay=1000),
    Category.AI: RetryStrategy(max_retries=5, backoff=Backoff.EXPONENTIAL, initial_delay=5000),
    Category.TOOL: RetryStrategy(max_retries=2, backoff=Backoff.LINEAR, initial_delay=2000),
    # Never recoverable by themselves: these numbers serve a user whose rule says otherwise.
    Category.CONFIG: RetryStrategy(max_retries=2, backoff=Backoff.LINEAR, initial_delay=2000),
    Category.VALIDATION: RetryStrategy(max_retries=2, backoff=Backoff.LINEAR, initial_delay=2000),
    Category.SYSTEM: RetryStrategy(max_retries=2, backoff=Backoff.LINEAR, initial_delay=2000),
}
"""The table of DESIGN section 6. Delays in milliseconds."""

_MESSAGE, _QUOTED = 300, 120
_RULE_LINE, _RULE_TEXT = 1000, 65_536
_NAMED = 5
_BY_SIGNAL = 128
"""A shell reports a signal as this much more than its number."""
_FORBIDDEN = 403

_PASSING = frozenset({Category.NETWORK, Category.AI})
_TOOL = Meaning(Category.TOOL, False, "command failed")
_AGAIN = Meaning(Category.TOOL, True, "asked for by retry_on_exit")
_UNUSABLE = Meaning(Category.TOOL, False, "no usable result")
_INVALID = Meaning(Category.VALIDATION, False, "not as promised")

_EXITS: dict[int, tuple[Meaning, str]] = {
    75: (TEMPORARY, "EX_TEMPFAIL"),
    77: (PERMISSION, "EX_NOPERM"),
    78: (SETTING, "EX_CONFIG"),
    124: (TIMEOUT, "time limit of `timeout`"),
    126: (PROGRAM, "not executable"),
    127: (PROGRAM, "program not found"),
}
"""Exit statuses that say something: sysexits.h, POSIX sh, coreutils' timeout."""

_ERRNOS: dict[int, Meaning] = {
    errno.ENOMEM: MEMORY,
    errno.ENOSPC: DISK,
    errno.EMFILE: LIMITS,
    errno.ENFILE: LIMITS,
    errno.EAGAIN: TEMPORARY,
    errno.ETXTBSY: TEMPORARY,
    errno.EINTR: TEMPORARY,
}
"""Why a program could not be started; anything else is a program that is not there or cannot be run."""

_CROWDED = (RATE.label, OVERLOADED.label)

_CURL = r"curl: \((\d{1,3})\)"


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an attempt that failed; `tail` is the end of its output."""

    exit_code: int | None = None
    signal: int | None = None
    timed_out: bool = False
    launch_errno: int | None = None
    launch_error: str | None = None
    refusal: str | None = None
    """Why there was no attempt at all: its prompt or its context could not be made."""
    exception: str | None = None
    """The name of what was raised; with `timed_out`, what the attempt was in the midst of."""
    http_status: int | None = None
    retry_after_s: float | None = None
    missing_deliverables: tuple[str, ...] = ()
    invalid_result: str | None = None
    unusable: str | None = None
    """Why a program that ended well has not succeeded: what it says of itself can't be read, or not be kept."""
    unmet_needs: tuple[str, ...] = ()
    tail: str = ""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided, `reason`: from which evidence, and `message`: one short line for people."""

    category: Category
    recoverable: bool
    reason: str
    message: str
    retry_after_s: float | None = None
    """Seconds that a server asked to wait."""
    is_throttled: bool = False
    """A server has no room now: whoever else asks it before that time is likely to fail as well."""


def classify(evidence: Evidence, *, rules: Sequence[ErrorRule] = (), retry_on_exit: Collection[int] = ()) -> Failure:
    """The category of a failure, and whether the attempt may be made again.

    Rules are tried on each line of the output by itself, of which they see the first thousand characters; one whose
    expression is not valid never fits.
    """
    reading = read(evidence.tail)
    return (
        _by_rule(evidence, rules, reading)
        or _by_fact(evidence)
        or _by_type(evidence, reading)
        or _by_promise(evidence)
        or _by_exit(evidence, retry_on_exit, reading)
        or _by_words(evidence, reading)
    )


def _by_rule(evidence: Evidence, rules: Sequence[ErrorRule], reading: Reading) -> Failure | None:
    lines = [line[:_RULE_LINE] for line in evidence.tail[-_RULE_TEXT:].splitlines()] if rules else []
    for rule in rules:
        line = _matched(rule, lines)
        if line is None and evidence.exit_code not in rule.exit:
            continue
        recoverable = rule.category in _PASSING if rule.recoverable is None else rule.recoverable
        why = f"exit status {evidence.exit_code}" if line is None else _quoted(line)
        said = (line or "").strip() or reading.telling
        return _failure(evidence, Meaning(rule.category, recoverable, "rule of error_handling"), why, said, reading)
    return None


def _matched(rule: ErrorRule, lines: Sequence[str]) -> str | None:
    if not rule.match:
        return None
    try:
        pattern = re.compile(rule.match)
    except (re.error, OverflowError, RecursionError):
        return None
    return next((line for line in reversed(lines) if pattern.search(line)), None)


def _by_fact(evidence: Evidence) -> Failure | None:
    if evidence.unmet_needs:
        why = f"needs not met: {_list(evidence.unmet_needs)}"
        return _failure(evidence, DEPENDENCY, why, why)
    if evidence.timed_out:
        kind = meaning_of_name(evidence.exception) if evidence.exception else None
        why = "time limit of the agent"
        return _failure(evidence, kind or TIMEOUT, why, "the agent did not end within its time limit")
    if evidence.refusal is not None:
        return _failure(evidence, SETTING, "not started", evidence.refusal)
    if evidence.launch_errno is None and evidence.launch_error is None:
        return None
    code = evidence.launch_errno
    why = "could not be started" + (f": {errno.errorcode.get(code, code)}" if code is not None else "")
    return _failure(evidence, _ERRNOS.get(code or 0, PROGRAM), why, evidence.launch_error or why)


def _by_type(evidence: Evidence, reading: Reading) -> Failure | None:
    name, status = evidence.exception, evidence.http_status
    named = meaning_of_name(name) if name else None
    answered = meaning_of_status(status) if status is not None else None
    meaning = named or answered
    said = reading.finding.meaning if reading.finding else None
    if (
        said is not None
        and said.category is Category.AI
        and (meaning is None or not said.recoverable or status == _FORBIDDEN)
    ):
        return None  # the words are more exact: a used-up quota in a 429, a rate limit in a 403
    if meaning is None:
        return None
    why = f"exception {_one_line(name or '')}" if named else f"HTTP status {status}"
    return _failure(evidence, meaning, why, reading.telling or why, reading)


def _by_promise(evidence: Evidence) -> Failure | None:
    """An agent that ended well, and did not leave what it promised."""
    if evidence.exit_code or evidence.signal:
        return None
    if evidence.missing_deliverables:
        why = f"missing deliverables: {_list(evidence.missing_deliverables)}"
        return _failure(evidence, _INVALID, why, why)
    if evidence.invalid_result is not None:
        return _failure(
            evidence, _INVALID, "malformed result file", evidence.invalid_result or "the result file is malformed"
        )
    return None


def _by_exit(evidence: Evidence, retry_on_exit: Collection[int], reading: Reading) -> Failure | None:
    code, finding = evidence.exit_code, reading.finding
    if code is None:
        return None
    if code in retry_on_exit:
        category = finding.meaning.category if finding and finding.meaning.category in _PASSING else Category.TOOL
        return _failure(evidence, _AGAIN._replace(category=category), f"exit status {code}", reading.telling, reading)
    if code not in _EXITS or _is_curls(code, reading.telling):
        return None
    meaning, name = _EXITS[code]
    return _failure(evidence, meaning, f"exit status {code} ({name})", reading.telling, reading)


def _by_words(evidence: Evidence, reading: Reading) -> Failure:
    if reading.finding is not None:
        return _failure(evidence, reading.finding.meaning, _quoted(reading.finding.line), reading.telling, reading)
    if evidence.unusable:
        return _failure(evidence, _UNUSABLE, _ending(evidence), evidence.unusable)
    return _failure(evidence, _TOOL, _ending(evidence), reading.telling, reading)


def _failure(evidence: Evidence, meaning: Meaning, why: str, message: str, reading: Reading | None = None) -> Failure:
    asked = _delay(evidence.retry_after_s)
    if asked is None and reading is not None and reading.finding is not None:
        asked = reading.finding.retry_after_s
    return Failure(
        category=meaning.category,
        recoverable=meaning.recoverable,
        reason=f"{why}: {meaning.label}",
        message=_one_line(message)[:_MESSAGE] or _ending(evidence),
        retry_after_s=asked if meaning.recoverable else None,
        is_throttled=meaning.recoverable and (meaning.label in _CROWDED or asked is not None),
    )


def _is_curls(code: int, line: str) -> bool:
    """Whether the exit status is curl's own, which counts in other words than sysexits.h."""
    found = compiled(_CURL).search(line)
    return found is not None and int(found[1]) == code


def _ending(evidence: Evidence) -> str:
    number = evidence.signal or max((evidence.exit_code or 0) - _BY_SIGNAL, 0)
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = ""
    if evidence.signal:
        return f"ended by {name or f'signal {evidence.signal}'}"
    if evidence.exit_code is None:
        return "ended in an unknown way"
    return f"exit status {evidence.exit_code}" + (f" ({name})" if name else "")


def _delay(seconds: float | None) -> float | None:
    return seconds if seconds is not None and math.isfinite(seconds) and seconds > 0 else None


def _quoted(line: str) -> str:
    text = _one_line(line)
    return f'output line "{text[:_QUOTED]}{"…" if len(text) > _QUOTED else ""}"'


def _one_line(text: str) -> str:
    return " ".join(text[: _MESSAGE * 4].split())


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(_one_line(name)[:_QUOTED] for name in names[:_NAMED])
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
