"""Private copies of a worktree's index, and git run on them without touching anything of the user's.

A copy keeps the mtime of its original: git compares it with the entries' to find those changed within one tick.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from git_pliny.errors import StorageError
from git_pliny.git.repository import Repository

PLAIN = (
    # Hints of a monitor or an earlier scan are not trusted: what is recorded is what is there.
    *("-c", "core.fsmonitor=", "-c", "core.untrackedCache=false"),
    # A split index would be written into the user's git directory, and a hook would see our private files.
    *("-c", "core.splitIndex=false", "-c", "core.hooksPath=/dev/null"),
    # A snapshot records what git would record; a refusal because of line ends would lose it.
    *("-c", "core.safecrlf=false"),
    # Objects are synced; an index that nobody will see need not be.
    *("-c", "core.fsync=objects,derived-metadata,reference"),
)
"""Options for git on a private index."""

GITLINK = b"160000"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What an index or a tree says of one path."""

    mode: bytes
    oid: bytes
    path: bytes


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What tells two states of an index file apart: git always replaces it by a rename."""

    inode: int
    size: int
    mtime_ns: int


def identity(path: Path) -> Identity | None:
    """Which index file is there now; None where there is none."""
    try:
        return _identity(path.stat())
    except FileNotFoundError:
        return None


def _identity(status: os.stat_result) -> Identity:
    return Identity(inode=status.st_ino, size=status.st_size, mtime_ns=status.st_mtime_ns)


def index_path(repository: Repository) -> Path:
    """The user's own index of this worktree."""
    return repository.git_dir / "index"


def no_index(repository: Repository) -> Path:
    """An index that is not there, for commands that read one and need none: a large one takes longer than the rest."""
    return repository.local / "no-index"


def copy_index(repository: Repository, to: Path) -> Identity | None:
    """Copy the user's index with its mtime, and say which one was copied; None (and no copy) where there is none."""
    try:
        with index_path(repository).open("rb") as source:
            status = os.fstat(source.fileno())
            with to.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            os.utime(to, ns=(status.st_atime_ns, status.st_mtime_ns))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"cannot copy the index to {to}: {error.strerror}") from error
    return _identity(status)


def write_tree(repository: Repository, index: Path) -> str:
    """The tree of a private index, written to the object database."""
    return repository.git_again(*PLAIN, "write-tree", index=index).decode().strip()


def set_entries(repository: Repository, index: Path, entries: Iterable[Entry], *, drop: Iterable[bytes] = ()) -> None:
    """Remove the paths of `drop` from a private index, then put `entries` in, without looking at any file."""
    zeros = b"0" * (64 if repository.object_format == "sha256" else 40)
    lines = [b"0 %s\t%s\0" % (zeros, path) for path in drop]
    lines += [b"%s %s 0\t%s\0" % (entry.mode, entry.oid, entry.path) for entry in entries]
    if lines:
        repository.git(*PLAIN, "update-index", "-z", "--index-info", index=index, stdin=b"".join(lines))


def read_entries(repository: Repository, index: Path) -> list[Entry]:
    """All that a private index holds."""
    records = repository.git(*PLAIN, "ls-files", "--stage", "-z", index=index).split(b"\0")[:-1]
    described = [record.partition(b"\t") for record in records]
    return [Entry(mode=words[:6], oid=words[7:].partition(b" ")[0], path=path) for words, _, path in described]


def add_from_files(
    repository: Repository,
    index: Path,
    paths: Iterable[bytes],
    *,
    options: Sequence[str] = (),
    flags: Sequence[str] = (),
) -> None:
    """Record these paths in a private index as they are in the work tree; what is not there is taken out.

    `options` are git's own, `flags` those of its `update-index`.
    """
    listing = b"".join(b"%s\0" % path for path in paths)
    if listing:
        command = ("update-index", "--add", "--remove", "--replace", *flags, "-z", "--stdin")
        repository.git(*PLAIN, *options, *command, index=index, stdin=listing, durable=True)
