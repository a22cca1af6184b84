"""Locks between processes on this machine: they die with their holder, however it dies.

`flock` on a file of our own that no child inherits; the file's text says who holds it, for people only.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from git_pliny.errors import BusyError, StorageError

_TRIES = 10
_PAUSE_S = 0.02


class LockTakenError(BusyError):
    """Another living process holds the lock; `holder` is what it wrote about itself."""

    def __init__(self, holder: dict[str, object]) -> None:
        super().__init__("held by another process")
        self.holder = holder


class FileLock:
    """One held lock. Released by `release`, by the end of the process, by `kill -9`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    def describe(self, holder: dict[str, object]) -> None:
        """Write who holds it; on a full disk it is held all the same."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, msgspec.json.encode(holder), 0)

    def release(self, *, remove: bool = False) -> None:
        """Let go; with `remove`, the file goes too, which is safe while it is held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            if remove:
                self.path.unlink(missing_ok=True)
            os.close(descriptor)


def acquire(path: Path, *, wait: bool = False) -> FileLock:
    """Take the lock; LockTakenError where another process holds it, unless `wait`.

    Looking who holds a lock takes it shared for a moment, hence the few short tries.
    """
    tries = _TRIES
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            tries -= 1
            if isinstance(error, FileNotFoundError) and tries > 0:
                continue  # the folder was empty, and another process removed it just then
            raise StorageError(f"cannot open the lock {path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            holder = _holder(descriptor)
            os.close(descriptor)
            tries -= 1
            if tries <= 0:
                raise LockTakenError(holder) from error
            time.sleep(_PAUSE_S)
            continue
        if _still_there(path, descriptor):
            return FileLock(path, descriptor)
        os.close(descriptor)


def holder_of(path: Path) -> dict[str, object] | None:
    """Who holds the lock now, or None where nobody does. Takes nothing that could disturb the holder."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _holder(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """The lock for the length of a block, waited for."""
    lock = acquire(path, wait=True)
    try:
        yield
    finally:
        lock.release()


def _still_there(path: Path, descriptor: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> dict[str, object]:
    try:
        return msgspec.json.decode(os.pread(descriptor, 4096, 0) or b"{}", type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OSError):
        return {}
