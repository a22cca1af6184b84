"""A file of the user replaced as a whole or not at all, with one writer of this program at a time."""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from git_pliny.errors import BusyError, StorageError
from git_pliny.plans.positions import quoted

_MARK = b"\xef\xbb\xbf"
_TRIES, _PAUSE_S = 200, 0.05


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep other processes of this program from writing `path`, or any file beside it, meanwhile."""
    try:
        folder = os.open(path.resolve().parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        _lock(folder, path)
        yield
    finally:
        os.close(folder)


def _lock(folder: int, path: Path) -> None:
    for _ in range(_TRIES):
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        except OSError:  # a file system without locks; the rename alone still keeps the file whole
            return
        else:
            return
    raise BusyError(f"another process has kept {quoted(str(path))} from being written for {_TRIES * _PAUSE_S:.0f} s")


def replace_text(path: Path, text: str) -> None:
    """Make `text` the whole of `path`, or leave it as it was; mode, symbolic link and byte order mark stay.

    To be called while `held`. The folder gets a file of a fixed name for a moment, so that one which a kill leaves
    behind is taken over by the next write.
    """
    target = path.resolve()
    fresh = _fresh(target)
    try:
        _write_fresh(fresh, target, text.encode())
        fresh.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise _not_written(path, error) from error


def forget_fresh(path: Path) -> None:
    """Remove what a killed `replace_text` of `path` left behind; to be called while `held`."""
    with suppress(OSError):
        _fresh(path.resolve()).unlink()


def _fresh(target: Path) -> Path:
    return target.with_name(f".{target.name}.pliny-new")


def _write_fresh(fresh: Path, target: Path, data: bytes) -> None:
    fresh.unlink(missing_ok=True)
    with fresh.open("xb") as file:
        if target.exists():
            os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            with target.open("rb") as old:
                data = _MARK + data if old.read(len(_MARK)) == _MARK else data
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _not_written(path: Path, error: OSError) -> StorageError:
    return StorageError(f"{quoted(str(path))} can't be written: {error.strerror or error}")
