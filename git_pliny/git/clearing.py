"""Removes and opens files and folders whatever modes an agent gave them; never follows a symbolic link."""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from git_pliny.errors import StorageError

_PERMISSIONS = 0o777


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
    for path in [path for path in folder.iterdir() if path.name not in keep]:
        clear(path)


def open_up(folder: Path, mode: int = stat.S_IRWXU) -> None:
    """Give every folder from here on this mode, which lets the owner in."""
    folder.chmod(mode)
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            path = os.path.join(parent, name)  # noqa: PTH118 - there may be thousands
            if has_other_mode(path, mode):
                os.chmod(path, mode)  # noqa: PTH101 - as above


def make_readable(folder: Path) -> None:
    """Let the owner read every file from here on, and into every folder."""
    folder.chmod(folder.stat().st_mode | stat.S_IRWXU)
    for parent, folders, files in os.walk(folder):
        for name, least in (*((each, stat.S_IRWXU) for each in folders), *((each, stat.S_IRUSR) for each in files)):
            path = os.path.join(parent, name)  # noqa: PTH118 - there may be thousands
            mode = os.lstat(path).st_mode
            if not stat.S_ISLNK(mode) and mode & least != least:
                os.chmod(path, stat.S_IMODE(mode) | least)  # noqa: PTH101 - as above


def special_files(folders: Iterable[bytes]) -> Iterator[bytes]:
    """Pipes, sockets and devices in these folders themselves."""
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                ordinary = entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
                if not ordinary and not entry.is_symlink():
                    yield entry.path


def is_folder(path: Path) -> bool:
    """Whether a folder is there, and not a symbolic link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def has_other_mode(path: str | bytes, mode: int) -> bool:
    """Whether a folder is there whose mode is another one."""
    try:
        there = os.lstat(path).st_mode
    except OSError:
        return False
    return stat.S_ISDIR(there) and there & _PERMISSIONS != mode & _PERMISSIONS


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
