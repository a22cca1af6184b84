"""Whether files can be written and removed without losing anything that the snapshot has not.

Each refusal is a WouldOverwriteError that names the path.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from git_pliny.errors import StorageError, WouldOverwriteError
from git_pliny.git.guard import AGAIN
from git_pliny.git.index import PLAIN, Entry, set_entries
from git_pliny.git.repository import Repository
from git_pliny.git.treediff import Change, is_gitlink


def check_recorded(repository: Repository, index: Path, entries: Sequence[Entry]) -> None:
    """Each of these files holds, as git would record it, what its entry says, or is gone.

    Leaves a private index of them, with what git needs to know them unchanged a moment later. No flag of the user's
    index hides an edit here.
    """
    for path in sorted(differing_files(repository, index, entries)):
        if os.path.lexists(on_disk(repository, path)):
            raise WouldOverwriteError(f"{os.fsdecode(path)} is not as it was recorded", hint=AGAIN)


def differing_files(repository: Repository, index: Path, entries: Sequence[Entry]) -> frozenset[bytes]:
    """Those of the paths whose file is not there, or not, as git would record it, what the entry says."""
    if not entries:
        return frozenset()
    set_entries(repository, index, entries)
    repository.git(*PLAIN, "update-index", "-q", "--refresh", index=index, accept=(0, 1))
    return frozenset(repository.git(*PLAIN, "diff-files", "--name-only", "-z", index=index).split(b"\0")[:-1])


def check_free(repository: Repository, changes: Sequence[Change], *, tree: str) -> None:
    """Nothing but files that `changes` replaces or removes stands where one is to be written.

    `tree` is the snapshot of what is there now.
    """
    fold = _ignores_case(repository)
    replaced = frozenset(
        _key(change.old.path, fold=fold) for change in changes if change.old and not is_gitlink(change.old)
    )
    way = _Way(repository=repository, tree=tree, replaced=replaced, fold=fold, open=set())
    for change in changes:
        if change.new:
            way.check(change.new)


def check_collisions(repository: Repository, changes: Sequence[Change], *, tree: str) -> None:
    """On a file system that ignores case, no two paths of `tree` that differ in case only are to be written."""
    if not _ignores_case(repository):
        return
    written = {change.path_bytes for change in changes if change.new}
    files = set(repository.git("ls-tree", "-r", "-z", "--name-only", tree).split(b"\0")[:-1])
    paths = files | {parent for path in files for parent in parents(path)}
    for one, other in pairwise(sorted(paths, key=lambda path: (_key(path, fold=True), path))):
        same = _key(one, fold=True) == _key(other, fold=True) and bool({one, other} & files)
        if same and any(_below(path, (one, other)) for path in written):
            raise WouldOverwriteError(
                f"{os.fsdecode(one)} and {os.fsdecode(other)} are one file here: this file system ignores case",
                hint="look at it where case counts: git worktree add --detach FOLDER COMMIT",
            )


def _below(path: bytes, tops: tuple[bytes, ...]) -> bool:
    return any(path == top or path.startswith(top + b"/") for top in tops)


def _ignores_case(repository: Repository) -> bool:
    return repository.git("config", "--type=bool", "--default=false", "core.ignoreCase") == b"true\n"


def _key(path: bytes, *, fold: bool) -> bytes:
    return os.fsencode(os.fsdecode(path).casefold()) if fold else path


def on_disk(repository: Repository, path: bytes) -> Path:
    """Where git's `path` is in the work tree."""
    return repository.root / os.fsdecode(path)


def is_file(path: Path) -> bool:
    """Whether anything but a folder is there, a symbolic link to one included."""
    return os.path.lexists(path) and (path.is_symlink() or not path.is_dir())


def parents(path: bytes) -> Iterator[bytes]:
    """The folders that a path lies in, from the outermost."""
    at = path.find(b"/")
    while at >= 0:
        yield path[:at]
        at = path.find(b"/", at + 1)


class _Way(msgspec.Struct, frozen=True, kw_only=True):
    repository: Repository
    tree: str
    replaced: frozenset[bytes]
    """Files that are recorded and go."""
    fold: bool
    open: set[bytes]
    """Folders that were found to be plain ones."""

    def check(self, entry: Entry) -> None:
        if not all(self._is_folder(parent) for parent in parents(entry.path)):
            return
        mode = self._mode(entry.path)
        if mode is None or (is_gitlink(entry) and stat.S_ISDIR(mode)):
            return
        if not stat.S_ISDIR(mode):
            self._must_go(entry.path)
        for found in self._files_below(entry.path) if stat.S_ISDIR(mode) else ():
            self._must_go(found)

    def _is_folder(self, path: bytes) -> bool:
        """Whether a plain folder is there; False for nothing, or for a file that goes."""
        if path in self.open:
            return True
        mode = self._mode(path)
        if mode is None:
            return False
        if not stat.S_ISDIR(mode):
            self._must_go(path)
            return False
        if self._is_nested(path):
            raise WouldOverwriteError(
                f"the nested repository {os.fsdecode(path)} is in the way, and only its commit is recorded",
                hint=f"move it away: mv {os.fsdecode(path)} ELSEWHERE",
            )
        self.open.add(path)
        return True

    def _must_go(self, path: bytes) -> None:
        if _key(path, fold=self.fold) not in self.replaced:
            raise WouldOverwriteError(
                f"{os.fsdecode(path)} is in the way, and it is not recorded (it is ignored, or new)",
                hint=f"move it away: mv {os.fsdecode(path)} ELSEWHERE",
            )

    def _mode(self, path: bytes) -> int | None:
        try:
            return os.lstat(on_disk(self.repository, path)).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StorageError(f"cannot look at {os.fsdecode(path)}: {error.strerror}") from error

    def _is_nested(self, path: bytes) -> bool:
        """Whether git would treat the folder as a repository of its own: not if its files are recorded one by one."""
        if not os.path.lexists(on_disk(self.repository, path) / ".git"):
            return False
        listing = self.repository.git("--literal-pathspecs", "ls-tree", "-z", self.tree, "--", os.fsdecode(path))
        return not listing.startswith(b"040000")

    def _files_below(self, path: bytes) -> Iterator[bytes]:
        for folder, folders, names in os.walk(on_disk(self.repository, path), onerror=_unreadable):
            for file in (Path(folder, name) for name in (*names, *folders)):
                if is_file(file):
                    yield os.fsencode(file.relative_to(self.repository.root))


def _unreadable(error: OSError) -> None:
    raise StorageError(f"cannot look into {os.fsdecode(error.filename)}: {error.strerror}") from error
