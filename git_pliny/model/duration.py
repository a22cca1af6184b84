"""Lengths of time as people write them: `10m`, `1h30m`, `90s`, `500ms`, or a plain number of seconds.

Units go from large to small, each at most once: `w d h m s ms`. A month and a year have no fixed length, so no unit.
"""

import re
from functools import lru_cache

from git_pliny.errors import ConfigError
from git_pliny.model.visible import visible

LONGEST_S = 10 * 366 * 86400.0
"""Ten years. What is longer is a slip of the pen, and would overflow the waits of the operating system."""

_UNITS = {"w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "": 1.0}
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_IN_UNITS = "".join(rf"(?:{_NUMBER}{unit} *)?" for unit in _UNITS if unit)
DURATION_PATTERN = rf"^(?=[0-9])(?:{_NUMBER}|{_IN_UNITS})$"
"""The form as a regular expression that a JSON Schema takes too."""

_FORM = re.compile(DURATION_PATTERN)
_PART = re.compile(rf"({_NUMBER})([a-z]*)")
_TOO_LONG_A_TEXT = 40


@lru_cache(maxsize=64)
def parse_duration(text: str) -> float:
    """The seconds that `text` stands for, from 0 to `LONGEST_S`; ConfigError where it stands for none."""
    stripped = text.strip(" ")
    if len(stripped) > _TOO_LONG_A_TEXT or not _FORM.fullmatch(stripped):
        shown = visible(text[:_TOO_LONG_A_TEXT]) + "…" * (len(text) > _TOO_LONG_A_TEXT)
        raise ConfigError(f"`{shown}` is not a duration like `10m`, `1h30m`, `90s` or `500ms`")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(stripped))
    if seconds > LONGEST_S:
        raise ConfigError(f"`{stripped}` is too long: a duration is at most ten years")
    return seconds


def render_duration(seconds: float) -> str:
    """`seconds` for people: `12ms` below a second, `3.4s` below a minute, else whole units like `1h30m5s`."""
    if seconds < 0.9995:  # noqa: PLR2004 - what would be rendered as 1000ms is a second
        return f"{max(0, round(seconds * 1000))}ms" if seconds > 0 else "0s"
    if seconds < 59.95:  # noqa: PLR2004 - what would be rendered as 60.0s is a minute
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    rest, parts = round(seconds), ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        parts += f"{count}{unit}" if count else ""
    return parts
