"""How a command declares its parameters: what typer would be told, without importing typer.

Importing typer takes longer than most commands run, so a plain command line is read by `direct` from these declarations
alone; `program` makes typer's from them for everything else: help, mistakes, completion, manual.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Required, TypedDict, Unpack


class Declaration(NamedTuple):
    """What stands beside the type in `Annotated`. An option has spellings; an argument is known by its place."""

    help: str
    spellings: tuple[str, ...] = ()
    metavar: str | None = None
    min: int | None = None
    max: int | None = None
    autocompletion: Callable[..., Any] | None = None
    show_default: bool = True


class Words(TypedDict, total=False):
    help: Required[str]
    metavar: str
    min: int
    max: int
    autocompletion: Callable[..., Any]
    show_default: bool


def option(*spellings: str, **words: Unpack[Words]) -> Declaration:
    """`--jobs N`; a flag where the type is bool, and one that can be repeated where it is a list."""
    return Declaration(spellings=spellings, **words)


def argument(**words: Unpack[Words]) -> Declaration:
    """`NAME`; where the type is a list it takes all that are left."""
    return Declaration(**words)
