"""Removes files and folders whatever modes an agent gave them; never follows a symbolic link."""

import contextlib
import os
import shutil
import stat
from pathlib import Path

from git_pliny.errors import StorageError


def clear(path: Path) -> None:
    """Nothing stands at `path` afterwards."""
    with contextlib.suppress(FileNotFoundError):
        if not is_folder(path):
            _unlink(path)
            return
        try:
            shutil.rmtree(path)
        except OSError:
            _remove_again(path)


def empty(folder: Path, *, keep: frozenset[str] = frozenset()) -> None:
    """Nothing is in `folder` afterwards but what `keep` names."""
    open_up(folder)
    for entry in [entry for entry in os.scandir(folder) if entry.name not in keep]:
        clear(Path(entry.path))


def open_up(folder: Path) -> None:
    """Let the owner look into every folder from here on, and change it."""
    if is_closed(folder):
        folder.chmod(stat.S_IMODE(folder.lstat().st_mode) | stat.S_IRWXU)
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(parent, name)
            if is_closed(path):
                path.chmod(stat.S_IMODE(path.lstat().st_mode) | stat.S_IRWXU)


def is_folder(path: Path) -> bool:
    """Whether a folder is there, and not a symbolic link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def is_closed(path: Path | bytes) -> bool:
    """Whether a folder is there whose owner may not read, write or enter it."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return False
    return stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU


def _unlink(path: Path) -> None:
    try:
        path.unlink()
    except PermissionError as error:
        raise _stuck(path, error) from error


def _remove_again(path: Path) -> None:
    try:
        open_up(path)
        shutil.rmtree(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _stuck(path, error) from error


def _stuck(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot remove {path}: {error.strerror}", hint=f"see who may write there: ls -ld '{path.parent}'"
    )
