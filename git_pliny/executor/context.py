"""The text of an agent's context: the files that plan, agent and command line name, one after the other."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from git_pliny.errors import ConfigError
from git_pliny.model.plan import Plan
from git_pliny.model.visible import visible


def context_text(root: Path, patterns: Iterable[str]) -> str:
    """The files' text, each under its name; ConfigError names one that is missing or can't be read.

    A pattern with `*`, `?` or `[` stands for the files it matches; relative ones start at the repository root.
    """
    parts = []
    for path in dict.fromkeys(path for pattern in patterns for path in _files(root, pattern)):
        name = path.relative_to(root) if path.is_relative_to(root) else path
        parts.append(f"# {visible(str(name))}\n\n{_read(path)}")
    return "\n".join(parts)


def check_context(plan: Plan, given: Iterable[str], *, root: Path, done: Collection[str]) -> None:
    """Refuse, before anything runs, context that is missing and that no agent could make before it is read.

    `given` is the command line's. What a later agent reads may be what an earlier one writes.
    """
    first = plan.phases[0]
    at_once = [plan.agents[name] for name in (first.agents if first.parallel else first.agents[:1]) if name not in done]
    own = [pattern for agent in at_once if not agent.needs for pattern in agent.context]
    for pattern in (*given, *plan.context, *own):
        if not any(path.is_file() for path in _files(root, pattern)):
            raise ConfigError(
                f"the context file '{visible(pattern)}' does not exist", hint="mend `context:` or --context"
            )


def _files(root: Path, pattern: str) -> Iterator[Path]:
    plain = Path(root, pattern)
    if not any(character in pattern for character in "*?[") or plain.exists():
        yield plain
        return
    start, relative = (
        (Path(plain.anchor), pattern[len(plain.anchor) :]) if Path(pattern).is_absolute() else (root, pattern)
    )
    found = sorted(path for path in start.glob(relative) if path.is_file())
    if not found:
        raise ConfigError(f"no file matches the context '{visible(pattern)}'", hint="name files that exist")
    yield from found


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError as error:
        raise ConfigError(f"cannot read the context file {visible(str(path))}: {error.strerror}") from error
