"""What must hold before a restore moves anything; each refusal is a WouldOverwriteError that names what is in the way."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from git_pliny.errors import PlinyError, WouldOverwriteError
from git_pliny.git.index import PLAIN, Entry, set_entries
from git_pliny.git.repository import Head, Repository
from git_pliny.git.treediff import Change, Kind

_OPERATIONS = (
    ("MERGE_HEAD", "a merge", "git merge --abort"),
    ("CHERRY_PICK_HEAD", "a cherry-pick", "git cherry-pick --abort"),
    ("REVERT_HEAD", "a revert", "git revert --abort"),
    ("rebase-merge", "a rebase", "git rebase --abort"),
    ("rebase-apply/applying", "an application of patches", "git am --abort"),
    ("rebase-apply", "a rebase", "git rebase --abort"),
    ("sequencer/todo", "a cherry-pick or revert", "git cherry-pick --abort"),
    ("BISECT_LOG", "a bisection", "git bisect reset"),
)
_AGAIN = "run the same rollback again: what is there now is then recorded first"


def check_quiet(repository: Repository) -> None:
    """No operation of git is half done, and no path is unmerged."""
    for name, operation, command in _OPERATIONS:
        if (repository.git_dir / name).exists():
            raise WouldOverwriteError(f"{operation} is in progress", hint=f"{command}   (or finish it)")
    unmerged = repository.git(*PLAIN, "ls-files", "-u", "-z").split(b"\0")[0].partition(b"\t")[2]
    if unmerged:
        raise WouldOverwriteError(f"{os.fsdecode(unmerged)} is unmerged", hint="git reset --merge   (or resolve it)")


def check_head(repository: Repository, *, current: Head, target: Head) -> None:
    """HEAD is where the snapshot saw it, on the checkpoint's branch, which no other worktree has checked out."""
    if repository.head() != current:
        raise WouldOverwriteError("HEAD moved just now", hint=_AGAIN)
    if current.ref != target.ref:
        there = f"git switch {_short(target.ref)}" if target.ref else f"git switch --detach {target.oid}"
        raise WouldOverwriteError(
            f"the checkpoint was taken on {_name(target)}, and HEAD is on {_name(current)}",
            hint=f"{there}   (or leave HEAD as it is: --keep-head)",
        )
    if current.ref and current.oid != target.oid:
        _check_other_worktrees(repository, current.ref)


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/")


def _name(head: Head) -> str:
    return f"branch {_short(head.ref)}" if head.ref else "no branch"


def _check_other_worktrees(repository: Repository, ref: str) -> None:
    listing = os.fsdecode(repository.git("worktree", "list", "--porcelain"))
    for block in listing.split("\n\n"):
        folder, _, rest = block.removeprefix("worktree ").partition("\n")
        if f"branch {ref}" in rest.split("\n") and Path(folder) != repository.root:
            raise WouldOverwriteError(
                f"branch {_short(ref)} is checked out in {folder} too", hint="leave HEAD as it is: --keep-head"
            )


def check_paths(repository: Repository, folder: Path, changes: Iterable[Change], *, tree: str) -> tuple[Change, ...]:
    """The changes that concern files, each found safe; leaves their index in `folder / "files"`.

    `tree` is the snapshot that has to hold, byte for byte as git records it, all that is overwritten or removed.
    """
    disk = tuple(change for change in changes if change.kind != Kind.SUBMODULE)
    recorded = _check_recorded(repository, folder / "files", [change.old for change in disk if change.old])
    way = _Way(repository, recorded, tree)
    for change in disk:
        if change.new:
            way.check(change.path_bytes)
    return disk


def _check_recorded(repository: Repository, private: Path, entries: list[Entry]) -> frozenset[bytes]:
    set_entries(repository, private, entries)
    repository.git(*PLAIN, "update-index", "-q", "--refresh", index=private, accept=(0, 1))
    listing = repository.git(*PLAIN, "diff-files", "--name-only", "-z", index=private).split(b"\0")[:-1]
    for path in listing:
        if os.path.lexists(_under(repository.root, path)):
            raise _refusal(path, "changed just now")
    return frozenset(entry.path for entry in entries)


def _under(root: Path, path: bytes) -> bytes:
    return os.path.join(os.fsencode(root), path)


def _refusal(path: bytes, why: str) -> PlinyError:
    return WouldOverwriteError(f"{os.fsdecode(path)} {why}", hint=_AGAIN)


class _Way:
    def __init__(self, repository: Repository, recorded: frozenset[bytes], tree: str) -> None:
        self._repository, self._recorded, self._tree = repository, recorded, tree
        self._clear: set[bytes] = set()

    def check(self, path: bytes) -> None:
        """Nothing unrecorded stands where `path` is to be written."""
        for parent in _parents(path):
            if parent in self._clear:
                continue
            mode = self._mode(parent)
            if mode is None:
                return
            if not stat.S_ISDIR(mode):
                if parent not in self._recorded:
                    raise _refusal(parent, "is in the way and not recorded")
                return
            if self._is_nested(parent):
                raise _refusal(parent, "is a nested repository in the way")
            self._clear.add(parent)
        mode = self._mode(path)
        if mode is None:
            return
        if stat.S_ISDIR(mode):
            self._check_folder(path)
        elif path not in self._recorded:
            raise _refusal(path, "is in the way and not recorded (ignored, or new)")

    def _check_folder(self, path: bytes) -> None:
        for found in _files_below(self._repository.root, path):
            if found not in self._recorded:
                raise _refusal(found, "is in the way and not recorded (ignored, or new)")

    def _mode(self, path: bytes) -> int | None:
        try:
            return os.lstat(_under(self._repository.root, path)).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _is_nested(self, path: bytes) -> bool:
        if not os.path.lexists(_under(self._repository.root, path + b"/.git")):
            return False
        listing = self._repository.git("--literal-pathspecs", "ls-tree", "-z", self._tree, "--", os.fsdecode(path))
        return not listing.startswith(b"040000")


def _parents(path: bytes) -> Iterator[bytes]:
    at = path.find(b"/")
    while at >= 0:
        yield path[:at]
        at = path.find(b"/", at + 1)


def _files_below(root: Path, path: bytes) -> Iterator[bytes]:
    top = os.fsencode(root)
    for folder, folders, names in os.walk(_under(root, path)):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in [*names, *links]:
            yield os.path.relpath(os.path.join(folder, name), top)
