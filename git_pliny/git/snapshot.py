"""Records the workspace as git sees it: tracked and untracked files, not the ignored ones.

Nothing of the user's is touched: one `git status` says what differs from the index, and only that is put into a private
copy of it. No hint of an earlier scan is kept or trusted. Objects are synced, and referenced by nothing yet.

Not guaranteed: that files which change during the snapshot are all of one moment.
"""

import os
import re
from pathlib import Path

import msgspec

from git_pliny.errors import GitError, StorageError
from git_pliny.git.bulk import add_files
from git_pliny.git.index import (
    PLAIN,
    Identity,
    add_from_files,
    copy_index,
    identity,
    index_path,
    set_entries,
    write_tree,
)
from git_pliny.git.locks import break_stale_locks
from git_pliny.git.objects import ObjectReader
from git_pliny.git.process import ObjectsLostError, run_git
from git_pliny.git.repository import Head, Repository
from git_pliny.git.scratch import scratch
from git_pliny.git.status import Status, read_status

ATTEMPTS = 5
"""How often a snapshot is begun again because files, index or HEAD changed under it."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded workspace. Of a nested repository only its commit is recorded."""

    tree: str
    index_tree: str | None
    """None where the index is HEAD's tree, or unmerged, which can't be written."""
    head: Head
    dirty_nested: tuple[str, ...] = ()
    """Nested repositories and submodules with changes that are not in their commit, and so not in the snapshot."""
    skipped_nested: tuple[str, ...] = ()
    """Nested repositories without a commit: left out."""


_MOVED = "changed while the snapshot was taken"
_PASSING = re.compile(
    rf"{_MOVED}|No such file or directory|Not a directory|is a directory|beyond a symbolic link|short read"
    r"|read error while indexing|ended by signal 7|ended by signal 10"
)
"""Errors of files that come, go and change meanwhile; the signals are SIGBUS, of a file cut short while it is read."""

_UNREADABLE = re.compile(r"""(?:open|readlink)\("(?P<file>.*?)"\): (?P<reason>[^;]*)""")
_OID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def capture(repository: Repository, reader: ObjectReader | None = None) -> Snapshot:
    """Write the workspace to the object database; raises GitError naming a path that can't be read.

    A reader spares a process of git.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return _capture(repository, reader)
        except GitError as error:
            if not isinstance(error, ObjectsLostError) and not _PASSING.search(error.message):
                raise
    return _capture(repository, reader)


def _capture(repository: Repository, reader: ObjectReader | None) -> Snapshot:
    index, ref = identity(index_path(repository)), _head_ref(repository)
    status = read_status(repository)
    if _head_ref(repository) != ref or identity(index_path(repository)) != index:
        raise GitError(f"HEAD or the index {_MOVED}", hint="try again")
    head = Head(oid=status.head, ref=ref)
    if status.staged or status.changed or status.gone or status.nested:
        return _record(repository, status, head, index)
    tree = tree_of_head(repository, head, reader)
    return Snapshot(tree=tree, index_tree=None, head=head, dirty_nested=_decoded(status.dirty_submodules))


def _record(repository: Repository, status: Status, head: Head, index: Identity | None) -> Snapshot:
    with scratch(repository) as own:
        private = own / "index"
        if copy_index(repository, private) != index:
            raise GitError(f"the index {_MOVED}", hint="try again")
        index_tree = write_tree(repository, private) if status.staged and not status.unmerged else None
        dirty, skipped = _add(repository, private, status)
        tree = write_tree(repository, private)
    break_stale_locks(repository)
    return Snapshot(
        tree=tree,
        index_tree=index_tree,
        head=head,
        dirty_nested=_decoded([*status.dirty_submodules, *dirty]),
        skipped_nested=_decoded(skipped),
    )


def _add(repository: Repository, private: Path, status: Status) -> tuple[list[bytes], list[bytes]]:
    """Put what the work tree has into the private index; the nested repositories that are dirty, and left out."""
    set_entries(repository, private, (), drop=status.gone)
    try:
        add_files(repository, private, status.changed)
    except StorageError as error:
        if unreadable := _UNREADABLE.search(error.message):
            raise GitError(
                f"cannot read {unreadable['file']}: {unreadable['reason']}",
                hint="make it readable, or name it in .gitignore",
            ) from error
        raise
    skipped = [path for path in status.nested if not _add_nested(repository, private, path)]
    dirty = [path for path in status.nested if path not in skipped and _is_dirty(repository, path)]
    return dirty, skipped


def _add_nested(repository: Repository, private: Path, path: bytes) -> bool:
    """Record a nested repository by its commit; False where it has none."""
    try:
        add_from_files(repository, private, [path])
    except GitError as error:
        if "is a directory" not in error.message:
            raise
        return False
    return True


def _is_dirty(repository: Repository, path: bytes) -> bool:
    """Whether a nested repository has more than its commit says; one that git refuses to look into counts as dirty."""
    arguments = ("--no-optional-locks", *PLAIN, "status", "--porcelain", "-z")
    try:
        done = run_git(arguments, cwd=repository.root / os.fsdecode(path), environ=repository.environ)
    except GitError:
        return True
    return bool(done.stdout)


def _head_ref(repository: Repository) -> str | None:
    """The ref that HEAD names; read from its file, which costs no process, where the file says it."""
    file = repository.git_dir / "HEAD"
    content = b"" if file.is_symlink() or not file.is_file() else file.read_bytes()
    if content.startswith(b"ref: ") and b"/.invalid" not in content:
        return os.fsdecode(content.removeprefix(b"ref: ").strip())
    # A commit id means detached; anything else is a form that only git reads.
    return None if _OID.fullmatch(content.strip()) else repository.head().ref


def tree_of_head(repository: Repository, head: Head, reader: ObjectReader | None = None) -> str:
    """The tree of HEAD's commit; the empty tree, written, where there is no commit yet."""
    if head.oid is None:
        return repository.git_again("mktree", stdin=b"").decode().strip()
    if reader is not None and (tree := reader.read(f"{head.oid}^{{tree}}")) is not None:
        return tree.oid
    return repository.git("rev-parse", "--verify", f"{head.oid}^{{tree}}").decode().strip()


def _decoded(paths: list[bytes]) -> tuple[str, ...]:
    return tuple(sorted(map(os.fsdecode, paths)))
