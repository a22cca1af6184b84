"""The text of an agent's context: the files that plan, agent and command line name, one after the other.

Beside files and patterns there is a word, `agents-md`: the instructions for agents that stand in the repository. What a
Markdown file among them imports (`@docs/style.md`) follows it. Each file stands there once.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from git_pliny.errors import ConfigError
from git_pliny.executor.imports import Reading
from git_pliny.model.plan import Plan
from git_pliny.model.visible import visible

AGENTS_MD = "agents-md"
"""The word that stands for the instruction files of the root, and of the folders down to each other context file."""

_INSTRUCTIONS = ("AGENTS.md", "CLAUDE.md", "GEMINI.md")
_UNLISTED = ".git"


def context_text(root: Path, patterns: Iterable[str], *, limit: int, home: str | None = None) -> str:
    """The files' text, each under its name; ConfigError names one that is missing, can't be read, or may not be.

    A pattern with `*`, `?` or `[` stands for the files it matches; relative ones start at the repository root.
    `limit` is for all of them, in bytes; `home` is the user's, for `@~/file` in files of the user's own.
    """
    given = list(patterns)
    if not given:
        return ""
    files = list(_files_of(root, given))
    reading = Reading(root, limit=limit, home=home, named=[path for path, is_found in files if not is_found])
    for path, is_found in files:
        reading.take(path, is_found=is_found)
    return "\n".join(f"# {visible(name)}\n\n{text}" for name, text in reading.texts())


def check_context(
    plan: Plan, given: Iterable[str], *, root: Path, done: Collection[str], limit: int, home: str | None = None
) -> None:
    """Refuse, before anything runs, context that can't be read and that no agent could make before it is read.

    `given` is the command line's. What a later agent reads may be what an earlier one writes.
    """
    first, shared = plan.phases[0], [*given, *plan.context]
    at_once = [plan.agents[name] for name in (first.agents if first.parallel else first.agents[:1]) if name not in done]
    own = {agent.context: None for agent in at_once if not agent.needs and agent.context}
    for patterns in (shared, *([*shared, *each] for each in own)):
        context_text(root, patterns, limit=limit, home=home)


def _files_of(root: Path, patterns: list[str]) -> Iterator[tuple[Path, bool]]:
    """Each file, and whether it was found, not named."""
    named = {pattern: list(_files(root, pattern)) for pattern in patterns if not _is_word(root, pattern)}
    for pattern in patterns:
        if pattern in named:
            yield from ((path, False) for path in named[pattern])
        else:
            yield from (
                (path, True) for path in _instructions(root, [path for each in named.values() for path in each])
            )


def _is_word(root: Path, pattern: str) -> bool:
    return pattern == AGENTS_MD and not Path(root, pattern).exists()


def _instructions(root: Path, named: list[Path]) -> list[Path]:
    """One instruction file of each folder: of several the first, since they are written to say the same."""
    folders = [root]
    for path in named:
        if path.is_relative_to(root):
            folders += [parent for parent in reversed(path.parents) if parent.is_relative_to(root)]
    candidates = ([folder / name for name in _INSTRUCTIONS] for folder in dict.fromkeys(folders))
    found = [next((path for path in each if path.is_file()), None) for each in candidates]
    if not any(found):
        raise ConfigError(
            f"the context `{AGENTS_MD}` finds none of {', '.join(_INSTRUCTIONS)} in the repository's root",
            hint=f"write one, or take {AGENTS_MD} out of `context:`",
        )
    return [path for path in found if path is not None]


def _files(root: Path, pattern: str) -> Iterator[Path]:
    plain = Path(os.path.normpath(Path(root, pattern)))
    if not any(character in pattern for character in "*?[") or plain.exists():
        yield plain
        return
    start, relative = (
        (Path(plain.anchor), pattern[len(plain.anchor) :]) if Path(pattern).is_absolute() else (root, pattern)
    )
    matching = (path for path in start.glob(relative) if _UNLISTED not in path.relative_to(start).parts)
    found = sorted(path for path in matching if path.is_file())
    if not found:
        raise ConfigError(f"no file matches the context '{visible(pattern)}'", hint="name files that exist")
    yield from found
