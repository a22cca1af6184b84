"""What must hold before a restore moves anything, as to operations and branches.

Each refusal is a WouldOverwriteError that names what stands in the way.
"""

import contextlib
import os
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from pathlib import Path
from shlex import quote

from git_pliny.errors import WouldOverwriteError
from git_pliny.git.repository import Head, Repository

AGAIN = "run the same rollback again: what is there now is then recorded first"

_NEVER = frozenset((b".git", b"git~1", b"..", b".", b""))
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


def operation_in(repository: Repository) -> str | None:
    """The operation of git that is half done there, in words."""
    return next((words for name, words, _ in _OPERATIONS if (repository.git_dir / name).exists()), None)


def check_paths(paths: Iterable[bytes]) -> None:
    """None of them is one that git would not write: a tree that was fetched may have any."""
    for path in paths:
        if not _NEVER.isdisjoint(path.lower().split(b"/")):
            raise WouldOverwriteError(
                f"the checkpoint has {os.fsdecode(path)}, which no workspace can have", hint="git fsck"
            )


def check_quiet(repository: Repository, unmerged: AbstractSet[bytes]) -> None:
    """No operation of git is half done, and no path is unmerged."""
    for name, operation, command in _OPERATIONS:
        if (repository.git_dir / name).exists():
            raise WouldOverwriteError(f"{operation} is in progress", hint=f"{command}   (or finish it)")
    for path in sorted(unmerged)[:1]:
        raise WouldOverwriteError(
            f"{os.fsdecode(path)} is unmerged, and an index with such paths can't be recorded",
            hint="git reset --merge   (or resolve it and git add it)",
        )


def check_head(repository: Repository, *, current: Head, target: Head, keep_head: bool) -> None:
    """HEAD is where the snapshot saw it, on the checkpoint's branch, which no other worktree has checked out."""
    if repository.head() != current:
        raise WouldOverwriteError("HEAD moved just now", hint=AGAIN)
    if keep_head:
        return
    if current.ref != target.ref:
        there = f"git switch {quote(_short(target.ref))}" if target.ref else f"git switch --detach {target.oid}"
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
    """Moving a branch under another worktree would make all its files look changed."""
    listing = os.fsdecode(repository.git("worktree", "list", "--porcelain"))
    for block in listing.split("\n\n"):
        folder, *lines = block.removeprefix("worktree ").split("\n")
        # A worktree whose folder is gone can't be harmed, and `samefile` finds none.
        with contextlib.suppress(OSError):
            if f"branch {ref}" in lines and not Path(folder).samefile(repository.root):
                raise WouldOverwriteError(
                    f"branch {_short(ref)} is checked out in {folder} too", hint="leave HEAD as it is: --keep-head"
                )
