"""Private folders for work in progress, in `<common git dir>/pliny/tmp`.

Each is held by a lock that dies with its process, so what a killed one left is found and removed by a later one.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from git_pliny.errors import StorageError
from git_pliny.git.repository import Repository

GRACE_S = 60.0
"""A folder younger than this is never swept: its owner may be between creating and locking it."""


@contextlib.contextmanager
def scratch(repository: Repository) -> Iterator[Path]:
    """A new empty folder, removed at the end; what dead processes left there is removed too."""
    parent = repository.local / "tmp"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=parent))
        held = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise StorageError(f"cannot create a private folder in {parent}: {error.strerror}") from error
    try:
        _lock(held)
        _sweep(parent, now=folder.stat().st_mtime)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sweep(parent: Path, *, now: float) -> None:
    """Remove the folders of dead processes; `now` is by the clock of the file system, which set their times too."""
    for entry in list(os.scandir(parent)):
        with contextlib.suppress(OSError):
            if now - entry.stat(follow_symlinks=False).st_mtime > GRACE_S:
                _remove_if_abandoned(entry.path)


def _remove_if_abandoned(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if _lock(descriptor):
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(descriptor)
