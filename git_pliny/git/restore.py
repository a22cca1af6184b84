"""Makes files, index and HEAD's branch as they were in a checkpoint, and overwrites nothing that is not recorded.

The order is files, index, HEAD: whatever a kill leaves behind, a new snapshot records it and a second run finishes.
Git itself writes the files, in a private index of nothing but them, so filters, modes and symbolic links are its own.

Nested repositories: their commit moves in the index; their files are left alone, as `git checkout` does it.

Not guaranteed: a file edited in the instant between being checked and being replaced is lost, as with `git checkout`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from git_pliny.errors import GitError, StorageError, WouldOverwriteError
from git_pliny.git.guard import AGAIN, check_head, check_quiet
from git_pliny.git.index import PLAIN, Entry, copy_index, index_path, set_entries, write_tree
from git_pliny.git.locks import hold_index, recorded_refs
from git_pliny.git.repository import Head, Repository
from git_pliny.git.scratch import Scratch, scratch
from git_pliny.git.snapshot import Snapshot, tree_of_head
from git_pliny.git.sparse import outside_patterns, read_flags
from git_pliny.git.treediff import Change, Kind, compare_trees, is_gitlink
from git_pliny.git.way import check_collisions, check_free, check_recorded, is_file, on_disk

_LATE_REFUSALS = ("not uptodate", "would be overwritten", "would be removed", "would lose untracked files")
"""Git's words for what our own check let through because it came to be a moment later."""


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
        """What is written, what is removed, which nested repositories are recorded at another commit."""
        return tuple(change.path for change in self.changes if change.kind == kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    """A restore that was found safe, in what is to be done."""

    files: tuple[Change, ...]
    submodules: tuple[Change, ...]
    skipped: frozenset[bytes]
    """Paths that a sparse checkout keeps off the disk, and that the index does not have yet."""
    rules: tuple[Entry, ...]
    """The `.gitattributes` that a sparse checkout keeps off the disk: git has to know them to write the files."""
    index_tree: str


def plan_restore(repository: Repository, *, target: Target, current: Snapshot) -> Restore:
    """List what would change; touches nothing."""
    changes = compare_trees(repository, current.tree, target.tree)
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
        _move_files(repository, own, steps)
        _put_index(repository, own, steps)
        if not keep_head:
            _move_head(repository, own, restore, reason)


def _check(repository: Repository, restore: Restore, own: Scratch, *, keep_head: bool) -> _Steps:
    current, target = restore.current, restore.target
    flags = read_flags(repository)
    check_quiet(repository, flags.unmerged)
    check_head(repository, current=current.head, target=target.head, keep_head=keep_head)
    _check_staged(repository, current, own)
    steps = _steps(repository, restore, own, flags.skipped, keep_head=keep_head)
    recorded = [change.old for change in steps.files if change.old and not is_gitlink(change.old)]
    check_recorded(repository, own / "files", [*recorded, *steps.rules])
    check_free(repository, [*steps.files, *steps.submodules], tree=current.tree)
    check_collisions(repository, steps.files, tree=target.tree)
    return steps


def _check_staged(repository: Repository, current: Snapshot, own: Scratch) -> None:
    """What is staged must be in the snapshot as well."""
    copy_index(repository, own / "staged")
    recorded = current.index_tree or tree_of_head(repository, current.head)
    if write_tree(repository, own / "staged") != recorded:
        raise WouldOverwriteError("what is staged changed just now", hint=AGAIN)


def _steps(
    repository: Repository, restore: Restore, own: Scratch, flagged: Mapping[bytes, Entry], *, keep_head: bool
) -> _Steps:
    """What a sparse checkout keeps off the disk stays off it, unless it would not be in the index as it is to be."""
    index_tree = _index_tree(repository, restore, keep_head=keep_head)
    differing = {change.path_bytes for change in compare_trees(repository, restore.target.tree, index_tree)}
    only_index = {path for path in flagged.keys() - differing if not os.path.lexists(on_disk(repository, path))}
    appearing = [change.path_bytes for change in restore.changes if change.old is None and change.new]
    skipped = outside_patterns(repository, own, set(appearing) - differing)
    rest = [change for change in restore.changes if change.path_bytes not in only_index | skipped]
    concerned = {change.path_bytes for change in rest}
    return _Steps(
        files=tuple(change for change in rest if not (is_gitlink(change.new) and change.old is None)),
        submodules=tuple(change for change in rest if is_gitlink(change.new)),
        skipped=skipped,
        rules=tuple(
            entry
            for path, entry in flagged.items()
            if path.rpartition(b"/")[2] == b".gitattributes" and path not in concerned
        ),
        index_tree=index_tree,
    )


def _index_tree(repository: Repository, restore: Restore, *, keep_head: bool) -> str:
    current, target = restore.current.head, restore.target.head
    if keep_head and current.oid != target.oid:
        return tree_of_head(repository, current)
    return restore.target.index_tree or tree_of_head(repository, target)


def _move_files(repository: Repository, own: Scratch, steps: _Steps) -> None:
    wanted = [change.new for change in steps.files if change.new and not is_gitlink(change.new)]
    set_entries(repository, own / "wanted", [*wanted, *steps.rules])
    old, new = write_tree(repository, own / "files"), write_tree(repository, own / "wanted")
    arguments = ("read-tree", "-m", "-u", "--no-sparse-checkout", "--no-recurse-submodules", old, new)
    try:
        done = repository.git_process(*PLAIN, *arguments, index=own / "files", keep_open=[own.descriptor])
    except GitError as error:
        if any(words in error.message for words in _LATE_REFUSALS):
            raise WouldOverwriteError(error.message, hint=AGAIN) from error
        raise
    for change in steps.files:
        if change.new is None and is_file(on_disk(repository, change.path_bytes)):
            words = done.stderr.decode("utf-8", "replace").strip()
            raise StorageError(f"cannot remove {change.path}: {words}", hint="mend it, and run the same rollback again")
    for change in steps.submodules:
        _make_folder(on_disk(repository, change.path_bytes))


def _make_folder(path: Path) -> None:
    """A submodule that is not checked out is an empty folder; without one git takes it for removed."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot create {path}: {error.strerror}") from error


def _put_index(repository: Repository, own: Scratch, steps: _Steps) -> None:
    """Replace the user's index; flags such as skip-worktree and what is known of unchanged files stay."""
    private = own / "index"
    copy_index(repository, private)
    repository.git(*PLAIN, "read-tree", "-i", "-m", steps.index_tree, index=private)
    if steps.skipped:
        listing = b"".join(b"%s\0" % path for path in sorted(steps.skipped))
        repository.git(*PLAIN, "update-index", "--skip-worktree", "-z", "--stdin", index=private, stdin=listing)
    repository.git(*PLAIN, "update-index", "-q", "--refresh", index=private, accept=(0, 1))
    try:
        _sync(private)
        private.replace(index_path(repository))
        _sync(repository.git_dir)
    except OSError as error:
        raise StorageError(f"cannot replace {index_path(repository)}: {error.strerror}") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _move_head(repository: Repository, own: Scratch, restore: Restore, reason: str) -> None:
    """Compare and swap: a commit made since the snapshot is not lost."""
    current, new = restore.current.head, restore.target.head.oid
    if current.oid == new:
        return
    expected = current.oid or "0" * len(restore.current.tree)
    action = ("HEAD", new, expected) if new else ("-d", "HEAD", expected)
    with recorded_refs(repository, own, current.ref, new):
        repository.git("update-ref", "-m", reason, *action, durable=True, keep_open=[own.descriptor])
