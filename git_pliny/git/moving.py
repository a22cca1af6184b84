"""Moves the files of a workspace from one recorded tree to another; index, HEAD, branches and stash are not touched.

What is overwritten or removed is recorded before, or nothing moves. Git itself writes the files, so filters, modes and
symbolic links are its own. One move at a time goes on in a worktree: the lock is also held by the gits that it starts,
which may outlive it.

Without the index some changes can't be held by a workspace, or can't be seen in it: the commit of a nested repository
that is checked out, files that git is told to ignore or to take for unchanged. A move does what can be done on disk,
and says which of its changes a snapshot will show.

Not guaranteed: a file edited in the instant between being checked and being replaced is lost, as with `git checkout`.
"""

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import msgspec

from git_pliny.errors import BusyError, StorageError, WouldOverwriteError
from git_pliny.git.checkout import move_files, take_steps
from git_pliny.git.guard import AGAIN
from git_pliny.git.index import PLAIN, add_from_files, read_entries
from git_pliny.git.progress import look
from git_pliny.git.repository import Repository
from git_pliny.git.scratch import Scratch, scratch
from git_pliny.git.snapshot import Snapshot
from git_pliny.git.sparse import Flags, read_flags
from git_pliny.git.treediff import Change, Kind, compare_trees, is_gitlink
from git_pliny.git.way import check_collisions, check_free, check_recorded, is_file, on_disk, parents

WAIT_S = 60.0
"""How long an earlier move may take to end: filters may have to fetch what they write."""
_PAUSE_S = 0.05
_RESUME = "git pliny execute --resume   (what is there now is then recorded first)"


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """What the end of an interrupted move did: changes as `move_workspace` gives them, and the paths it left alone."""

    moved: tuple[Change, ...]
    """By this end, not before."""
    edited: tuple[str, ...]
    """Edited since the interruption. `merge_trees` with `before` as base and `after` as one side merges them."""


def move_workspace(
    repository: Repository, *, current: Snapshot, tree: str, allowed: AbstractSet[bytes] = frozenset()
) -> tuple[Change, ...]:
    """Make the files stand as in `tree`; the changes that a snapshot taken now shows.

    WouldOverwriteError where something to be overwritten or removed is not in `current`, and then nothing has moved;
    of the paths in `allowed` it need not be, and is written to the object database instead. Any other error may leave
    the move half done, as a kill may; then, too, `finish_move` ends it.
    """
    changes = compare_trees(repository, current.tree, tree)
    with alone(repository) as lock, scratch(repository) as own:
        return _move(repository, own, lock, _recorded(repository, own, changes, allowed), trees=(current.tree, tree))


def finish_move(repository: Repository, *, before: str, after: str) -> Finished:
    """End a move from tree `before` to tree `after` that was cut off; whoever calls it has taken a snapshot.

    A file that is gone goes on to `after`, and so does one of which every byte begins the file of `after`: whether git
    was killed while it wrote that, or somebody cut it short, nothing is in it that will not be there. A file that is
    neither this nor as in one of the trees was edited since, and is left alone, with all that stands in its way.
    """
    changes = compare_trees(repository, before, after)
    with alone(repository) as lock, scratch(repository) as own:
        progress = look(repository, own, changes, after=after)
        left = _recorded(repository, own, progress.left, progress.torn)
        moved = _move(repository, own, lock, left, trees=(before, after))
    return Finished(moved=moved, edited=tuple(map(os.fsdecode, progress.edited)))


@contextlib.contextmanager
def alone(repository: Repository, *, wait_s: float = WAIT_S) -> Iterator[int]:
    """Wait until no move goes on in this worktree, then keep others from beginning; BusyError where one does not end.

    To be held while a snapshot is taken after a kill, since a git of the killed move may still be writing; not around
    a move, which takes it itself. Gives the lock's descriptor. Where the file system has no locks, keeps nobody out.
    """
    name = hashlib.sha256(os.fsencode(repository.git_dir)).hexdigest()[:12]
    path = repository.local / "locks" / f"move-{name}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StorageError(f"cannot open the lock {path}: {error.strerror}") from error
    try:
        _wait_for(lock, path, time.monotonic() + wait_s)
        yield lock
    finally:
        os.close(lock)


def _wait_for(lock: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise BusyError(
                    "another git pliny, or a git that one left, is writing files in this worktree",
                    hint=f"try again later; if none runs here, remove its lock: rm '{path}'",
                ) from error
            time.sleep(_PAUSE_S)
        except OSError:
            return
        else:
            return


def _recorded(
    repository: Repository, own: Scratch, changes: Iterable[Change], allowed: AbstractSet[bytes]
) -> tuple[Change, ...]:
    """The changes with what is on disk at the paths `allowed` as their old side, written to the object database."""
    files = [change.path_bytes for change in changes if change.path_bytes in allowed]
    files = [path for path in files if is_file(on_disk(repository, path))]
    add_from_files(repository, own / "allowed", files)
    found = {entry.path: entry for entry in read_entries(repository, own / "allowed")} if files else {}
    return tuple(Change(old=found.get(change.path_bytes, change.old), new=change.new) for change in changes)


def _move(
    repository: Repository, own: Scratch, lock: int, changes: Sequence[Change], *, trees: tuple[str, str]
) -> tuple[Change, ...]:
    if not changes:
        return ()
    flags = read_flags(repository)
    _check_merged(changes, flags)
    # The index stays as it is: all that changes has to be on disk, in a sparse checkout as well.
    staged = [Change(old=change.new, new=change.old) for change in changes]
    with _own_hints():
        steps = take_steps(repository, own, changes=changes, staged=staged, flags=flags)
        check_recorded(repository, own / "files", [*steps.replaced, *steps.rules])
        check_free(repository, [*steps.files, *steps.submodules], tree=trees[0])
        check_collisions(repository, steps.files, tree=trees[1])
        move_files(repository, own, steps, keep_open=[lock])
    for change in changes:
        if is_gitlink(change.old) and change.new is None:
            with contextlib.suppress(OSError):  # one that is checked out stays, as with git checkout
                on_disk(repository, change.path_bytes).rmdir()
    return _shown(repository, changes, flags)


def _check_merged(changes: Iterable[Change], flags: Flags) -> None:
    for change in changes:
        if change.path_bytes in flags.unmerged:
            raise WouldOverwriteError(
                f"{change.path} is unmerged, and is to be changed", hint="resolve it and git add it, then " + _RESUME
            )


@contextlib.contextmanager
def _own_hints() -> Iterator[None]:
    """The checks are those of a rollback, and so are their hints."""
    try:
        yield
    except WouldOverwriteError as error:
        if error.hint != AGAIN:
            raise
        raise WouldOverwriteError(error.message, hint=_RESUME) from error


def _shown(repository: Repository, changes: Sequence[Change], flags: Flags) -> tuple[Change, ...]:
    hidden = _unseen(repository, [change.path_bytes for change in changes if change.kind == Kind.WRITE], flags)
    if flags.skipped or flags.assumed:
        now = read_flags(repository)
        hidden |= now.skipped.keys() | now.assumed
    return tuple(
        change for change in changes if change.path_bytes not in hidden and not _is_nested_still(repository, change)
    )


def _unseen(repository: Repository, paths: Sequence[bytes], flags: Flags) -> set[bytes]:
    """Those in the place of a nested repository of the index, and those that are not in the index, and ignored."""
    inside = {path for path in paths if not flags.nested.isdisjoint(parents(path))}
    ignored = [path for path in paths if path not in inside]
    # The index takes long to read; few files are named by the rules, and only they may be in it all the same.
    for option in ("--no-index", "--index"):
        if ignored:
            listing = b"".join(b"%s\0" % path for path in ignored)
            command = ("check-ignore", "-z", "--stdin", option)
            ignored = repository.git(*PLAIN, *command, stdin=listing, accept=(0, 1)).split(b"\0")[:-1]
    return inside.union(ignored)


def _is_nested_still(repository: Repository, change: Change) -> bool:
    """Whether the change is one of a nested repository that only its own HEAD, or the index, could make."""
    return change.kind == Kind.SUBMODULE and (change.new is not None or on_disk(repository, change.path_bytes).is_dir())
