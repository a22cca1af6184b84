"""HTTP statuses: what they mean, and how they stand in text. A bare number is never one."""

import re

from git_pliny.model.failure_meanings import (
    AUTH,
    DATA,
    NETWORK_TIMEOUT,
    OVERLOADED,
    QUOTA,
    RATE,
    SERVER,
    Meaning,
)
from git_pliny.model.patterns import compiled

_MEANINGS = {
    400: DATA,
    401: AUTH,
    402: QUOTA,
    403: AUTH,
    407: AUTH,
    408: NETWORK_TIMEOUT,
    413: DATA,
    422: DATA,
    429: RATE,
    511: AUTH,
    529: OVERLOADED,
}
_SERVER_ERRORS = range(500, 600)

# A status with its reason phrase, as servers, curl, requests and proxies write it.
_REASONS = {
    "400": r"bad request",
    "401": r"unauthori[sz]ed",
    "402": r"payment required",
    "403": r"forbidden",
    "407": r"proxy auth",
    "408": r"request time-?out",
    "413": r"payload too large|request entity too large|content too large",
    "422": r"unprocessable",
    "429": r"too many requests|rate limit|resource exhausted",
    "500": r"internal server error",
    "502": r"bad gateway|proxy error",
    "503": r"service (?:temporarily )?unavailable|unavailable|service temporarily",
    "504": r"gateway time-?out",
    "520": r"unknown error",
    "521": r"web server",
    "522": r"connection timed",
    "524": r"a timeout",
    "529": r"overloaded|site is overloaded",
}
_REASON = "|".join(f"{status} (?:{words})" for status, words in _REASONS.items())

# What stands before a status that has no reason phrase behind it.
_FORMS = (
    r"\bhttp(?:s|/\d(?:\.\d)?)?(?: (?:status code|status|error|response|code|(?:server|client) error|exception))*"
    r" ?[:=(]{0,2} ?"
    r"|(?:\b(?:unexpected|last|bad|with|a|received|response|error|http|got|responded|returned|failed|request) )*"
    r"(?<!exit )\bstatus[ _]?(?:code)?(?: of| was| is)?['\"]?(?: ?[:=(]| ) ?['\"]?"
    r"|\b(?:returned|api|sdk|server|response|http) error(?: code)?[: ]\(?"
    r"|\berror(?: code)?:? \(?|\b(?:code|error) e|\bresponse(?: code)?:? "
    r"|\b(?:(?:server|api|host|upstream|proxy|gateway|endpoint|registry|request) )?(?:got|received"
    r"|responded with|answered with|returned|failed with|failed \(|error \()(?: an?)?(?: http)?"
    r"(?: status)?(?: code)?:? ?"
)
_STRONG = r"\b(?:api|http|sdk) error:? (?:code:? )?\(?"
# What may follow one: neither a noun (`500 items`) nor more digits, a unit, a path.
_ENDS = (
    r"(?!:\s*\d+$)(?=$|[^\w\s.%/-]|\.(?:\s|$)|\s+(?:[^\w\s|]|for\b|from\b|on\b|while\b|at\b|with\b|when\b"
    r"|after\b|during\b|[a-z]+_[a-z_]+\b|(?:client|server) error|" + "|".join(_REASONS.values()) + r"))"
)

STATUS = (
    rf"(?P<reason>(?<!\d)(?:{_REASON})|[45]\d\d status code\b|4\d\d client error|5\d\d server error)"
    rf"|{_STRONG}(?P<strong>[45]\d\d)(?![\w.%])|(?:{_FORMS})(?P<status>[45]\d\d)(?!\d)(?=\D|$){_ENDS}"
)
"""A status in lower-case text: `reason` begins with it where only its reason phrase tells it from another number,
`status` where something stands before it that does, `strong` where no more is needed."""

# An answer that begins with its status, which is no count: what is counted would stand behind it.
_PHRASES = "|".join(_REASONS.values())
_LEADING = (
    r"(?i:(?:http(?:/\d(?:\.\d)?)? )?)([45]\d\d)(?: (?=(?i:<!doctype|<html)|\{\")|:? (?!\w+s\b|(?i:"
    + _PHRASES
    + r"))(?=.{0,120}?\b(?i:please|try again|retry|busy|temporar(?:y|ily)|unavailable|upstream|provider|quota|purchase"
    r"|database error|server error)\b))"
    r"|(?:[A-Z][\w.-]{0,30} ){0,4}[A-Z]\w{0,30} error \(([45]\d\d)\)(?=$|:)"
)

_JSON_STATUS = (
    r"^['\"](?:code|status|status_?code|http_?status|raw_status_code)['\"]\s*:\s*['\"]?([45]\d\d)['\"]?\s*,?$"
)


def meaning_of_leading(text: str) -> Meaning | None:
    """What the status says with which an answer begins: `529 Please try again`, `Provider API error (503)`."""
    found = compiled(_LEADING).match(text)
    return meaning_of_status(int(found[1] or found[2])) if found else None


def reason_end(low: str, end: int) -> int:
    """Where the reason phrase ends that follows a status, which ends at `end`; there, if none follows."""
    found = compiled(rf"\s+(?:{_PHRASES})").match(low, end)
    return found.end() if found else end


def meaning_of_status(status: int) -> Meaning | None:
    """What an HTTP status says; None for those that say nothing about what to do (404)."""
    return _MEANINGS.get(status, SERVER if status in _SERVER_ERRORS else None)


def meaning_of_match(found: re.Match[str]) -> Meaning | None:
    """What the status in a match of `STATUS` says."""
    return meaning_of_status(int(found["strong"] or found["status"] or found["reason"][:3]))


def meaning_of_json(text: str) -> Meaning | None:
    """What a line such as `"code": 503,` of an answer in JSON says; `text` is in lower case."""
    found = compiled(_JSON_STATUS).match(text)
    return meaning_of_status(int(found[1])) if found else None
