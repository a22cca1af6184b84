"""What a text of a plan must be beyond its type. Each check gives what the text has to be instead, or None."""

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from git_pliny.errors import ConfigError
from git_pliny.model.duration import parse_duration
from git_pliny.model.inclusion import ignored_path, on_conflict

LONGEST_NAME = 255

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_LONGEST_REGEX = 1000


def name(text: str) -> str | None:
    """Names stand in refs, paths, environment and terminals, and are told apart by eye."""
    if 0 < len(text) <= LONGEST_NAME and text.isprintable() and text == text.strip():
        return None
    return f"a name of 1 to {LONGEST_NAME} visible characters, without spaces around it"


def path_inside(text: str) -> str | None:
    path = PurePosixPath(text)
    if text.strip() and not path.is_absolute() and ".." not in path.parts and path.parts:
        return None
    return "a path below the repository root"


def file_name(text: str) -> str | None:
    return None if _FILE_NAME.fullmatch(text) else "a name of letters, digits, `.`, `_` and `-`"


def variable(text: str) -> str | None:
    return None if _VARIABLE.fullmatch(text) else "the name of an environment variable"


def url(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    is_clean = text.isprintable() and " " not in text and not parts_beyond(text)
    return None if is_address and is_clean else "an address like `http://localhost:8000/v1`"


def parts_beyond(text: str) -> bool:
    """Whether an address goes on with a query or a fragment, below which nothing can be asked."""
    return "?" in text or "#" in text


def duration(text: str) -> str | None:
    try:
        parse_duration(text)
    except ConfigError:
        return "a duration like `10m`, `1h30m`, `90s` or `500ms`, at most ten years"
    return None


def timeout(text: str) -> str | None:
    problem = duration(text)
    return problem or (None if parse_duration(text) else "longer than nothing")


def regex(text: str) -> str | None:
    if len(text) > _LONGEST_REGEX:
        return f"a regular expression of at most {_LONGEST_REGEX} characters"
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        return f"a regular expression ({error})"
    return None


CHECKS: Mapping[str, Callable[[str], str | None]] = {
    "name": name,
    "path-inside": path_inside,
    "ignored-path": ignored_path,
    "on-conflict": on_conflict,
    "variable": variable,
    "file-name": file_name,
    "url": url,
    "duration": duration,
    "timeout": timeout,
    "regex": regex,
}
"""By the name that a type gives in `Meta(extra={"check": …})`."""
