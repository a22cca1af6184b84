"""What one line of output says: its words, codes and HTTP statuses, where the line states them as a cause.

An ordinary expression counts only where an error would put it: at the begin of the line, behind a colon or bracket, or
after a word such as `failed`; and only if what follows it ends the statement or carries it on. No expression counts
where the line only speaks of it: quoted in a sentence, or said of a case that may arise.
"""

import re

from git_pliny.model.failure_codes import meaning_of_codes, meaning_of_numbers
from git_pliny.model.failure_forms import Form
from git_pliny.model.failure_lines import Line, is_diagnostic
from git_pliny.model.failure_meanings import CERTIFICATE, Meaning, Weight, Words
from git_pliny.model.failure_status import STATUS, meaning_of_leading, meaning_of_match, reason_end
from git_pliny.model.failure_words import VAGUE, WORDS
from git_pliny.model.patterns import compiled
from git_pliny.model.settings import Category

_ANYWHERE = frozenset({Category.NETWORK, Category.SYSTEM})
"""What counts even where a line speaks of a place in a file: a compiler or `go get` whose disk or network fails."""

_SILENT = (Form.IGNORED, Form.INFORMATION, Form.SETTLED, Form.TRACE)
"""Forms of lines that state no cause."""

_BEFORE = 160
"""How many characters before an expression are looked at."""

_DASHES = "-\u2013\u2014"
_OPENED = rf"(?:[:;=({{\[\]|<>,.!?\u2013\u2014\u00b7]|->)\s*['\"`]?$| [{_DASHES}] ['\"`]?$|^['\"`\[(]*$"
_ARTICLE = r"\b(?:the|an?|your|this) $"
_MARKED = (
    r"\b(?:errors?|err|fatal|fail(?:ed|ure|s|ing)?|cannot|can't|couldn't|could not|unable|exceptions?|panic"
    r"|abort(?:ed|ing)?|because(?: of)?|due to|caused by|got|received|returned|responded)\b"
)
_CARRIED = (
    r"\s*$|\s*[^\w\s]|\s+(?:by|to|from|on|at|for|in|while|during|after|with|because|due|when|since|before|errno|\d\w*"
    r"|trying|sending|please|and)\b"
)
_DENIED = (
    r"\b(?:no|(?:is|are|was|were|does|do) not|without|zero|0|never|avoid(?:s|ed)?|ignor(?:e|es|ed|ing)"
    r"|handl(?:es|ing)|retry on|expect(?:s|ed|ing)?|simulat\w+|mock\w*|0 out of \d+) (?:\w+ )?$"
)
_DIGITS = r"[45]\d\d"

_NAMED_AFTER = (
    r"\b(?:tests?|should|handles?|is|on|raises?|returns?|when|if|checks?|mocks?|fakes?|max|min|num|count"
    r"|total)_\w{0,80}$"
)
"""An identifier that is named after the case, of which the expression is the rest: `test_permission_denied`."""

# What says of an expression before it that it did no harm: `connection refused: handled`.
_SURVIVED = (
    r"\W{0,4}(?:(?:is|was|are|were) )?(?:retry|handled|ignored|(?:as )?expected|skipped|tolerated)\W*$"
    r"|[^;:]{0,60}\b(?:done|ok|succeeded|recovered|reconnected|resumed)\W*$"
)

# A quotation that is part of a sentence: `the text "connection refused" is missing`, not `failed: "it was refused"`.
_QUOTATION = r"(?:^|(?:^|\s)([\w.]{1,40}) )(['\"`\u2018\u201c])[^'\"`\u2018\u2019\u201c\u201d]{0,120}$"
_CLOSING = {"\u2018": "\u2019", "\u201c": "\u201d"}
_TELLING = (
    r"err(?:ors?)?|fail(?:ed|ure|s|ing)|fatal|exception|reason|returned|got|received|said|says|because|caused?"
    r"|threw|throws|reported|reports|response|reply|answered|output|code|status|stderr"
)
"""Words before a quotation that make it a statement."""
_WITH = (
    r"\b(?:(?:with|error|exception|this|following|server) (?:message|error|reason|response)"
    r"|(?:fail(?:ed|s)?|exited|ended|died|aborted|crashed|closed|rejected|responded|exception|error) with)"
    r" ['\"`\u2018\u201c]"
)
_EXPLAINED = (
    r"\s+(?:in (?:your|the)|means|indicates|appears?|comes|should|must"
    r"|is (?:shown|printed|raised|logged|expected|missing))\b"
)
"""Words behind a quotation that make it one all the same."""

# A case that may arise: `the API answers 503 when busy`, `if the connection is lost`.
_SUPPOSED = (
    r"\b(?:if|whenever|unless|should|would(?! $)|might|in case|when(?! \w+ing\b)|means?|so that|such as"
    r"|e\.g\.) [^.;:]*$"
)
_WITHIN = r" (?:when|if|whenever|unless) (?!\w+ing\b)"
_DESCRIBING = r"\b(?:returns|answers|raises|throws|emits|sends|replies|responds|retries|covers|simulates) "
_DESCRIBED = _DESCRIBING + r"[^.;]*$"
_DESCRIPTION = _DESCRIBING + r"[^.;]*\b(?:when|if|while|once)\b"


def meaning_of_line(line: Line, *, plain: bool, thrown: bool = False) -> Meaning | None:
    """What the line says by its words, else by a code.

    `plain` admits ordinary expressions; `thrown`: the line is the message of an exception, and so states a cause.
    """
    if line.form in _SILENT:
        return None
    if is_diagnostic(line) and not thrown:
        said = _by_words(line, WORDS, plain=False, thrown=False)
        return said if said is not None and (said.category in _ANYWHERE or said == CERTIFICATE) else None
    said = _by_words(line, WORDS, plain=plain, thrown=thrown)
    if said is not None or compiled(_DESCRIPTION).search(line.low):
        return said
    return meaning_of_codes(line.text, error=thrown or line.form is Form.ERROR)


def meaning_of_answer(line: Line, *, plain: bool, thrown: bool = False) -> Meaning | None:
    """What the line says where its words say nothing: by an HTTP status, else that a service told no cause."""
    if line.form in _SILENT or (is_diagnostic(line) and not thrown):
        return None
    error = thrown or line.form is Form.ERROR
    return (
        (_by_status(line, thrown=thrown) if plain else None)
        or meaning_of_numbers(line.text, error=error)
        or _by_words(line, VAGUE, plain=plain, thrown=thrown)
    )


def _by_words(line: Line, table: tuple[Words, ...], *, plain: bool, thrown: bool) -> Meaning | None:
    present = line.words
    for words in table:
        if words.gate.isdisjoint(present) or not (plain or words.weight is Weight.SURE):
            continue
        for found in compiled(words.pattern).finditer(line.low):
            if _denied(line, found) or _mentioned(line, found, found.end()):
                continue
            if words.weight is Weight.SURE:
                return words.meaning
            if compiled(_CARRIED).match(line.low, found.end()) is not None and _stated(line, found, thrown=thrown):
                return words.meaning
    return None


def _by_status(line: Line, *, thrown: bool) -> Meaning | None:
    if compiled(_DIGITS).search(line.low) is None:
        return None
    leading = meaning_of_leading(line.text[line.start :])
    if leading is not None:
        return leading
    for found in compiled(STATUS).finditer(line.low):
        meaning = meaning_of_match(found)
        end = reason_end(line.low, found.end())
        if meaning is None or not _ends(line, found, end) or _denied(line, found) or _mentioned(line, found, end):
            continue
        if _stated(line, found, thrown=thrown):
            return meaning
    return None


def _ends(line: Line, found: re.Match[str], end: int) -> bool:
    """Whether the statement ends behind a status and its reason phrase, or goes on as one does."""
    told = found["reason"] is None and end == found.end()
    return told or compiled(_CARRIED).match(line.low, end) is not None


def _before(line: Line, found: re.Match[str]) -> str:
    return compiled(_ARTICLE).sub("", line.low[line.start : found.start()][-_BEFORE:])


def _denied(line: Line, found: re.Match[str]) -> bool:
    return compiled(_DENIED).search(_before(line, found)) is not None


def _mentioned(line: Line, found: re.Match[str], end: int) -> bool:
    """Whether the line only speaks of this."""
    before = line.low[line.start : found.start()][-_BEFORE:]
    supposed = compiled(_SUPPOSED).search(before) or compiled(_WITHIN).search(line.low, found.start(), end)
    if (line.form is not Form.ERROR and supposed) or compiled(_NAMED_AFTER).search(before):
        return True
    after = line.low[end : end + _BEFORE]
    if compiled(_SURVIVED).match(after):
        return True
    if compiled(_DESCRIBED).search(before) and compiled(r"^[^.;:]*\b(?:when|if|while|once|as)\b").search(after):
        return True
    quoted = compiled(_QUOTATION).search(before)
    if quoted is None or (quoted[1] is None and line.low[: line.start].strip()):
        return False
    _, closed, rest = after.partition(_CLOSING.get(quoted[2], quoted[2]))
    if not closed:
        return False
    told = compiled(_TELLING).fullmatch(quoted[1] or "") is not None or compiled(_WITH).search(before) is not None
    return not told or compiled(_EXPLAINED).match(rest) is not None


def _stated(line: Line, found: re.Match[str], *, thrown: bool) -> bool:
    """Whether the line says that this happened, rather than speaks of it."""
    if thrown or line.form is Form.ERROR:
        return True
    before = _before(line, found)
    return compiled(_OPENED).search(before) is not None or compiled(_MARKED).search(before) is not None
