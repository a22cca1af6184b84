"""Codes that services put into fixed places of their errors: `(SlowDown) when calling`, `"type": "api_error"`.

A code is read like the name of an exception; only codes that mean something else, or that are no such name, stand here.
"""

import re

from git_pliny.model.failure_meanings import (
    AUTH,
    OVERLOADED,
    PROMPT,
    QUOTA,
    SERVER,
    Meaning,
)
from git_pliny.model.failure_names import meaning_of_name
from git_pliny.model.failure_status import meaning_of_status
from git_pliny.model.patterns import compiled

_KEY = r"[\"'](?:code|type|status|reason|name|error|__type|error_?(?:code|type|status)|errorname)\\{0,3}[\"']"
_NAMED = (
    r"\(([A-Za-z]\w{2,80})\) (?:when calling|occurred)"  # the AWS command line and boto3
    r"|<Code>([A-Za-z]\w{2,80})</Code>"  # S3 and Azure storage
    r"|\bapi error ([A-Z]\w{2,80}):"  # the AWS SDK for Go
    r"|Error from server \(([A-Z]\w{2,80})\)"  # kubectl
    r"|^\W{0,4}[A-Z]\w{0,80} \[([A-Z]\w{2,80})\]:"  # Node.js
    r"|\bStatusCode\.([A-Z_]{3,40})\b|\bcode = ([A-Z]\w{2,40}) desc = "  # gRPC
    r"|^([a-z]{2,30}(?:_[a-z]{2,30}){1,5})$"
    r"|" + _KEY + r"\s{0,2}[:=]\s{0,2}\\{0,3}[\"']([A-Za-z][\w.#-]{2,120})\\{0,3}[\"']"
)
_NUMBERED = (
    r"\((\d{3})\) (?:when calling|occurred)|https response error StatusCode: (\d{3})"
    r"|[\"'](?:code|status|status_?code|http_?(?:status|code)|raw_status_code|error_(?:status|code))\\{0,3}[\"']"
    r"\s{0,2}:\s{0,2}\\{0,3}[\"']?(\d{3})\b"
)
_ERROR = r"(?i)error|exception|fault|fail|unsuccessful|code = "
_NO_ERROR = r"(?i)[\"']\w*errors?[\"']\s*:\s*(?:null|none|false|0\b|\[\]|\{\}|\"\"|''|undefined)"

_CODES: tuple[tuple[Meaning, str], ...] = (
    (AUTH, r"permission_?error|request_?forbidden|unsupported_?country\w*|account_?deactivated|signature\w*mismatch"),
    (
        AUTH,
        r"(?:invalid|expired)?signature\w*|request_?expired|auth_?failure|unauthorized_?operation|opt_?in_?required",
    ),
    (AUTH, r"(?:invalid|expired|missing|unknown)_?\w*(?:access_?key|api_?key|token|credential|authentication)\w*"),
    (AUTH, r"access_?terminated\w*|access_?not_?configured|invalid_?client\w*|unrecognized_?client\w*"),
    (QUOTA, r"billing_?\w+|insufficient_?(?:balance|funds|credits?|user_?quota)|payment_?required\w*"),
    (PROMPT, r"request_?too_?large|string_?above_?max_?length|content_?too_?large"),
    (OVERLOADED, r"\w*overloaded\w*|\w*capacity_?exceeded|\w*capacity_?exhausted|slow_?down|engine_?overloaded"),
    (SERVER, r"internal(?:_?server)?(?:_?error|_?failure)?|server_?error|service_?unavailable|unavailable|api_error"),
)


def meaning_of_codes(text: str, *, error: bool) -> Meaning | None:
    """What the first code of the line that is known says; `error`: it is known that the line is part of an error."""
    if not error and compiled(_ERROR).search(text) is None:
        return None
    codes = (_group(found) for found in compiled(_NAMED).finditer(text))
    return next((meaning for meaning in map(meaning_of_code, codes) if meaning is not None), None)


def meaning_of_numbers(text: str, *, error: bool) -> Meaning | None:
    """What the first HTTP status in such a place says."""
    if compiled(_NO_ERROR).search(text) or not (error or compiled(_ERROR).search(text)):
        return None
    numbers = (int(_group(found)) for found in compiled(_NUMBERED).finditer(text))
    return next((meaning for meaning in map(meaning_of_status, numbers) if meaning is not None), None)


def meaning_of_code(code: str) -> Meaning | None:
    """What a code such as `RESOURCE_EXHAUSTED`, `rate_limit_error` or `com.x#SlowDown` says."""
    last = code.rsplit("#", 1)[-1].rsplit(".", 1)[-1].replace("-", "_")
    known = (meaning for meaning, pattern in _CODES if compiled(pattern).fullmatch(last.lower()))
    return next(known, None) or meaning_of_name(_camel(last))


def _group(found: re.Match[str]) -> str:
    return next(group for group in found.groups() if group)


def _camel(code: str) -> str:
    """`RateLimitError` for `rate_limit_error`; what is in that form already stays."""
    if not (code.isupper() or "_" in code):
        return code
    return "".join(part[:1].upper() + part[1:].lower() for part in code.split("_"))
