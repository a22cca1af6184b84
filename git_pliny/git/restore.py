"""Makes files, index and HEAD's branch as they were in a checkpoint, and overwrites nothing that is not recorded.

The order is files, index, HEAD: whatever a kill leaves behind, a new snapshot records it and a second run finishes.
Git itself writes the files, in a private index of nothing but them, so filters, modes and symbolic links are its own.

Nested repositories: their commit moves in the index; their files are left alone, as `git checkout` does it.

Not guaranteed: a file edited in the instant between being checked and being replaced is lost, as with `git checkout`.
"""

import msgspec

from git_pliny.errors import WouldOverwriteError
from git_pliny.git.checkout import Steps, move_files, put_index, take_steps
from git_pliny.git.guard import AGAIN, check_head, check_paths, check_quiet
from git_pliny.git.index import copy_index, write_tree
from git_pliny.git.locks import hold_index, recorded_refs
from git_pliny.git.repository import Head, Repository
from git_pliny.git.scratch import Scratch, scratch
from git_pliny.git.snapshot import Snapshot, tree_of_head
from git_pliny.git.sparse import read_flags
from git_pliny.git.treediff import Change, Kind, compare_trees
from git_pliny.git.way import check_collisions, check_free, check_recorded

_PATIENT = ("-c", "core.filesRefLockTimeout=5000", "-c", "core.packedRefsTimeout=5000")
"""Options that have git wait, in milliseconds, for a lock that another git holds."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where the workspace is to stand: a checkpoint's files, index (None: HEAD's tree) and HEAD."""

    tree: str
    index_tree: str | None
    head: Head


class Restore(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore would do; `current` is the snapshot that keeps all that it overwrites or removes."""

    target: Target
    current: Snapshot
    changes: tuple[Change, ...]

    def paths(self, kind: Kind) -> tuple[str, ...]:
        """What is written, what is removed, which nested repositories are recorded at another commit."""
        return tuple(change.path for change in self.changes if change.kind == kind)


def plan_restore(repository: Repository, *, target: Target, current: Snapshot, begun_at: str | None = None) -> Restore:
    """List what would change; touches nothing.

    `begun_at`: the tree recorded before an interrupted restore that this one finishes. What it has not is not removed:
    it was ignored then, by rules that the interrupted one has already set back.
    """
    changes = compare_trees(repository, current.tree, target.tree)
    if begun_at is not None:
        since = {change.path_bytes for change in compare_trees(repository, current.tree, begun_at) if not change.new}
        changes = tuple(change for change in changes if change.new or change.path_bytes not in since)
    return Restore(target=target, current=current, changes=changes)


def check_restore(repository: Repository, restore: Restore, *, keep_head: bool) -> None:
    """Raise WouldOverwriteError, naming the operation, branch or path that stands in the way; touches nothing."""
    with scratch(repository) as own:
        _check(repository, restore, own, keep_head=keep_head)


def apply_restore(repository: Repository, restore: Restore, *, keep_head: bool, reason: str) -> None:
    """Check, then move files, index and HEAD; `reason` goes into the reflog.

    With `keep_head`, HEAD and its branch stay. Where that HEAD is another commit than the checkpoint's, nothing is
    staged afterwards: what the restore changed reads as changes of the work tree.
    """
    with scratch(repository) as own, hold_index(repository, own):
        steps = _check(repository, restore, own, keep_head=keep_head)
        move_files(repository, own, steps)
        put_index(repository, own, steps, tree=_index_tree(repository, restore, keep_head=keep_head))
        if not keep_head:
            _move_head(repository, own, restore, reason)


def _check(repository: Repository, restore: Restore, own: Scratch, *, keep_head: bool) -> Steps:
    current, target = restore.current, restore.target
    check_paths(change.new.path for change in restore.changes if change.new)
    flags = read_flags(repository)
    check_quiet(repository, flags.unmerged)
    check_head(repository, current=current.head, target=target.head, keep_head=keep_head)
    _check_staged(repository, current, own)
    staged = compare_trees(repository, target.tree, _index_tree(repository, restore, keep_head=keep_head))
    steps = take_steps(repository, own, changes=restore.changes, staged=staged, flags=flags)
    check_recorded(repository, own / "files", [*steps.replaced, *steps.rules])
    check_free(repository, [*steps.files, *steps.submodules], tree=current.tree)
    check_collisions(repository, steps.files, tree=target.tree)
    return steps


def _check_staged(repository: Repository, current: Snapshot, own: Scratch) -> None:
    """What is staged must be in the snapshot as well."""
    copy_index(repository, own / "staged")
    recorded = current.index_tree or tree_of_head(repository, current.head)
    if write_tree(repository, own / "staged") != recorded:
        raise WouldOverwriteError("what is staged changed just now", hint=AGAIN)


def _index_tree(repository: Repository, restore: Restore, *, keep_head: bool) -> str:
    current, target = restore.current.head, restore.target.head
    if keep_head and current.oid != target.oid:
        return tree_of_head(repository, current)
    return restore.target.index_tree or tree_of_head(repository, target)


def _move_head(repository: Repository, own: Scratch, restore: Restore, reason: str) -> None:
    """Compare and swap: a commit made since the snapshot is not lost."""
    current, new = restore.current.head, restore.target.head.oid
    if current.oid == new:
        return
    expected = current.oid or "0" * len(restore.current.tree)
    action = ("HEAD", new, expected) if new else ("-d", "HEAD", expected)
    with recorded_refs(repository, own, current.ref, new):
        repository.git(*_PATIENT, "update-ref", "-m", reason, *action, durable=True, keep_open=[own.descriptor])
