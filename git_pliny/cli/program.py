"""The command line as typer sees it, built from the table; a module is imported when its command is asked for.

A command is a plain function: `here: Invocation` first, then its parameters as typer reads them, passed by keyword. It
returns None, or an exit code that no error stands for. So tests call it without a command line.
"""

import inspect
import os
import sys
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer._click.shell_completion import CompletionItem  # the pinned typer has no public name for it
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from git_pliny import __version__
from git_pliny.cli import invocation, parameters, table
from git_pliny.errors import PlinyError, UsageError

Function = Callable[..., int | None]


class PlinyCommand(TyperCommand):
    """A command whose help is its docstring."""

    def collect_usage_pieces(self, _ctx: Any) -> list[str]:
        return [parameters.synopsis(self.params)]

    def format_help_text(self, _ctx: Any, formatter: Any) -> None:
        _write_help(self.help, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_parameters(self.get_params(ctx), formatter)


class PlinyGroup(TyperGroup):
    """A group that knows its commands from the table alone, until one is asked for. Without `module` it is the root."""

    def __init__(
        self, *, sections: tuple[table.Section, ...] = table.SECTIONS, module: str | None = None, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.sections = sections
        self.module = module
        self.entries = {entry.name: entry for section in sections for entry in section.entries}

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(self.entries)

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        entry = self.entries.get(cmd_name)
        if isinstance(entry, table.Group):
            return group(entry)
        return entry and command(entry.module or self.module or entry.name, entry.name)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            sys.stderr.write(ctx.get_help() + "\n")
            raise typer.Exit(UsageError.exit_code)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name = args[0]
        if name not in self.entries and not ctx.resilient_parsing:
            near = get_close_matches(name, self.entries, n=1) or ["-h"]
            raise UsageError(f"'{name}' is not a command of {ctx.command_path}", hint=f"{ctx.command_path} {near[0]}")
        return super().resolve_command(ctx, args)

    def collect_usage_pieces(self, _ctx: Any) -> list[str]:
        return [parameters.synopsis(self.params), "COMMAND [ARGS]..."]

    def shell_complete(self, ctx: Any, incomplete: str) -> list[CompletionItem]:
        names = [CompletionItem(entry.name, help=entry.help) for entry in self.entries.values()]
        options = super(TyperGroup, self).shell_complete(ctx, incomplete)
        return [item for item in names if item.value.startswith(incomplete)] + options

    def format_help_text(self, _ctx: Any, formatter: Any) -> None:
        _write_help(self.help, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_parameters(self.get_params(ctx), formatter)
        width = max(map(len, self.entries))
        for section in self.sections:
            with formatter.section(section.title):
                formatter.write_dl([(entry.name.ljust(width), entry.help) for entry in section.entries])


def program() -> PlinyGroup:
    """The whole command line."""
    app = typer.Typer(
        cls=PlinyGroup,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_pliny)
    root = get_command(app)
    assert isinstance(root, PlinyGroup)  # noqa: S101 - tells mypy what typer's signature does not
    return root


def group(entry: table.Group) -> PlinyGroup:
    """A group as typer wants it; its module is not imported."""
    return PlinyGroup(
        name=entry.name,
        help=entry.help,
        module=entry.name,
        sections=(table.Section("Commands", entry.commands),),
        rich_markup_mode=None,
    )


def command(module: str, name: str) -> PlinyCommand:
    """The command `name` that `git_pliny.cli.<module>` holds, as typer wants it."""
    function = getattr(import_module(f"git_pliny.cli.{module}"), f"{name}_command")
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=PlinyCommand)(_without_invocation(function))
    made = get_command(app)
    assert isinstance(made, PlinyCommand)  # noqa: S101 - tells mypy what typer's signature does not
    return made


def _without_invocation(function: Function) -> Function:
    """The function with its first parameter taken off and given at the time of the call, when `-C` has been obeyed."""

    def call(**values: Any) -> int | None:
        return function(invocation.of_this_process(), **values)

    signature = inspect.signature(function)
    first, *others = signature.parameters.values()
    call.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined] # PEP 362 allows it
    call.__annotations__ = {name: kind for name, kind in function.__annotations__.items() if name != first.name}
    call.__doc__ = function.__doc__
    return call


def _write_help(text: str | None, formatter: Any) -> None:
    """The paragraphs of a docstring; those that are indented keep their lines (a backspace tells click so)."""
    paragraphs = (text or "").split("\n\n")
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text("\n\n".join(f"\b\n{part}" if part.startswith("  ") else part for part in paragraphs))


def _write_parameters(shown: list[Any], formatter: Any) -> None:
    for title, rows in (("Arguments", parameters.arguments(shown)), ("Options", parameters.options(shown))):
        if explained := list(rows):
            with formatter.section(title):
                formatter.write_dl(explained)


def _enter(directories: list[Path] | None) -> None:
    for directory in directories or ():
        try:
            os.chdir(directory)
        except OSError as error:
            raise PlinyError(f"cannot change to '{directory}': {error.strerror}") from error


def _print_version(ctx: typer.Context, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        sys.stdout.write(f"git-pliny {__version__}\n")
        raise typer.Exit


def _pliny(
    directory: Annotated[
        list[Path] | None,
        typer.Option("-C", metavar="DIR", callback=_enter, is_eager=True, help="Run as if it were started in DIR."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run plans of agents inside a git repository, and keep everything they did in git itself.

    An agent is one unit of work: a shell command, say. A plan, usually pliny.yaml, has phases, and phases have agents.
    A run survives a crash, can be rolled back, and can be read with plain git.
    """
