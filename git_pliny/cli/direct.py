"""Reads a plain command line without typer, from the declarations alone; whatever is not plain is left to typer.

Plain is: a command, options as declared with their values apart or after `=`, arguments, all of the right type. No
help, no mistakes, no `-C`, no value that begins with a dash. A line is read as typer reads it, or not at all.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from inspect import Parameter, signature
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple, get_args, get_origin

from git_pliny.cli import loading, table
from git_pliny.cli.declare import Declaration

_DIGITS = 18
_AMOUNT = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)


class Call(NamedTuple):
    """A command's function and what to give it beside the invocation."""

    function: Any
    values: dict[str, Any]


class _NotPlainError(Exception):
    """The line is typer's to read, or to complain about."""


class _Declared(NamedTuple):
    name: str
    kind: type
    many: bool
    required: bool
    declaration: Declaration

    def convert(self, word: str) -> Any:
        if self.kind is int:
            return self._number(word)
        if self.kind is float and _AMOUNT.fullmatch(word):
            return float(word)
        if issubclass(self.kind, StrEnum):
            return self._choice(word)
        if self.kind in (str, Path):
            return self.kind(word)
        raise _NotPlainError

    def _number(self, word: str) -> int:
        if not (word.isascii() and word.isdecimal() and len(word) <= _DIGITS):
            raise _NotPlainError
        number, least, most = int(word), self.declaration.min, self.declaration.max
        if (least is not None and number < least) or (most is not None and number > most):
            raise _NotPlainError
        return number

    def _choice(self, word: str) -> Any:
        if word not in {choice.value for choice in self.kind}:  # type: ignore[attr-defined] # a StrEnum is iterable
            raise _NotPlainError
        return self.kind(word)


def plain_call(arguments: Sequence[str]) -> Call | None:
    """The call that a plain command line asks for; None for any other."""
    try:
        command, group, words = _command(arguments)
        function = loading.function_of(command, group)
        return Call(function, _values([*_declared(function)], words))
    except _NotPlainError:
        return None


def _command(arguments: Sequence[str]) -> tuple[table.Command, table.Group | None, Sequence[str]]:
    group: table.Group | None = None
    entries: dict[str, table.Command | table.Group] = {entry.name: entry for entry in table.entries()}
    for place, word in enumerate(arguments, 1):
        entry = entries.get(word)
        if isinstance(entry, table.Command):
            return entry, group, arguments[place:]
        if entry is None:
            break
        group, entries = entry, {command.name: command for command in entry.commands}
    raise _NotPlainError


def _declared(function: Any) -> Iterator[_Declared]:
    _, *others = signature(function).parameters.values()
    for parameter in others:
        kind, *metadata = get_args(parameter.annotation) or (None,)
        declaration = metadata[0] if metadata else None
        if not isinstance(declaration, Declaration):
            raise _NotPlainError
        inner = next((each for each in get_args(kind) if each is not NoneType), kind)
        plain = kind if get_origin(kind) is list else inner
        many = get_origin(plain) is list
        [kind] = get_args(plain) if many else [plain]
        yield _Declared(parameter.name, kind, many, parameter.default is Parameter.empty, declaration)


def _values(declared: list[_Declared], words: Sequence[str]) -> dict[str, Any]:
    options = {spelling: each for each in declared for spelling in each.declaration.spellings}
    places = [each for each in declared if not each.declaration.spellings]
    values: dict[str, Any] = {}
    waiting = iter(words)
    for word in waiting:
        if not word.startswith("-"):
            _fill(places, values, word)
            continue
        name, equals, given = word.partition("=") if word.startswith("--") else (word, "", "")
        option = options.get(name)
        if option is None or (equals and option.kind is bool):
            raise _NotPlainError
        if option.kind is bool:
            values[option.name] = True
        else:
            _put(option, values, given if equals else next(waiting, "-"))
    if any(each.required and each.name not in values for each in declared):
        raise _NotPlainError
    return values


def _fill(places: list[_Declared], values: dict[str, Any], word: str) -> None:
    """Give the word to the next place; a list keeps its place."""
    if not places:
        raise _NotPlainError
    _put(places[0], values, word)
    if not places[0].many:
        places.pop(0)


def _put(declared: _Declared, values: dict[str, Any], word: str) -> None:
    if word.startswith("-"):
        raise _NotPlainError
    value = declared.convert(word)
    if declared.many:
        values.setdefault(declared.name, []).append(value)
    else:
        values[declared.name] = value
