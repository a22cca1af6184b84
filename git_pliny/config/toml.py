"""The user's `config.toml`: its values, and on which line each stands, which `tomllib` does not tell."""

import os
import re
import stat
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from git_pliny.errors import ConfigError, PlanError
from git_pliny.model.visible import visible

_LIMIT = 1 << 20
_PLACE = re.compile(r"(.*?)(?: \(at (?:line (\d+), column (\d+)|end of document)\))?", re.DOTALL)
_CLOSING = re.compile(r"\]|\}|\"\"\"|'''")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")

Steps = tuple[str | int, ...]
"""The keys and indexes down to a value."""


class Statement(NamedTuple):
    """A table's header or an assignment: the lines from `start` up to `end`, counted from 0."""

    start: int
    end: int
    is_header: bool
    paths: tuple[Steps, ...]
    """The table, or every value that is assigned."""


class UserFile(NamedTuple):
    """A `config.toml` as read. `name` is what messages call it."""

    name: str
    text: str
    values: dict[str, Any]

    def line(self, path: Steps) -> int:
        """The line, from 1, in which the value at `path` stands, or else the nearest thing on the way to it."""
        return self._statement(path).start + 1

    def error(self, message: str, path: Steps) -> ConfigError:
        """An error that begins with the place of the value at `path`."""
        line = self.line(path)
        text = self.text.split("\n")[line - 1]
        return PlanError(message, file=self.name, line=line, column=1 + len(text) - len(text.lstrip()))

    def _statement(self, path: Steps) -> Statement:
        """The first of those that have most of the path in common."""
        return max(statements(self.text), key=lambda each: max(_common(own, path) for own in each.paths))


def read(path: Path, name: str) -> UserFile | None:
    """The file at `path`, or None where there is none; ConfigError with the place where it can't be read."""
    shown = visible(name)
    data = _read_bytes(path, shown)
    if data is None:
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        byte = f"byte 0x{data[error.start]:02x}"
        raise PlanError(f"{byte} is not UTF-8 text", file=shown, line=line) from error
    return UserFile(shown, text, parse(text, shown))


def parse(text: str, name: str) -> dict[str, Any]:
    """The values of a TOML text; PlanError with the place where it is none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, line, column = _split(str(error))
        line = line if line is not None else text.count("\n") + (not text.endswith("\n"))
        raise PlanError(f"this is no TOML: {message}", file=name, line=line, column=column) from error
    except RecursionError as error:
        raise ConfigError(f"{name}: its values are nested too deeply") from error


@lru_cache(maxsize=1)
def statements(text: str) -> list[Statement]:
    """The statements of a valid TOML text, in order. `tomllib` itself says where each ends: where it can be parsed."""
    lines = _LINE.findall(text)
    found: list[Statement] = []
    table: Steps = ()
    counted: Counter[Steps] = Counter()
    for start, end, values in _parsed(lines):
        if lines[start].lstrip().startswith("["):
            table = _header(values, counted)
            found.append(Statement(start, end, is_header=True, paths=(table,)))
        else:
            paths = tuple((*table, *path) for path in _leaves(values))
            found.append(Statement(start, end, is_header=False, paths=paths))
    return found


def _parsed(lines: list[str]) -> Iterator[tuple[int, int, dict[str, Any]]]:
    start = 0
    while start < len(lines):
        end = start + 1
        if lines[start].strip() and not lines[start].lstrip().startswith("#"):
            values = _try("".join(lines[start:end]))
            while values is None and end < len(lines):
                end += 1
                values = _try("".join(lines[start:end])) if _CLOSING.search(lines[end - 1]) else None
            yield start, end, values or {}
        start = end


def _try(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _header(values: dict[str, Any], counted: Counter[Steps]) -> Steps:
    """The path of `[a.b]`, and of the nth `[[a.b]]` with n, from 0, at its end."""
    path: Steps = ()
    while isinstance(values, dict) and values:
        key, inner = next(iter(values.items()))
        path = (*path, key)
        if isinstance(inner, list):
            counted[path] += 1
            return (*path, counted[path] - 1)
        values = inner
    return path


def _leaves(values: object) -> Iterator[Steps]:
    """The paths of all values, those of lists' items included."""
    items = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    nothing = True
    for key, inner in items:
        nothing = False
        yield from ((key, *path) for path in _leaves(inner))
    if nothing:
        yield ()


def _split(message: str) -> tuple[str, int | None, int | None]:
    """`tomllib` gives the place inside of the message only, up to Python 3.13."""
    match = _PLACE.fullmatch(message)
    assert match  # noqa: S101 - its place is optional
    what = visible(match[1][:1].lower() + match[1][1:])
    return what, int(match[2]) if match[2] else None, int(match[3]) if match[3] else None


def _common(one: Steps, other: Steps) -> int:
    """How many steps two paths have in common before they part."""
    parts = (at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right)
    return next(parts, min(len(one), len(other)))


def _read_bytes(path: Path, shown: str) -> bytes | None:
    try:
        # Not blocking, so that a named pipe in the place of a file is met with a message and not with a wait.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123 - flags
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"{shown} is not a regular file")
            data = file.read(_LIMIT + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{shown} can't be read: {(error.strerror or str(error)).lower()}") from error
    if len(data) > _LIMIT:
        raise ConfigError(f"{shown} is larger than {_LIMIT >> 20} MiB, the most that is read as settings")
    return data
