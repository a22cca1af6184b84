"""The text of an agent's context: the files that plan, agent and command line name, one after the other."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from git_pliny.errors import ConfigError
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


def missing_context(root: Path, patterns: Iterable[str]) -> list[str]:
    """The patterns that stand for no file now."""
    return [pattern for pattern in patterns if not any(path.is_file() for path in _files(root, pattern))]


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
