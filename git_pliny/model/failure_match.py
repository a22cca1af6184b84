"""What one line of output says: its words and HTTP statuses, where the line states them as a cause.

An ordinary expression counts only where an error would put it: at the begin of the line, behind a colon or bracket, or
after a word such as `failed`; and only if what follows it ends the statement or carries it on.
"""

import re
from functools import cache

from git_pliny.model.failure_lines import Form, Line, is_diagnostic
from git_pliny.model.failure_meanings import Meaning, Weight
from git_pliny.model.failure_status import STATUS, meaning_of_match
from git_pliny.model.failure_words import WORDS
from git_pliny.model.settings import Category

_ANYWHERE = frozenset({Category.NETWORK, Category.SYSTEM})
"""What counts even where a line speaks of a place in a file: a compiler or `go get` whose disk or network fails."""

_BEFORE = 160
"""How many characters before an expression are looked at."""

_DASHES = "-\u2013\u2014"
_OPENED = re.compile(rf"(?:[:;=({{\[\]|<>,.!?\u2013\u2014\u00b7]|->)\s*['\"`]?$| [{_DASHES}] ['\"`]?$|^['\"`\[(]*$")
_ARTICLE = re.compile(r"\b(?:the|an?|your|this) $")
_MARKED = re.compile(
    r"\b(?:errors?|err|fatal|fail(?:ed|ure|s|ing)?|cannot|can't|couldn't|could not|unable|exceptions?|panic"
    r"|abort(?:ed|ing)?|because(?: of)?|due to|caused by|got|received|returned|responded)\b"
)
_CARRIED = re.compile(
    r"\s*$|\s*[^\w\s]|\s+(?:by|to|from|on|at|for|in|while|during|after|with|because|due|when|since|before|errno|\d"
    r"|trying|please|and)\b"
)
_DENIED = re.compile(
    r"\b(?:no|(?:is|are|was|were|does|do) not|without|zero|0|never|avoid(?:s|ed)?|ignor(?:e|es|ed|ing)"
    r"|handl(?:es|ing)|retry on|expect(?:s|ed|ing)?|simulat\w+|mock\w*|0 out of \d+) (?:\w+ )?$"
)
_DIGITS = re.compile(r"[45]\d\d")


def meaning_of_line(line: Line, *, plain: bool, thrown: bool = False) -> Meaning | None:
    """What the line says by its words, else by an HTTP status.

    `plain` admits ordinary expressions; `thrown`: the line is the message of an exception, and so states a cause.
    """
    if line.form in (Form.IGNORED, Form.SETTLED, Form.TRACE):
        return None
    if is_diagnostic(line):
        said = _by_words(line, plain=False, thrown=False)
        return said if said is not None and said.category in _ANYWHERE else None
    return _by_words(line, plain=plain, thrown=thrown) or (_by_status(line, thrown=thrown) if plain else None)


def _by_words(line: Line, *, plain: bool, thrown: bool) -> Meaning | None:
    present = line.words
    for words in WORDS:
        if words.gate.isdisjoint(present) or not (plain or words.weight is Weight.SURE):
            continue
        for found in _compiled(words.pattern).finditer(line.low):
            if _denied(line, found):
                continue
            if words.weight is Weight.SURE:
                return words.meaning
            if _CARRIED.match(line.low, found.end()) is not None and _stated(line, found, thrown=thrown):
                return words.meaning
    return None


def _by_status(line: Line, *, thrown: bool) -> Meaning | None:
    if _DIGITS.search(line.low) is None:
        return None
    for found in STATUS.finditer(line.low):
        meaning = meaning_of_match(found)
        ends = found["status"] is not None or _CARRIED.match(line.low, found.end()) is not None
        if meaning is not None and ends and not _denied(line, found) and _stated(line, found, thrown=thrown):
            return meaning
    return None


def _before(line: Line, found: re.Match[str]) -> str:
    return _ARTICLE.sub("", line.low[line.start : found.start()][-_BEFORE:])


def _denied(line: Line, found: re.Match[str]) -> bool:
    return _DENIED.search(_before(line, found)) is not None


def _stated(line: Line, found: re.Match[str], *, thrown: bool) -> bool:
    """Whether the line says that this happened, rather than speaks of it."""
    if thrown or line.form is Form.ERROR:
        return True
    before = _before(line, found)
    return _OPENED.search(before) is not None or _MARKED.search(before) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
