"""What an error of the libraries that ask models means: a sentence without secrets, and the evidence for its category.

The names are those that `model.failure_names` knows.
"""

import asyncio
import errno
import os
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote

import msgspec
from pydantic_ai import exceptions as raised

from git_pliny.model.failure_names import meaning_of_name
from git_pliny.runners import google_errors

_LONGEST = 2000
_NOT_FOUND = 404

_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (raised.ModelQuotaExceededError, "QuotaExceeded"),
    (raised.ModelContextWindowExceededError, "ContextWindowExceeded"),
    (raised.ModelNotFoundError, "ModelNotFound"),
    (raised.ModelAuthenticationError, "AuthenticationError"),
    (raised.ModelOverloadedError, "Overloaded"),
    (raised.ModelRateLimitError, "RateLimit"),
    (raised.ModelTimeoutError, "ReadTimeout"),
    (raised.ModelServerError, "ServerError"),
    (raised.ModelUnavailableError, "ServiceUnavailable"),
    (raised.ContentFilterError, "ContentFilterError"),
    (raised.UserError, "SettingsError"),
    (ImportError, "SettingsError"),  # what a proxy of the environment takes, say: the extra itself is there
    (raised.UnexpectedModelBehavior, "MalformedAnswer"),
)
"""From the most exact to the least."""


class CutShortError(Exception):
    """A stream that ended without its end."""


class EmptyAnswerError(Exception):
    """An answer without text."""


class LimitReachedError(Exception):
    """An answer that is not whole, since it was longer than it may be."""


class RefusedError(Exception):
    """An answer that the provider held back."""


_OWN: dict[type[Exception], str] = {
    CutShortError: "RemoteProtocolError",
    EmptyAnswerError: "EmptyResponseError",
    LimitReachedError: "MalformedAnswer",
    RefusedError: "ContentFilterError",
}


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no answer."""

    message: str
    exception: str | None = None
    http_status: int | None = None
    retry_after_s: float | None = None


def trouble(error: Exception, *, server: str, secrets: tuple[str, ...]) -> Trouble:
    """What `error` means, told without `secrets`: servers repeat keys that they refuse, libraries whole addresses."""
    status = error.status_code if isinstance(error, raised.ModelHTTPError) else None
    retry_after = error.retry_after if isinstance(error, raised.ModelAPIError) else None
    if retry_after is None:
        retry_after = google_errors.retry_after_s(_body(error))
    return Trouble(
        message=hide(_message(error, status, server), secrets)[:_LONGEST],
        exception=_name(error, status),
        http_status=status,
        retry_after_s=retry_after,
    )


def hide(text: str, secrets: tuple[str, ...]) -> str:
    """`text`, as far as it is told, with none of `secrets` in it, as they are or as addresses and headers have them."""
    text = text.encode("utf-8", "replace").decode()
    for secret in sorted({form for each in secrets for form in _forms(each)}, key=len, reverse=True):
        text = text.replace(secret, "[masked]")
    return " ".join(text.split())


def _forms(secret: str) -> tuple[str, ...]:
    return secret, quote(secret, safe=""), b64encode(secret.encode("utf-8", "surrogateescape")).decode()


def _name(error: Exception, status: int | None) -> str | None:
    if type(error) in _OWN:
        return _OWN[type(error)]
    if isinstance(error, raised.ModelConnectionError):
        return next((name for name in reversed(_names(error)) if meaning_of_name(name)), "ConnectionError")
    if status == _NOT_FOUND and not _says_model(error):
        return "EndpointSettingError"
    if told := google_errors.kind(_body(error)):
        return told
    found = next((name for kind, name in _KINDS if isinstance(error, kind)), None)
    if found is None and status is None:
        return next((name for name in reversed(_names(error)) if meaning_of_name(name)), type(error).__name__)
    return found


def _says_model(error: Exception) -> bool:
    return "model" in str(_body(error) or "").lower()


def _body(error: Exception) -> object:
    return google_errors.unwrapped(getattr(error, "body", None))


def _message(error: Exception, status: int | None, server: str) -> str:
    if status is not None:
        said = _said(_body(error))
        more = "; is the address right? (one in the style of OpenAI mostly ends in /v1)"
        hint = more if status == _NOT_FOUND and not _says_model(error) else ""
        return f"{server} answered with HTTP status {status}{f': {said}' if said else ''}{hint}"
    if isinstance(error, raised.ModelConnectionError):
        return f"no answer from {server}: {_deepest(error)}"
    if isinstance(error, raised.ModelAPIError):
        return f"{server} answered with an error: {_said(_body(error)) or error.message}"
    if isinstance(error, raised.UnexpectedModelBehavior):
        return f"{server} gave no answer that can be read: {error.message}"
    if isinstance(error, BaseExceptionGroup):
        return _deepest(error)
    return str(error) if type(error) in _OWN else f"{type(error).__name__}: {error}"


def _said(body: object) -> str:
    """The words of an error's body, in which they stand at one of a few places."""
    if isinstance(body, dict):
        inner = body.get("error", body)
        inner = inner if isinstance(inner, dict) else {"message": inner}
        words = [inner.get("message"), inner.get("status") or inner.get("code") or inner.get("type")]
        told = [str(word) for word in words if word]
        return f"{told[0]} ({told[1]})" if len(told) > 1 else "".join(told) or str(body)
    return str(body) if body else ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it came from, down to the first cause."""
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        inner = current.exceptions[0] if isinstance(current, BaseExceptionGroup) else None
        current = inner or current.__cause__ or current.__context__


def _names(error: Exception) -> list[str]:
    return [type(each).__name__ for each in _chain(error)]


def _words(error: BaseException) -> str:
    """The system's own words for what it refused, without the number."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number in errno.errorcode and number is not None else str(error).strip()


def _deepest(error: Exception) -> str:
    """The words of the cause that says most."""
    told = [words for each in _chain(error) if (words := _words(each)) and not isinstance(each, asyncio.CancelledError)]
    return told[-1] if told else type(error).__name__
