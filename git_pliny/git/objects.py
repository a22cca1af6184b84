"""Objects, read through one `git cat-file --batch`.

Needs no dulwich, whose import costs more than most commands that only look; writing is `writer`'s.
"""

import contextlib
import subprocess
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import IO, NamedTuple, Self

from git_pliny.errors import CorruptError, GitError
from git_pliny.git.refs import is_surely_absent
from git_pliny.git.repository import Repository

MODE_TREE = 0o40000
MODE_FILE = 0o100644
MODE_EXECUTABLE = 0o100755
MODE_LINK = 0o120000

_AHEAD = 200
"""Names that are asked for before the first answer is read: they must fit into a pipe."""
_CHUNK = 1 << 20
_FATAL = 128
"""What git exits with when it dies of its own accord."""


class StoredObject(NamedTuple):
    """An object as read: its name in hexadecimal, its type (`blob`, `tree`, `commit`, `tag`) and content."""

    oid: str
    kind: str
    data: bytes


class TreeEntry(NamedTuple):
    mode: int
    oid: str


def tree_of(name: str) -> str:
    """How git is asked for the tree that a name stands for, itself or as a commit's."""
    return f"{name}^{{tree}}"


class ObjectReader:
    """Reads objects by any name git understands. One process for all reads, started by the first; close it."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._process: subprocess.Popen[bytes] | None = None
        self._warm: dict[str, StoredObject] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; a later read starts another."""
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            process.wait()

    def read(self, name: str, *, limit: int | None = None) -> StoredObject | None:
        """The object that `name` (an oid, a ref, `<ref>:<path>`) stands for.

        None where none is, it is corrupt, or larger than `limit` bytes.
        """
        if "\n" in name:
            return None
        if (warm := self._warm.get(name)) is not None:
            return warm if limit is None or len(warm.data) <= limit else None
        stdin, stdout = self._pipes()
        try:
            stdin.write(name.encode("utf-8", "surrogateescape") + b"\n")
            stdin.flush()
        except BrokenPipeError as error:
            raise self._died() from error
        return self._answer(stdout, limit)

    def warm(self, names: Iterable[str], *, limit: int) -> None:
        """Read these objects ahead, and keep them until `cool`: git need not be asked for each in turn.

        What is not there, or larger than `limit` bytes, is left to `read`.
        """
        waiting = list(dict.fromkeys(names))
        for start in range(0, len(waiting), _AHEAD):
            some = waiting[start : start + _AHEAD]
            stdin, stdout = self._pipes()
            try:
                stdin.write("".join(f"{name}\n" for name in some).encode("utf-8", "surrogateescape"))
                stdin.flush()
            except BrokenPipeError as error:
                raise self._died() from error
            for name in some:
                if self._process is None:  # it gave up, at an object that is corrupt
                    return
                if (found := self._answer(stdout, limit)) is not None:
                    self._warm[name] = found

    def cool(self) -> None:
        """Forget what was read ahead."""
        self._warm.clear()

    def _answer(self, stdout: IO[bytes], limit: int | None) -> StoredObject | None:
        try:
            header = stdout.readline().split()
        except BrokenPipeError as error:
            raise self._died() from error
        if not header and self._gave_up():
            return None
        if not header:
            raise self._died()
        if len(header) < 3 or header[-1] in (b"missing", b"ambiguous"):  # noqa: PLR2004 - "<oid> <type> <size>"
            return None
        oid, kind, size = header
        if limit is not None and int(size) > limit:
            self._pass_over(stdout, int(size) + 1)
            return None
        data = stdout.read(int(size))
        if len(data) != int(size) or stdout.read(1) != b"\n":
            raise self._died()
        return StoredObject(oid.decode(), kind.decode(), data)

    @staticmethod
    def _pass_over(stdout: IO[bytes], size: int) -> None:
        while size > 0 and (chunk := stdout.read(min(size, _CHUNK))):
            size -= len(chunk)

    def blob(self, name: str, *, limit: int | None = None) -> bytes | None:
        """A blob's content, or None where the name is of no blob, or of one larger than `limit` bytes."""
        found = self.read(name, limit=limit)
        return found.data if found and found.kind == "blob" else None

    def resolve(self, name: str) -> str | None:
        """The oid that `name` stands for, whether that object is here and whole or not; None where there is none."""
        if (found := self.read(name)) is not None:
            return found.oid
        if name.startswith("refs/") and is_surely_absent(self._repository, name):
            return None
        oid = self._repository.git("rev-parse", "-q", "--verify", name, accept=(0, 1, 128))
        return oid.decode().strip() or None

    def tree(self, name: str, *, needed: bool = False) -> dict[bytes, TreeEntry]:
        """A tree's entries by name; where there is no such tree none, or a CorruptError if it is `needed`."""
        found = self.read(tree_of(name))
        if found is None and needed:
            raise CorruptError(f"a tree is missing or corrupt: {name}", hint="git fsck")
        if found is None or found.kind != "tree":
            return {}
        return dict(_tree_entries(found.data, len(found.oid) // 2))

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None:
            self._process = subprocess.Popen(
                ["git", "cat-file", "--batch"],
                cwd=self._repository.root,
                env=self._repository.git_environ(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise self._died()
        return process.stdin, process.stdout

    def _gave_up(self) -> bool:
        """Whether git ended because of an object that is corrupt; the next read starts another one."""
        process = self._process
        self.close()
        return process is not None and process.returncode == _FATAL

    def _died(self) -> GitError:
        self.close()
        return GitError("git cat-file ended while objects were read", hint="git fsck")


def _tree_entries(data: bytes, width: int) -> Iterator[tuple[bytes, TreeEntry]]:
    place = 0
    while place < len(data):
        space, end = data.index(b" ", place), data.index(b"\0", place)
        oid = data[end + 1 : end + 1 + width].hex()
        yield data[space + 1 : end], TreeEntry(int(data[place:space], 8), oid)
        place = end + 1 + width
