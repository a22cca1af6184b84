"""Context files as they are read: bounded, and with the files that they import by `@path`.

An import stands in a Markdown file, outside of code, after a space or at the start of a line; its path begins at the
folder of that file. A file of the repository can import only files of the repository: whoever wrote it, a remote say,
shall not choose what else of this machine an agent's model is told. A file of the user's own, one named outside of the
repository, can import any.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from git_pliny.errors import ConfigError
from git_pliny.model.visible import visible

DEEPEST = 5
"""How many imports can lie between a named file and an imported one."""

_MARKDOWN = frozenset({".md", ".markdown", ".mdc"})
_IMPORT = re.compile(r"(?:^|(?<=[ \t(]))@((?:~/|\.{0,2}/)?[^\s@`<>()\[\]{}\"'*]+)")
_SURELY_A_FILE = re.compile(r".+\.(?:md|markdown|mdc|txt)")
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_AFTER = ".,;:!?"
_LIMIT_KEY = "execution.context_limit"
_SHOWN = 3


class _Reference(msgspec.Struct, frozen=True):
    path: str
    line: int


class Reading:
    """Reads files one after the other, each once, until they are more than `limit` bytes together.

    `named`: the files that the user or the plan names; whatever imports one of them only repeats that.
    """

    def __init__(self, root: Path, *, limit: int, home: str | None, named: Iterable[Path] = ()) -> None:
        self._root = root
        self._named = {_real(path) for path in named}
        self._top = root.resolve()
        self._limit = limit
        self._home = home
        self._texts: dict[Path, tuple[str, str]] = {}
        self._sizes: dict[str, int] = {}

    def texts(self) -> Iterator[tuple[str, str]]:
        """The name and the text of every file, in order."""
        return iter(self._texts.values())

    def take(self, path: Path, *, is_found: bool = False) -> None:
        """Read a file and what it imports; one that was found, not named, must be the repository's own."""
        if is_found and not self._is_ours(path):
            raise ConfigError(
                f"{self._name(path)} is a link out of the repository", hint=f"name the file that is meant: {path}"
            )
        self._take(path, ())

    def _take(self, path: Path, above: tuple[Path, ...]) -> None:
        real = _real(path)
        if real in above:
            circle = [*above[above.index(real) :], real]
            raise ConfigError(f"context files import each other in a circle: {self._chain(circle)}")
        if real in self._texts:
            return
        if len(above) > DEEPEST:
            raise ConfigError(
                f"context files import each other more than {DEEPEST} deep: {self._chain([*above, real])}"
            )
        text = self._read(path)
        self._texts[real] = self._name(path), text
        if path.suffix.lower() in _MARKDOWN:
            for found in _references(text):
                imported = self._meant(found, path)
                if imported is not None:
                    self._take(imported, (*above, real))

    def _meant(self, found: _Reference, by: Path) -> Path | None:
        """The file that an import names; None where it looks like one and isn't."""
        is_own = not by.is_relative_to(self._root) and not self._is_ours(by)
        path = self._expanded(found.path, by)
        surely = _SURELY_A_FILE.fullmatch(found.path) is not None
        if path is not None and _real(path) in self._named:
            return path
        where = f"{self._name(by)}:{found.line}: `@{visible(found.path)}`"
        if not is_own and (path is None or not self._is_ours(path)):
            if not surely and (path is None or not _is_file(path)):
                return None
            raise ConfigError(
                f"{where} imports a file outside of the repository, which only a file of your own can",
                hint="give that file with --context instead",
            )
        if path is not None and _is_file(path):
            return path
        if surely:
            raise ConfigError(
                f"{where} imports a file that does not exist", hint="mend it, or put it between backquotes"
            )
        return None

    def _expanded(self, given: str, by: Path) -> Path | None:
        if not given.startswith("~/"):
            return Path(os.path.normpath(by.parent / given))
        return Path(self._home, given[2:]) if self._home else None

    def _is_ours(self, path: Path) -> bool:
        """Whether it is a file of the repository, also once links are followed, and none of git's own."""
        real = _real(path)
        return real.is_relative_to(self._top) and ".git" not in str(real.relative_to(self._top)).lower().split("/")

    def _read(self, path: Path) -> str:
        name = self._name(path)
        try:
            with open(path, "rb", opener=_without_waiting) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise ConfigError(
                        f"the context file {name} is no regular file", hint="mend `context:` or --context"
                    )
                size = os.fstat(file.fileno()).st_size
                data = file.read(self._limit + 1)
        except FileNotFoundError as error:
            raise ConfigError(
                f"the context file '{name}' does not exist", hint="mend `context:` or --context"
            ) from error
        except OSError as error:
            raise ConfigError(f"cannot read the context file {name}: {error.strerror}") from error
        self._sizes[name] = max(size, len(data))
        if sum(self._sizes.values()) > self._limit:
            raise self._too_large()
        return data.decode("utf-8", "replace")

    def _too_large(self) -> ConfigError:
        sizes = self._sizes
        largest = sorted(sizes, key=lambda name: -sizes[name])[:_SHOWN]
        told = ", ".join(f"{name} ({sizes[name]})" for name in largest)
        return ConfigError(
            f"the context is larger than {self._limit} bytes, the most that an agent gets; largest so far: {told}",
            hint=f"name fewer files, or: git pliny config set {_LIMIT_KEY} {2 * sum(sizes.values())}",
        )

    def _name(self, path: Path) -> str:
        return visible(str(path.relative_to(self._root) if path.is_relative_to(self._root) else path))

    def _chain(self, paths: list[Path]) -> str:
        ours = [path.relative_to(self._top) if path.is_relative_to(self._top) else path for path in paths]
        return " → ".join(visible(str(path)) for path in ours)


def _references(text: str) -> Iterator[_Reference]:
    """The imports of a Markdown text outside of code."""
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) else fence
        elif mark:
            fence = mark[1]
        else:
            for found in _IMPORT.finditer(_CODE.sub(lambda code: " " * len(code[0]), line)):
                if path := found[1].rstrip(_AFTER):
                    yield _Reference(path, number)


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a loop of symbolic links
        return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long
        return False


def _without_waiting(path: str, flags: int) -> int:
    """Open so that a named pipe in the place of a file is met with a message and not with a wait for its writer."""
    return os.open(path, flags | os.O_NONBLOCK)
