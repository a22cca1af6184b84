"""Changing the user's `config.toml`: one value, in place, so that comments and order stay."""

import os
import re
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import tomli_w

from git_pliny.config import toml
from git_pliny.config.toml import Statement, statements
from git_pliny.errors import StorageError
from git_pliny.model.visible import visible

BACKUP = ".bak"


def put(path: Path, name: str, steps: tuple[str, ...], value: object) -> Path | None:
    """Write `value` at the path of keys `steps` into the file, or take it out where it is None.

    What else stands in the file stays as it is, where that can be done; where not (inline tables, lists of tables) the
    file is written anew, without comments, and the old one is kept: then its path is returned.
    `name` is what messages call the file.
    """
    file = toml.read(path, name)
    text, values = (file.text, file.values) if file else ("", {})
    wanted = _with(values, steps, value)
    changed = _edited(text, steps, value)
    if toml_values(changed) == wanted:
        backup = None
    else:
        changed, backup = tomli_w.dumps(wanted), path.with_name(path.name + BACKUP)
        _write(backup, text, like=path)
    if changed != text or not path.exists():
        _write(path, changed, like=path)
    return backup


def toml_values(text: str) -> dict[str, Any] | None:
    """The values of a TOML text; None where it is none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _with(values: dict[str, Any], steps: tuple[str, ...], value: object) -> dict[str, Any]:
    """`values` with the one at `steps` replaced, or without it. What is no table on the way makes room for one."""
    word, *rest = steps
    changed = dict(values)
    if rest:
        inner = values.get(word)
        changed[word] = _with(inner if isinstance(inner, dict) else {}, tuple(rest), value)
    elif value is None:
        changed.pop(word, None)
    else:
        changed[word] = value
    if changed.get(word) == {} and word not in values:
        del changed[word]
    return changed


def _edited(text: str, steps: tuple[str, ...], value: object) -> str:
    """The text with one statement replaced, added or taken out; what comes out may be wrong, and is checked."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    known = statements(text)
    here = next((each for each in known if _assigns(each, steps)), None)
    if here is not None:
        new = [] if value is None else [_replacement(lines[here.start : here.end], steps[-1], value)]
        return "".join([*lines[: here.start], *new, *lines[here.end :]])
    if value is None:
        return text
    table, assignment = steps[:-1], _assignment(steps[-1], value)
    end = _end_of_table(known, table)
    if end is None:
        header = f"[{'.'.join(table)}]\n"
        return "".join([*lines, "\n" if lines else "", header, assignment])
    return "".join([*lines[:end], assignment, *lines[end:]])


def _assigns(statement: Statement, steps: tuple[str, ...]) -> bool:
    """Whether the statement assigns this value and nothing else."""
    own = {path[: len(steps)] for path in statement.paths}
    return not statement.is_header and own == {steps}


def _end_of_table(known: list[Statement], table: tuple[str, ...]) -> int | None:
    """The line behind the last statement of a table."""
    inside, end = False, None
    for statement in known:
        if statement.is_header:
            inside = statement.paths == (table,)
        if inside:
            end = statement.end
    return end


def _assignment(word: str, value: object) -> str:
    return tomli_w.dumps({word: value})


def _replacement(lines: list[str], word: str, value: object) -> str:
    """An assignment with the indentation, the way the key is written, and the comment at the end of the old one."""
    old = "".join(lines).rstrip("\n")
    key, _, _ = old.partition("=")
    _, _, new = _assignment(word, value).partition(" = ")
    comment = _comment(old)
    return f"{key.rstrip()} = {new.rstrip(chr(10))}{'  ' + comment if comment else ''}\n"


def _comment(statement: str) -> str:
    """The comment at its end: from the first `#` without which the statement means the same."""
    meaning = toml_values(statement)
    marks = [mark.start() for mark in re.finditer("#", statement)]
    found = (statement[mark:] for mark in marks if toml_values(statement[:mark]) == meaning)
    return next(found, "")


def _write(path: Path, text: str, *, like: Path) -> None:
    """Atomic and durable; a symbolic link is followed, the mode of `like` is kept."""
    try:
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_name(f".{target.name}.{uuid4().hex}")
        try:
            _write_new(scratch, text, like)
            scratch.replace(target)
        finally:
            with suppress(FileNotFoundError):
                scratch.unlink()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links, up to Python 3.12
        reason = (getattr(error, "strerror", None) or "its symbolic links make a loop").lower()
        raise StorageError(f"{visible(str(path))} can't be written: {reason}") from error


def _write_new(path: Path, text: str, like: Path) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb") as file:  # noqa: PTH123 - flags
        with suppress(FileNotFoundError):
            os.fchmod(file.fileno(), like.stat().st_mode & 0o7777)
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
