"""What every command keeps to, so that help, completion and manual can be made from it."""

import inspect
from typing import Any, get_args

import pytest

from git_pliny.cli import loading, parameters, program, table
from git_pliny.cli.declare import Declaration

Of = table.Group | None

COMMANDS: list[tuple[Of, table.Command]] = [
    (entry if isinstance(entry, table.Group) else None, command)
    for entry in table.entries()
    for command in (entry.commands if isinstance(entry, table.Group) else (entry,))
]
every_command = pytest.mark.parametrize(
    ("of", "command"), COMMANDS, ids=[f"{of.name if of else 'pliny'}-{command.name}" for of, command in COMMANDS]
)


def declared(of: Of, command: table.Command) -> list[inspect.Parameter]:
    """The parameters of the command's function, without the invocation."""
    return list(inspect.signature(loading.function_of(command, of)).parameters.values())[1:]


def made(of: Of, command: table.Command) -> list[Any]:
    """The same as typer has them."""
    return list(program.command(command, of).params)


def test_no_name_is_given_twice() -> None:
    names = [(of and of.name, command.name) for of, command in COMMANDS]
    assert len(set(names)) == len(names)


@every_command
def test_the_line_of_help_is_that_of_the_docstring(of: Of, command: table.Command) -> None:
    assert (inspect.getdoc(loading.function_of(command, of)) or "").partition("\n")[0] == command.help


@every_command
def test_the_line_of_help_is_a_sentence(of: Of, command: table.Command) -> None:
    assert command.help[0].isupper()
    assert command.help.endswith(".")


@every_command
def test_the_invocation_comes_first_and_the_rest_by_keyword(of: Of, command: table.Command) -> None:
    first, *others = inspect.signature(loading.function_of(command, of)).parameters.values()
    assert first.name == "here"
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in others)


@every_command
def test_every_parameter_is_declared_so_that_typer_is_not_needed(of: Of, command: table.Command) -> None:
    for parameter in declared(of, command):
        assert isinstance(get_args(parameter.annotation)[1], Declaration), parameter.name


@every_command
def test_every_parameter_is_explained_by_a_sentence(of: Of, command: table.Command) -> None:
    for spelling, text in (*parameters.arguments(made(of, command)), *parameters.options(made(of, command))):
        assert text.partition(" [default:")[0].endswith("."), spelling


@every_command
def test_every_value_has_a_name_in_capitals_or_its_choices(of: Of, command: table.Command) -> None:
    for parameter in made(of, command):
        if not getattr(parameter, "is_flag", False) and not hasattr(parameter.type, "choices"):
            assert (parameter.metavar or "").isupper(), parameter.name


@every_command
def test_no_flag_has_a_negation(of: Of, command: table.Command) -> None:
    for parameter in made(of, command):
        assert parameter.secondary_opts == [], parameter.name
