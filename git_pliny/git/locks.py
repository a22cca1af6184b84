"""The locks of git that a restore holds, and how a killed restore's are told from a living git's."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from git_pliny.errors import StorageError
from git_pliny.git.process import LockHeldError
from git_pliny.git.repository import Repository


@contextlib.contextmanager
def hold_index(repository: Repository, folder: Path) -> Iterator[None]:
    """Keep every git from writing the index meanwhile, as git itself does it: by `index.lock`."""
    mine, lock = folder / "index.lock-of-ours", repository.git_dir / "index.lock"
    try:
        mine.touch()
        os.link(mine, lock)
    except FileExistsError as error:
        raise LockHeldError(f"git found a lock held: {lock}", str(lock)) from error
    except OSError as error:
        raise StorageError(f"cannot create {lock}: {error.strerror}") from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def break_stale_locks(repository: Repository) -> tuple[str, ...]:
    """Remove the locks that a killed restore of ours left; the paths that were removed."""
    return ()
