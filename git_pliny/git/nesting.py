"""Brings what was made inside nested repositories of one worktree into another: their commits, never their edits.

A submodule's commits live in the git folder of the worktree that it was checked out in, and would go with that. A
repository that is none of git's submodules is moved as it is.
"""

import errno
import os
import shutil
from pathlib import Path

from git_pliny.errors import StorageError
from git_pliny.git.process import run_git
from git_pliny.git.repository import Repository
from git_pliny.git.treediff import Change

_KEPT = "refs/pliny/work/"


def bring_nested(repository: Repository, source: Path, change: Change) -> None:
    """Have the nested repository of a change stand where the change says; nothing where `source` does not hold it.

    `source` is the root of the worktree in which it was made. GitError or StorageError where something is in the way;
    then the commit is at least there, as `refs/pliny/work/<oid>`, if there is a repository for it.
    """
    if change.new is None or not _is_repository(source / change.path):
        return
    there, oid = repository.root / change.path, change.new.oid.decode()
    if _is_repository(there):
        _git(repository, there, "fetch", "-q", "--no-tags", str(source / change.path), f"+HEAD:{_KEPT}{oid}")
        _git(repository, there, "checkout", "-q", "--detach", oid)
    elif (source / change.path / ".git").is_file():
        _clone(repository, source / change.path, there)
    else:
        move_nested(repository, source, change.path)


def move_nested(repository: Repository, source: Path, path: str) -> None:
    """Move a repository of its own as it is; StorageError where anything but an empty folder is there."""
    there = repository.root / path
    try:
        there.parent.mkdir(parents=True, exist_ok=True)
        _move(source / path, there)
    except OSError as error:
        raise StorageError(f"cannot move the repository {path} to {there}: {error.strerror}") from error


def _move(source: Path, there: Path) -> None:
    """In one step, on another disk, too."""
    try:
        source.rename(there)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy = there.with_name(f"{there.name}.pliny-new")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source, copy, symlinks=True)
        copy.rename(there)
        shutil.rmtree(source)


def _clone(repository: Repository, source: Path, there: Path) -> None:
    _git(repository, repository.root, "clone", "-q", "--no-hardlinks", str(source), str(there))
    origin = _git(repository, source, "config", "--get", "remote.origin.url", accept=(0, 1)).strip()
    if origin:
        _git(repository, there, "remote", "set-url", "origin", os.fsdecode(origin))
    else:
        _git(repository, there, "remote", "remove", "origin")


def _git(repository: Repository, folder: Path, *arguments: str, accept: tuple[int, ...] = (0,)) -> bytes:
    return run_git(arguments, cwd=folder, environ=repository.environ, accept=accept).stdout


def _is_repository(folder: Path) -> bool:
    return not folder.is_symlink() and os.path.lexists(folder / ".git")
