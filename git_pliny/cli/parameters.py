"""How a command's parameters are spelled and explained: the one source of usage lines, help texts and man pages."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Explained(NamedTuple):
    """A parameter as a reader meets it: `-j, --jobs N` or `NAME`, and a sentence."""

    spelling: str
    help: str


def arguments(parameters: Iterable[Any]) -> Iterator[Explained]:
    """The positional parameters, in order."""
    for parameter in parameters:
        if not _is_option(parameter) and not parameter.hidden:
            yield Explained(_value(parameter), parameter.help or "")


def options(parameters: Iterable[Any]) -> Iterator[Explained]:
    """The options, in order; a default that a reader wants to know stands after the sentence."""
    for parameter in parameters:
        if _is_option(parameter) and not parameter.hidden:
            spellings = ", ".join(sorted(parameter.opts, key=len))
            spelling = spellings if parameter.is_flag else f"{spellings} {_value(parameter)}"
            yield Explained(spelling, (parameter.help or "") + _default(parameter))


def synopsis(parameters: Iterable[Any]) -> list[str]:
    """All parameters in the order options, arguments, as usage lines show them: `[--jobs N]`, `NAME`."""
    shown = [parameter for parameter in parameters if not parameter.hidden]
    ordered = sorted(shown, key=lambda parameter: not _is_option(parameter))
    return [_piece(parameter) for parameter in ordered]


def _is_option(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option")


def _value(parameter: Any) -> str:
    choices = getattr(parameter.type, "choices", ())
    name = parameter.metavar or "|".join(map(str, choices)) or parameter.name.upper()
    return f"{name}..." if parameter.nargs != 1 else str(name)


def _piece(parameter: Any) -> str:
    if not _is_option(parameter):
        return _value(parameter) if parameter.required else f"[{_value(parameter)}]"
    name = max(parameter.opts, key=len)
    piece = name if parameter.is_flag else f"{name} {_value(parameter)}"
    piece = piece if parameter.required else f"[{piece}]"
    return f"{piece}..." if parameter.multiple else piece


def _default(parameter: Any) -> str:
    default = parameter.default
    if not parameter.show_default or parameter.is_flag or default is None:
        return ""
    return f" [default: {getattr(default, 'value', default)}]"
