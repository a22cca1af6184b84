"""Records the workspace as git sees it: tracked and untracked files, not the ignored ones.

Nothing of the user's is touched: one `git status` says what differs from the index, and only that is put into a private
copy of it. No hint of an earlier scan is kept or trusted. Objects are synced, and referenced by nothing yet.

Not guaranteed: that files which change during the snapshot are all of one moment.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from git_pliny.errors import GitError, StorageError
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
from git_pliny.git.process import run_git
from git_pliny.git.repository import Head, Repository
from git_pliny.git.scratch import scratch
from git_pliny.git.status import Status, read_status

ATTEMPTS = 5
"""How often a snapshot is begun again because files, index or HEAD changed under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A recorded workspace. Of a nested repository only its commit is recorded."""

    tree: str
    index_tree: str | None
    """None where the index is HEAD's tree, or unmerged, which can't be written."""
    head: Head
    dirty_nested: tuple[str, ...] = ()
    """Nested repositories and submodules with changes that are not in their commit, and so not in the snapshot."""
    skipped_nested: tuple[str, ...] = ()
    """Nested repositories without a commit: left out."""


class _MovedError(GitError):
    """Index or HEAD changed while the snapshot was taken."""


def capture(repository: Repository) -> Snapshot:
    """Write the workspace to the object database; raises GitError naming a path that can't be read."""
    for _ in range(ATTEMPTS - 1):
        try:
            return _capture(repository)
        except StorageError:
            raise
        except GitError as error:
            if "Permission denied" in error.message:
                raise
    return _capture(repository)


def _capture(repository: Repository) -> Snapshot:
    index, ref = identity(index_path(repository)), _head_ref(repository)
    status = read_status(repository)
    if _head_ref(repository) != ref:
        raise _MovedError("HEAD moved while the snapshot was taken", hint="try again")
    head = Head(oid=status.head, ref=ref)
    if status.staged or status.changed or status.gone or status.nested:
        return _record(repository, status, head, index)
    tree = _tree_of_head(repository, head)
    return Snapshot(tree=tree, index_tree=None, head=head, dirty_nested=_decoded(status.dirty_submodules))


def _record(repository: Repository, status: Status, head: Head, index: Identity | None) -> Snapshot:
    with scratch(repository) as folder:
        private = folder / "index"
        if copy_index(repository, private) != index:
            raise _MovedError("the index changed while the snapshot was taken", hint="try again")
        index_tree = write_tree(repository, private) if status.staged and not status.unmerged else None
        dirty, skipped = _add(repository, private, status)
        changed = status.changed or status.gone or status.nested or index_tree is None
        tree = write_tree(repository, private) if changed else index_tree
    assert tree is not None  # noqa: S101 - says to the type checker what `changed` says
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
        add_from_files(repository, private, status.changed)
    except (GitError, StorageError) as error:
        raise _unreadable(error) from error
    skipped = [path for path in status.nested if not _add_nested(repository, private, path)]
    dirty = [path for path in status.nested if path not in skipped and _is_dirty(repository, path)]
    return dirty, skipped


def _unreadable(error: GitError | StorageError) -> GitError | StorageError:
    if 'open("' in error.message and "Permission denied" in error.message:
        return GitError(f"a file can't be read: {error.message}", hint="make it readable, or name it in .gitignore")
    return error


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
    """The ref that HEAD names; read from its file, which costs no process, where that says it."""
    try:
        content = (repository.git_dir / "HEAD").read_bytes()
    except OSError:
        content = b""
    if not content.startswith(b"ref: refs/heads/.invalid") and not (repository.git_dir / "HEAD").is_symlink():
        if content.startswith(b"ref: "):
            return os.fsdecode(content.removeprefix(b"ref: ").strip())
        if content:
            return None
    return repository.head().ref


def _tree_of_head(repository: Repository, head: Head) -> str:
    if head.oid is None:
        return repository.git("mktree", stdin=b"", durable=True).decode().strip()
    return repository.git("rev-parse", "--verify", f"{head.oid}^{{tree}}").decode().strip()


def _decoded(paths: list[bytes]) -> tuple[str, ...]:
    return tuple(sorted(map(os.fsdecode, paths)))
