"""What every command keeps to, so that help, completion and manual can be made from it."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from git_pliny.cli import parameters, program, table

COMMANDS = [
    (entry.name, command)
    for entry in table.entries()
    for command in (entry.commands if isinstance(entry, table.Group) else (entry,))
]
every_command = pytest.mark.parametrize(
    ("module", "command"), COMMANDS, ids=[f"{module}-{command.name}" for module, command in COMMANDS]
)


def function_of(module: str, command: table.Command) -> Any:
    return getattr(import_module(f"git_pliny.cli.{module}"), f"{command.name}_command")


def explained(module: str, command: table.Command) -> Iterator[parameters.Explained]:
    shown = program.command(module, command.name).params
    yield from parameters.arguments(shown)
    yield from parameters.options(shown)


def test_no_name_is_given_twice() -> None:
    names = [(module, command.name) for module, command in COMMANDS]
    assert len(set(names)) == len(names)


@every_command
def test_the_line_of_help_is_that_of_the_docstring(module: str, command: table.Command) -> None:
    assert (inspect.getdoc(function_of(module, command)) or "").partition("\n")[0] == command.help


@every_command
def test_the_line_of_help_is_a_sentence(module: str, command: table.Command) -> None:
    assert command.help[0].isupper()
    assert command.help.endswith(".")


@every_command
def test_the_invocation_comes_first_and_the_rest_by_keyword(module: str, command: table.Command) -> None:
    first, *others = inspect.signature(function_of(module, command)).parameters.values()
    assert first.name == "here"
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in others)


@every_command
def test_every_parameter_is_explained_by_a_sentence(module: str, command: table.Command) -> None:
    for spelling, text in explained(module, command):
        assert text.partition(" [default:")[0].endswith("."), spelling


@every_command
def test_every_value_has_a_name_in_capitals_or_its_choices(module: str, command: table.Command) -> None:
    for parameter in program.command(module, command.name).params:
        if not getattr(parameter, "is_flag", False) and not hasattr(parameter.type, "choices"):
            assert (parameter.metavar or "").isupper(), parameter.name


@every_command
def test_no_flag_has_a_negation(module: str, command: table.Command) -> None:
    for parameter in program.command(module, command.name).params:
        assert parameter.secondary_opts == [], parameter.name
