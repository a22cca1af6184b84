"""Writes the man pages: `python -m git_pliny.cli.manpages man/`. They come from the table, the docstrings and `manual`.

A page for the program and one for each group or command without a group, named as `git help` looks for them. The same
source gives the same bytes: no date, no width of a terminal.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import dedent

from git_pliny import __version__
from git_pliny.cli import manual, parameters, program, table

_TYPEWRITER = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}


def pages() -> Iterator[tuple[str, str]]:
    """The name of each file, and what it holds."""
    yield "git-pliny.1", _page("git-pliny", "run plans of agents inside a git repository", _program())
    for entry in table.entries():
        name = f"git-pliny-{entry.name}"
        body = _group(entry) if isinstance(entry, table.Group) else _command(entry)
        yield f"{name}.1", _page(name, _as_clause(entry.help), body)


def write(folder: Path) -> None:
    """All pages into `folder`; pages of commands that are no more are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = dict(pages())
    for stale in {path.name for path in folder.glob("git-pliny*.1")} - set(texts):
        (folder / stale).unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")


def _page(name: str, summary: str, body: Iterable[str]) -> str:
    head = f'.TH "{name.upper()}" "1" "" "git\\-pliny {__version__}" "Git Pliny Manual"'
    return "\n".join([head, ".SH NAME", f"{_typed(name)} \\- {_text(summary)}", *body]) + "\n"


def _program() -> Iterator[str]:
    root = program.program()
    yield from _synopsis([("git pliny", [*parameters.synopsis(root.params), "COMMAND", "[ARGS]..."])])
    yield from (".SH DESCRIPTION", *_prose(root.help or ""))
    yield from (".SH OPTIONS", *_explained(parameters.options(root.params)))
    for section in table.SECTIONS:
        yield f".SH {section.title.upper()}"
        for entry in section.entries:
            yield from _item(f"git-pliny-{entry.name}(1)", entry.help)
    for title, items in (
        ("ENVIRONMENT", manual.ENVIRONMENT),
        ("ENVIRONMENT OF AGENTS", manual.AGENT_ENVIRONMENT),
        ("PROMPTS", manual.PROMPTS),
        ("CONTEXT", manual.CONTEXT),
        ("FILES", manual.FILES),
        ("READING A SESSION WITH PLAIN GIT", manual.PLAIN_GIT),
        ("EXIT STATUS", manual.EXIT_STATUS),
    ):
        yield from (f".SH {title}", *_explained(items))


def _group(group: table.Group) -> Iterator[str]:
    commands = [(entry.name, program.command(entry, group)) for entry in group.commands]
    yield from _synopsis(
        (f"git pliny {group.name} {name}", parameters.synopsis(command.params)) for name, command in commands
    )
    yield from (".SH DESCRIPTION", *_prose(group.help), ".SH COMMANDS")
    for name, command in commands:
        yield f".SS {_typed(f'git pliny {group.name} {name}')}"
        yield from (*_prose(command.help or ""), *_parameters(command))
    yield from _see_also()


def _command(entry: table.Command) -> Iterator[str]:
    command = program.command(entry)
    yield from _synopsis([(f"git pliny {entry.name}", parameters.synopsis(command.params))])
    yield from (".SH DESCRIPTION", *_prose(command.help or ""))
    if command.params:
        yield from (".SH OPTIONS", *_parameters(command))
    yield from _see_also()


def _see_also() -> Iterator[str]:
    yield from (".SH EXIT STATUS", *_prose("As git-pliny(1) lists them."), ".SH SEE ALSO", _text("git-pliny(1)"))


def _synopsis(lines: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
    """A line for each command; it is filled, but not broken inside a parameter."""
    yield ".SH SYNOPSIS"
    for index, (words, pieces) in enumerate(lines):
        yield from ((".br",) if index else ())
        yield " ".join([_typed(words), *(_escaped(piece).replace(" ", r"\ ") for piece in pieces)])


def _parameters(command: program.PlinyCommand) -> Iterator[str]:
    yield from _explained(parameters.arguments(command.params))
    yield from _explained(parameters.options(command.params))


def _explained(items: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, text in items:
        yield from _item(term, text)


def _item(term: str, text: str) -> tuple[str, ...]:
    return (".TP", _typed(term), _text(text))


def _prose(text: str) -> Iterator[str]:
    """The paragraphs of a docstring; an indented one keeps its lines."""
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("  "):
            yield from (".PP", ".RS 4", ".nf", *map(_escaped, dedent(paragraph).splitlines()), ".fi", ".RE")
        else:
            yield from (".PP", _text(" ".join(paragraph.split())))


def _typed(text: str) -> str:
    r"""Bold, as what is typed literally; font requests stand inside the line since `.B` would split at quotes."""
    return rf"\fB{_escaped(text)}\fR"


def _text(text: str) -> str:
    """Running text; what stands between backquotes is typed literally."""
    parts = re.split(r"`([^`]+)`", text)
    return "".join(_typed(part) if index % 2 else _escaped(part) for index, part in enumerate(parts))


def _escaped(text: str) -> str:
    """Text of which roff takes nothing for its own: no request at the start of the line, no typographic quotes."""
    escaped = "".join(_TYPEWRITER.get(character, character) for character in text)
    return rf"\&{escaped}" if escaped.startswith(".") else escaped


def _as_clause(sentence: str) -> str:
    """A line of help as the manual's NAME section has it: no capital, no full stop."""
    return sentence[:1].lower() + sentence[1:].removesuffix(".")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
