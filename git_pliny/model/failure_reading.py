"""What the last lines of a failed program's output say: read from the last one up, until a line names the cause.

The further up a line stands the less it counts, and work that went on after it ends its say. Nothing here is certain:
it is a reading of words, made so that what is no evidence is not taken for some.
"""

from collections.abc import Sequence
from typing import NamedTuple

from git_pliny.model.failure_blocks import displayed
from git_pliny.model.failure_forms import Form
from git_pliny.model.failure_lines import Line, is_chain, is_traceback, line_of, lines_of
from git_pliny.model.failure_match import meaning_of_answer, meaning_of_line
from git_pliny.model.failure_meanings import (
    AUTH,
    DATA,
    MODEL_ERROR,
    NETWORK,
    PERMISSION,
    PROGRAM,
    PROMPT,
    QUOTA,
    RATE,
    SETTING,
    TEMPORARY,
    TIMEOUT,
    Meaning,
    Weight,
)
from git_pliny.model.failure_names import BUGS, last_part, meaning_of_name
from git_pliny.model.failure_status import meaning_of_json
from git_pliny.model.patterns import compiled
from git_pliny.model.settings import Category

_MOST_LINES, _MOST_CHARACTERS = 100, 8_000
"""How much of the output is read."""

_REACH = {Weight.SURE: 20, Weight.PLAIN: 8}
"""How far from the end an expression still counts: the cost of what stands below it."""
_COST = {
    Form.TRACE: 0,
    Form.PROGRESS: 8,
    Form.RECOVERED: 21,
    Form.ERROR: 3,
    Form.WARNING: 2,
    Form.IGNORED: 1,
    Form.INFORMATION: 1,
    Form.OTHER: 1,
}
_UNEXPLAINED = 4
"""What an exception of no known meaning costs: what stands above it is probably not its cause."""
_NEAR = 12
"""How many lines belong together: an answer in JSON, the frames of one trace."""

_WRAPPED = 4
"""How many lines a message may be wrapped over."""

_WIDE = 400
"""Two lines longer than this were not broken by a terminal."""

_SOON_S, _LONGEST_S = 3600.0, 86_400.0
"""A quota that is refilled sooner than the first is a rate limit; a wait longer than the second is no wait."""

_VAGUE = (TIMEOUT, TEMPORARY, PERMISSION)
"""Meanings of words than which an exception's name says more."""
_OF_BUGS = {"TypeError": (NETWORK, AUTH), "SyntaxError": (DATA,), "FileNotFoundError": (SETTING,)}
"""What the message of an error of the program itself is believed: `TypeError: fetch failed`."""

_EXCEPTION = (
    r"(?:(?i:uncaught |unhandled |exception in thread \"[^\"]{0,80}\" |caused by: |unexpected error: "
    r"|error: |\[?cause\]?: ))*"
    r"((?:[A-Za-z_][\w$]{0,80}\.){0,12}(?:_?[A-Z][\w$]{0,80}(?:Error|Exception|Timeout|Expired|Exceeded"
    r"|Disconnected|Read|Exhausted)"
    r"|gaierror|herror|PermissionDenied|ServiceUnavailable|Unauthenticated|TooManyRequests|Forbidden|Unauthorized)"
    r"|(?:[a-z_]\w{0,80}\.){1,12}(?:timeout|[A-Z]\w{1,80}))(?=$|: | \[|:$| \()"
)
_RUBY = r"(?:\((?=[A-Z]\w{0,80}::)|:in [`'].{1,300}\()((?:[A-Z]\w{0,80}::){0,8}[A-Z]\w{1,80})\)$"
_VARIABLE = (
    r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b['\"`)]*:? (?:(?:is|was|are|environment variable|env var) ){0,2}"
    r"(?:not set|must be set|required|missing|unset|not defined|undefined|unbound variable"
    r"|parameter (?:null )?(?:or )?not set)"
)
_KEY = r"KeyError: '[A-Z][A-Z0-9_]+[A-Z0-9]'$|key not found: \"[A-Z][A-Z0-9_]+[A-Z0-9]\" \(KeyError\)$"
_ASKED = (
    r"(?:retry[-_ ]?after|again (?:in|after)|retry (?:in|after)|retrydelay|resets? in|please wait"
    r"|available in|wait for)"
    r"['\"]? ?[:=]? ?['\"]?(?:about )?((?:\d[\d.]{0,12} ?(?:[a-z]{1,12})?,? ?(?:and )?){1,4})"
)
_SPAN = r"(\d+(?:\.\d+)?) ?(ms|milli|[smhd]?)"
_UNITS = {"ms": 0.001, "milli": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


class Finding(NamedTuple):
    """What was understood, and from which line."""

    meaning: Meaning
    line: str
    retry_after_s: float | None = None


class _Place(NamedTuple):
    """A line among the others; `name` is that of the exception whose message it is."""

    texts: Sequence[str]
    at: int
    line: Line
    name: str | None


class Reading(NamedTuple):
    """`finding` is None where nothing speaks for more than a failure of the tool; `telling` is the line to show."""

    finding: Finding | None
    telling: str


def read(tail: str) -> Reading:
    """The reading of the last lines of an output."""
    texts = lines_of(tail, most=_MOST_LINES, budget=_MOST_CHARACTERS)
    index, meaning = _walk(texts)
    telling = texts[index].strip() if index is not None else _telling(texts)
    if meaning is None or index is None:
        return Reading(None, telling)
    delay = delay_in(" ".join(text.strip().lower() for text in texts[index : index + _WRAPPED]))
    meaning = _exact(texts, index, meaning)
    if meaning == QUOTA and delay is not None and delay <= _SOON_S:
        meaning = RATE
    return Reading(Finding(meaning, telling, delay if meaning.recoverable else None), telling)


def _exact(texts: Sequence[str], index: int, meaning: Meaning) -> Meaning:
    """The meaning, or the more exact one that another line of the same answer has: a used-up quota in a 429."""
    exacter = {RATE: (QUOTA,), MODEL_ERROR: (QUOTA, PROMPT, AUTH)}.get(meaning)
    if exacter is None:
        return meaning
    near = (line_of(text) for text in texts[max(0, index - _NEAR) : index + _NEAR])
    others = {meaning_of_line(line, plain=False) for line in near if line.form is not Form.PROGRESS}
    return next((other for other in exacter if other in others), meaning)


def delay_in(text: str) -> float | None:
    """The seconds that a message asks to wait (`try again in 9m38s`, `retry-after: 7`); `text` is in lower case."""
    asked = compiled(_ASKED).search(text)
    if asked is None:
        return None
    delay = sum(float(number) * _UNITS[unit] for number, unit in compiled(_SPAN).findall(asked[1]))
    return delay if 0 < delay <= _LONGEST_S else None


def _walk(texts: Sequence[str]) -> tuple[int | None, Meaning | None]:
    """The line that decides, and what it means; (line, None): it says that the tool itself failed."""
    distance, unexplained, below, shown = 0, None, Form.OTHER, displayed(texts)
    failed = moved_on = False  # an error of no known meaning was passed; and above it, what is logged while all is well
    for index in range(len(texts) - 1, -1, -1):
        if index in shown:
            continue
        line, name = _line_and_name(texts[index])
        if moved_on and line.form is Form.WARNING:
            continue
        if line.form is Form.SETTLED:
            return index, None
        if unexplained is not None and is_traceback(line) and not _chained(texts, index):
            return unexplained, None
        meaning = _meaning(_Place(texts, index, line, name), distance)
        if meaning is not None:
            return index, meaning
        if name is not None and last_part(name) in BUGS:
            return index, None
        if name is not None and unexplained is None:
            unexplained = index
        failed = failed or line.form is Form.ERROR or name is not None
        moved_on = moved_on or (failed and line.form in (Form.INFORMATION, Form.PROGRESS))
        distance += _UNEXPLAINED if name else 0 if _is_source(texts, index) else _cost(line.form, below)
        if distance > _REACH[Weight.SURE]:
            break
        below = line.form
    return unexplained, None


def _line_and_name(text: str) -> tuple[Line, str | None]:
    """The line, and the name of the exception whose message it is; a name that tells a cause unsettles the line."""
    line = line_of(text)
    if line.form in (Form.IGNORED, Form.INFORMATION):
        return line, None
    found = compiled(_EXCEPTION).match(line.text, line.start) or compiled(_RUBY).search(line.text)
    if found is None:
        return line, None
    told = line.form is Form.SETTLED and meaning_of_name(found[1]) is not None
    return (line._replace(form=Form.OTHER) if told else line), found[1]


def _cost(form: Form, below: Form) -> int:
    """How much further from the end the lines above one are for it; one error over several lines is one."""
    return 1 if form is below is Form.ERROR else _COST[form]


def _meaning(place: _Place, distance: int) -> Meaning | None:
    line, name = place.line, place.name
    near = distance <= _REACH[Weight.PLAIN]
    if name is not None and last_part(name) in BUGS:
        return _of_bug(place) if near else None
    said = meaning_of_line(line, plain=near, thrown=name is not None) or _of_wrapped(place)
    named = meaning_of_name(name) if name is not None and near else None
    if said is not None and (near or line.form is not Form.WARNING):
        return named if named is not None and said in _VAGUE else said
    if named is not None:
        return named
    answered = meaning_of_answer(line, plain=near, thrown=name is not None)
    if answered is not None or not near or line.form is Form.IGNORED:
        return answered
    return SETTING if compiled(_VARIABLE).search(line.text) else _of_json(place)


def _of_wrapped(place: _Place) -> Meaning | None:
    """What a line says together with the next one, where a terminal or an author broke a sentence in two."""
    below = place.texts[place.at + 1].strip() if place.at + 1 < len(place.texts) else ""
    line = place.line
    if (
        not below[:1].islower()
        or line_of(below).start
        or not line.low[-1:].isalnum()
        or len(line.low) + len(below) > _WIDE
    ):
        return None
    return meaning_of_line(line._replace(low=f"{line.low} {below.lower()}"), plain=False)


def _of_json(place: _Place) -> Meaning | None:
    """What the status in an error's answer in JSON says, where that answer is spread over lines."""
    meaning = meaning_of_json(place.line.low[place.line.start :])
    above = place.texts[max(0, place.at - _NEAR) : place.at + 1]
    if meaning is None or not any("error" in text.lower() for text in above):
        return None
    said = (meaning_of_line(line_of(text), plain=False) for text in reversed(above))
    return next((other for other in said if other is not None and other.category is Category.AI), meaning)


def _of_bug(place: _Place) -> Meaning | None:
    """Some errors of the program itself name an outer cause all the same."""
    line = place.line
    if compiled(_KEY).search(line.text):
        return SETTING
    said = meaning_of_line(line, plain=True)
    if said in _OF_BUGS.get(last_part(place.name or ""), ()):
        return said
    if "FileNotFoundError" not in line.text:
        return None
    frames = place.texts[max(0, place.at - _NEAR) : place.at]
    return PROGRAM if any("subprocess.py" in text for text in frames) else None


def _chained(texts: Sequence[str], index: int) -> bool:
    """Whether the traceback that begins here continues another one above it."""
    above = [text for text in texts[max(0, index - 3) : index] if text.strip()]
    return bool(above) and is_chain(above[-1])


def _is_source(texts: Sequence[str], index: int) -> bool:
    """Whether the line is the source line that a Python traceback shows below a frame."""
    return index > 0 and texts[index].startswith("    ") and texts[index - 1].lstrip().startswith('File "')


def _telling(texts: Sequence[str]) -> str:
    """The line to show where none decides: the last error, else the last that is more than a frame."""
    last = [line_of(text) for text in [text for text in texts if text.strip()][-_NEAR:]]
    errors = [line for line in last if line.form is Form.ERROR]
    others = [line for line in last if line.form is not Form.TRACE]
    return (errors or others or last)[-1].text.strip() if last else ""
