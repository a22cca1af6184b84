"""What typer finds wrong on a command line, said as git would; the hint is what to type instead, or the help."""

import re
from shlex import quote
from typing import Any

from git_pliny.errors import UsageError

_SURPLUS = re.compile(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", re.DOTALL)
_NO_NUMBER = re.compile(r"is not a valid int(?:eger)?(?: range)?")
_TAKE_TEXT = {"execute": "task", "plan": "text", "start": "name", "create": "name"}
"""Commands that take the user's own words, and as which parameter: they are often typed without quotes."""


def name_command(error: Any, context: Any) -> None:
    """Note which command an error is of, where typer does not: for an option without its value."""
    if getattr(error, "ctx", context) is None:
        error.ctx = context


def usage_error(error: Any, program_name: str) -> UsageError:
    """The error for a `typer.TyperException`; the hint has the nearest option, if any."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else program_name
    if surplus := _SURPLUS.fullmatch(error.message):
        return UsageError(f"unexpected argument: {surplus[1]}", hint=_in_quotes(context, surplus[1]) or f"{path} -h")
    near = list(getattr(error, "possibilities", None) or ["-h"])
    text = error.message if near != ["-h"] else error.format_message()
    text = _NO_NUMBER.sub("is not a whole number", text)
    return UsageError(text[:1].lower() + text[1:].removesuffix("."), hint=f"{path} {near[0]}")


def _in_quotes(context: Any, surplus: str) -> str | None:
    """The same command with the words in quotes, where they were most likely meant as one text."""
    first = context and context.params.get(_TAKE_TEXT.get(context.command.name, ""))
    return f"{context.command_path} {quote(f'{first} {surplus}')}" if first else None
