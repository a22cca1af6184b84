"""Errors as Google's services send them, also in the style of OpenAI: in a list, with typed details beside the words.

A rate limit of a minute and a quota of the day have the same status and words; only the details tell them apart, and
how long to wait, which no header says (google/rpc/error_details.proto).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_DAILY = "PerDay"


def unwrapped(body: object) -> object:
    """The body of an error without the list around it."""
    return body[0] if isinstance(body, list) and len(body) == 1 else body


def kind(body: object) -> str | None:
    """The name of what the details say went wrong, as `model.failure_names` knows it; None where they don't."""
    for detail in _details(body):
        if detail.get("reason") == "API_KEY_INVALID":
            return "AuthenticationError"
        violations = detail.get("violations")
        if any(_DAILY in str(each) for each in violations or () if isinstance(violations, list)):
            return "QuotaExceeded"
    return None


def retry_after_s(body: object) -> float | None:
    """How long the details ask to wait."""
    told = (_DELAY.fullmatch(str(detail.get("retryDelay"))) for detail in _details(body))
    return next((float(found[1]) for found in told if found), None)


def _details(body: object) -> Iterator[Mapping[str, Any]]:
    inner = unwrapped(body)
    inner = inner.get("error", inner) if isinstance(inner, dict) else None
    details = inner.get("details") if isinstance(inner, dict) else None
    yield from (each for each in details if isinstance(each, dict)) if isinstance(details, list) else ()
