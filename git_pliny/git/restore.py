"""Makes files, index and HEAD's branch as they were in a checkpoint, and overwrites nothing that is not recorded.

The order is files, index, HEAD: whatever a kill leaves behind, a new snapshot records it and a second run finishes.

Not guaranteed: a file edited in the instant between being checked and being replaced is lost, as with `git checkout`.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from git_pliny.errors import StorageError, WouldOverwriteError
from git_pliny.git.guard import check_head, check_paths, check_quiet
from git_pliny.git.index import PLAIN, copy_index, index_path, set_entries, write_tree
from git_pliny.git.locks import hold_index
from git_pliny.git.repository import Head, Repository
from git_pliny.git.scratch import scratch
from git_pliny.git.snapshot import Snapshot
from git_pliny.git.treediff import Change, Kind, compare_trees


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the workspace is to stand: a checkpoint's files, index (None: HEAD's tree) and HEAD."""

    tree: str
    index_tree: str | None
    head: Head


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """What a restore would do; `current` is the snapshot that keeps all that it overwrites or removes."""

    target: Target
    current: Snapshot
    changes: tuple[Change, ...]

    def paths(self, kind: Kind) -> tuple[str, ...]:
        """What is written, what is removed, which nested repositories are at another commit."""
        return tuple(change.path for change in self.changes if change.kind == kind)


def plan_restore(repository: Repository, *, target: Target, current: Snapshot) -> Restore:
    """List what would change; touches nothing."""
    changes = compare_trees(repository, current.tree, target.tree)
    return Restore(target=target, current=current, changes=changes)


def check_restore(repository: Repository, restore: Restore, *, keep_head: bool) -> None:
    """Raise WouldOverwriteError, naming the operation, branch or path that stands in the way; touches nothing."""
    with scratch(repository) as folder:
        _check(repository, restore, folder, keep_head=keep_head)


def apply_restore(repository: Repository, restore: Restore, *, keep_head: bool, reason: str) -> None:
    """Check, then move files, index and HEAD; `reason` goes into the reflog.

    With `keep_head`, HEAD and its branch stay, and the index becomes the tree of the HEAD that stays, unless that is the
    checkpoint's own: what the restore changes then reads as changes not staged.
    """
    with scratch(repository) as folder, hold_index(repository, folder):
        disk = _check(repository, restore, folder, keep_head=keep_head)
        _move_files(repository, folder, disk)
        _put_index(repository, folder, restore, keep_head=keep_head)
        if not keep_head:
            _move_head(repository, restore, reason)


def _check(repository: Repository, restore: Restore, folder: Path, *, keep_head: bool) -> tuple[Change, ...]:
    """The changes to be made on disk, all of them safe."""
    check_quiet(repository)
    if not keep_head:
        check_head(repository, current=restore.current.head, target=restore.target.head)
    _check_index(repository, restore.current, folder)
    return check_paths(repository, folder, restore.changes, tree=restore.current.tree)


def _check_index(repository: Repository, current: Snapshot, folder: Path) -> None:
    """What is staged must be in the snapshot as well."""
    private = folder / "staged"
    copy_index(repository, private)
    expected = current.index_tree or _tree_of(repository, current.head)
    if write_tree(repository, private) != expected:
        raise WouldOverwriteError("what is staged changed just now", hint="run the same rollback again")


def _tree_of(repository: Repository, head: Head) -> str:
    if head.oid is None:
        return repository.git("mktree", stdin=b"", durable=True).decode().strip()
    return repository.git("rev-parse", "--verify", f"{head.oid}^{{tree}}").decode().strip()


def _move_files(repository: Repository, folder: Path, disk: tuple[Change, ...]) -> None:
    """Have git itself check these files out, in an index of nothing but them."""
    if not disk:
        return
    private, other = folder / "files", folder / "wanted"
    set_entries(repository, other, [change.new for change in disk if change.new])
    old, new = _tree(repository, private), _tree(repository, other)
    arguments = ("read-tree", "-m", "-u", "--no-sparse-checkout", "--no-recurse-submodules", old, new)
    done = repository.git_process(*PLAIN, *arguments, index=private)
    left = [change.path for change in disk if change.new is None and _is_file(repository.root / change.path)]
    if left:
        raise StorageError(f"cannot remove {left[0]}: {done.stderr.decode('utf-8', 'replace').strip()}")


def _is_file(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return os.path.lexists(path) and not path.is_dir()
    return False


def _tree(repository: Repository, index: Path) -> str:
    return write_tree(repository, index)


def _put_index(repository: Repository, folder: Path, restore: Restore, *, keep_head: bool) -> None:
    """Replace the user's index; flags such as skip-worktree and what is known of unchanged files stay."""
    private = folder / "index"
    copy_index(repository, private)
    repository.git(
        *PLAIN, "read-tree", "-i", "-m", _index_tree(repository, restore, keep_head=keep_head), index=private
    )
    repository.git(*PLAIN, "update-index", "-q", "--refresh", index=private, accept=(0, 1))
    with private.open("rb") as written:
        os.fsync(written.fileno())
    private.replace(index_path(repository))


def _index_tree(repository: Repository, restore: Restore, *, keep_head: bool) -> str:
    current, target = restore.current.head, restore.target.head
    if keep_head and current.oid != target.oid:
        return _tree_of(repository, current)
    return restore.target.index_tree or _tree_of(repository, target)


def _move_head(repository: Repository, restore: Restore, reason: str) -> None:
    """Compare and swap: a commit made since the snapshot is not lost."""
    old, new = restore.current.head.oid, restore.target.head.oid
    zeros = "0" * len(restore.current.tree)
    if old == new:
        return
    action = ("-d", "HEAD", old or zeros) if new is None else ("HEAD", new, old or zeros)
    repository.git("update-ref", "-m", reason, *action, durable=True)
