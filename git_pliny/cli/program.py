"""The command line as typer sees it, built from the table and the declarations; what `direct` does not read.

A command is a plain function: `here: Invocation` first, then its parameters, passed by keyword. It returns None, or an
exit code that no error stands for. So tests call it without a command line.
"""

import inspect
import os
import sys
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from typer._click.shell_completion import CompletionItem  # the pinned typer has no public name for it
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from git_pliny import __version__
from git_pliny.cli import completion, invocation, loading, parameters, table
from git_pliny.cli.declare import Declaration
from git_pliny.cli.mistakes import name_command, usage_error
from git_pliny.errors import PlinyError, UsageError

_WIDEST_TERM = 22

Function = Callable[..., int | None]


class PlinyCommand(TyperCommand):
    """A command whose help is its docstring."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            name_command(error, ctx)
            raise

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        _write_usage([f"Usage: {ctx.command_path}", *parameters.synopsis(self.params)], formatter)

    def format_help_text(self, _ctx: Any, formatter: Any) -> None:
        _write_help(self.help, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_parameters(self.get_params(ctx), formatter)


class PlinyGroup(TyperGroup):
    """A group that knows its commands from the table alone, until one is asked for. Without `of` it is the root."""

    def __init__(
        self, *, sections: tuple[table.Section, ...] = table.SECTIONS, of: table.Group | None = None, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.sections = sections
        self.of = of
        self.entries = {entry.name: entry for section in sections for entry in section.entries}

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(self.entries)

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        entry = self.entries.get(cmd_name)
        if isinstance(entry, table.Group):
            return group(entry)
        return entry and command(entry, self.of)

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

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        _write_usage([f"Usage: {ctx.command_path}", *parameters.synopsis(self.params), "COMMAND [ARGS]..."], formatter)

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


def run(arguments: list[str], program_name: str) -> int:
    """One call of the program: its exit code. Raises our errors, and whatever is a bug."""
    root = program()
    if arguments[:1] == [completion.REQUEST]:
        completion.offer(root, arguments[1:])
        return 0
    try:
        with root.make_context(program_name, arguments) as context:
            return root.invoke(context) or 0
    except typer.Exit as ended:
        return ended.exit_code
    except typer.TyperException as error:
        raise usage_error(error, program_name) from error


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
        of=entry,
        sections=(table.Section("Commands", entry.commands),),
        rich_markup_mode=None,
    )


def command(entry: table.Command, of: table.Group | None = None) -> PlinyCommand:
    """A command as typer wants it."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(entry.name, cls=PlinyCommand)(_for_typer(loading.function_of(entry, of)))
    made = get_command(app)
    assert isinstance(made, PlinyCommand)  # noqa: S101 - tells mypy what typer's signature does not
    return made


def _for_typer(function: Function) -> Function:
    """The function as typer reads one: with our declarations made typer's, and without its first parameter.

    That one, the invocation, is made at the time of the call, when `-C` has been obeyed.
    """

    def call(**values: Any) -> int | None:
        return function(invocation.of_this_process(), **values)

    signature = inspect.signature(function)
    _, *others = (each.replace(annotation=_annotation(each.annotation)) for each in signature.parameters.values())
    call.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined] # PEP 362 allows it
    call.__annotations__ = {each.name: each.annotation for each in others}
    call.__doc__ = function.__doc__
    return call


def _annotation(annotation: Any) -> Any:
    kind, *metadata = get_args(annotation) or (None,)
    if not (metadata and isinstance(metadata[0], Declaration)):
        return annotation
    words = {name: value for name, value in metadata[0]._asdict().items() if value is not None}
    spellings = words.pop("spellings")
    return Annotated[kind, typer.Option(*spellings, **words) if spellings else typer.Argument(**words)]


def _write_usage(pieces: list[str], formatter: Any) -> None:
    """Lines that are broken between parameters only, those after the first below the first parameter."""
    line, *others = pieces
    indent = " " * (len(line) + 1)
    for piece in others:
        if len(line) + len(piece) >= formatter.width and line.strip():
            formatter.write(f"{line.rstrip()}\n")
            line = indent[:-1]
        line += f" {piece}"
    formatter.write(f"{line}\n")


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
                formatter.write_dl(explained, col_max=_WIDEST_TERM)


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
