"""Puts files into the work tree and an index in the place of the user's; what is safe to do was found out before.

Git itself writes the files, in a private index of nothing but them, so filters, modes and symbolic links are its own.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from git_pliny.errors import GitError, StorageError, WouldOverwriteError
from git_pliny.git.guard import AGAIN
from git_pliny.git.index import PLAIN, Entry, copy_index, index_path, set_entries
from git_pliny.git.repository import Repository
from git_pliny.git.scratch import Scratch, alternate
from git_pliny.git.sparse import Flags, outside_patterns
from git_pliny.git.treediff import Change, is_gitlink
from git_pliny.git.way import differing_files, is_file, on_disk

_LATE_REFUSALS = ("not uptodate", "would be overwritten", "would be removed", "would lose untracked files")
"""Git's words for what our own check let through because it came to be a moment later."""


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done to the files; and what the index has to know of them."""

    files: tuple[Change, ...]
    submodules: tuple[Change, ...]
    rules: tuple[Entry, ...]
    """The `.gitattributes` that a sparse checkout keeps off the disk: git has to know them to write the files."""
    staged: Mapping[bytes, Change]
    """Paths of which the index is to say something else than the disk: from the file to the index."""
    skipped: frozenset[bytes]
    """Paths that a sparse checkout is to keep off the disk from now on."""
    flags: Flags

    @property
    def replaced(self) -> list[Entry]:
        """The files that are overwritten or removed."""
        return [change.old for change in self.files if change.old and not is_gitlink(change.old)]

    @property
    def written(self) -> list[Entry]:
        return [change.new for change in self.files if change.new and not is_gitlink(change.new)]


def take_steps(
    repository: Repository, own: Scratch, *, changes: Sequence[Change], staged: Sequence[Change], flags: Flags
) -> Steps:
    """What a sparse checkout keeps off the disk stays off it, unless the disk is to differ from the index there.

    `staged`: how the index is to differ from the files, from the tree of the files.
    """
    differing = {change.path_bytes: change for change in staged}
    absent = {path for path in flags.skipped if not os.path.lexists(on_disk(repository, path))}
    wanted = {change.path_bytes for change in changes if change.new} - differing.keys() - absent
    skipped = outside_patterns(repository, own, wanted)
    on_files = [
        Change(old=change.old, new=None if change.path_bytes in skipped else change.new)
        for change in changes
        if change.path_bytes not in absent and (change.old or change.path_bytes not in skipped)
    ]
    on_files += [Change(old=None, new=change.old) for change in staged if change.old and change.path_bytes in absent]
    done = _already_there(repository, own / "there", on_files)
    on_files = [change for change in on_files if change.path_bytes not in done]
    concerned = {change.path_bytes for change in on_files}
    return Steps(
        files=tuple(change for change in on_files if change.old or not is_gitlink(change.new)),
        submodules=tuple(change for change in on_files if is_gitlink(change.new)),
        rules=tuple(entry for path, entry in flags.skipped.items() if _is_rules(path) and path not in concerned),
        staged=differing,
        skipped=skipped,
        flags=flags,
    )


def _already_there(repository: Repository, index: Path, changes: Iterable[Change]) -> frozenset[bytes]:
    """Files that are already as they are to be, though not recorded: an interrupted restore wrote them, and a rule that
    ignores them hid them from the snapshot.
    """
    wanted = [change.new for change in changes if change.new and not change.old and not is_gitlink(change.new)]
    found = [entry for entry in wanted if is_file(on_disk(repository, entry.path))]
    return frozenset(entry.path for entry in found) - differing_files(repository, index, found)


def _is_rules(path: bytes) -> bool:
    return path.rpartition(b"/")[2] == b".gitattributes"


def move_files(repository: Repository, own: Scratch, steps: Steps, *, keep_open: Sequence[int] = ()) -> None:
    """Have git check the files out; `own / "files"` is an index of those that are there.

    `keep_open`: descriptors that this git holds, too.
    """
    if steps.files:
        _check_out(repository, own, steps, keep_open)
    for change in steps.submodules:
        _make_folder(on_disk(repository, change.path_bytes))


def _check_out(repository: Repository, own: Scratch, steps: Steps, keep_open: Sequence[int]) -> None:
    set_entries(repository, own / "wanted", [*steps.written, *steps.rules])
    old, new = (_passing_tree(repository, own, own / name) for name in ("files", "wanted"))
    arguments = ("read-tree", "-m", "-u", "--no-sparse-checkout", "--no-recurse-submodules", old, new)
    try:
        done = repository.git_process(
            *PLAIN,
            *arguments,
            index=own / "files",
            env=alternate(own / "objects"),
            keep_open=[own.descriptor, *keep_open],
        )
    except GitError as error:
        if any(words in error.message for words in _LATE_REFUSALS):
            raise WouldOverwriteError(error.message, hint=AGAIN) from error
        raise
    for change in steps.files:
        if change.new is None and is_file(on_disk(repository, change.path_bytes)):
            words = done.stderr.decode("utf-8", "replace").strip()
            raise StorageError(f"cannot remove {change.path}: {words}", hint="mend it, and run the same again")


def _passing_tree(repository: Repository, own: Scratch, index: Path) -> str:
    """The tree of a private index, for this checkout only: not synced, which may take longer than all the rest."""
    objects = own / "objects"
    objects.mkdir(exist_ok=True)
    env = {"GIT_OBJECT_DIRECTORY": str(objects), **alternate(repository.common_dir / "objects")}
    return repository.git(*PLAIN, "-c", "core.fsync=none", "write-tree", index=index, env=env).decode().strip()


def _make_folder(path: Path) -> None:
    """A submodule that is not checked out is an empty folder; without one git takes it for removed."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot create {path}: {error.strerror}") from error


def put_index(repository: Repository, own: Scratch, steps: Steps, *, tree: str) -> None:
    """Replace the user's index by `tree`; flags and what git knows of unchanged files stay."""
    private = own / "index"
    copy_index(repository, private)
    repository.git(*PLAIN, "read-tree", "-i", "-m", "--no-recurse-submodules", tree, index=private)
    # What git knew of files that were written again would make it take them for changed, where filters change sizes.
    set_entries(repository, private, [entry for entry in steps.written if entry.path not in steps.staged])
    for option, paths in _flags(steps):
        listing = b"".join(b"%s\0" % path for path in sorted(paths))
        repository.git(*PLAIN, "update-index", option, "-z", "--stdin", index=private, stdin=listing)
    repository.git(*PLAIN, "update-index", "-q", "--refresh", index=private, accept=(0, 1))
    try:
        _sync(private)
        private.replace(index_path(repository))
        _sync(repository.git_dir)
    except OSError as error:
        raise StorageError(f"cannot replace {index_path(repository)}: {error.strerror}") from error


def _flags(steps: Steps) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Flags to set or clear: one that stayed where disk and index are to differ would hide that they do."""
    again = {entry.path for entry in steps.written} - steps.staged.keys()
    apart = {path for path, change in steps.staged.items() if change.new}
    skipped, assumed = steps.flags.skipped.keys(), steps.flags.assumed
    options = {
        "--skip-worktree": steps.skipped | (skipped & again),
        "--assume-unchanged": assumed & again,
        "--no-skip-worktree": skipped & apart,
        "--no-assume-unchanged": assumed & apart,
    }
    return ((option, paths) for option, paths in options.items() if paths)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
