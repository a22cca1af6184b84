"""Private folders for work in progress, in `<common git dir>/pliny/tmp`.

Each is held by a `flock` that dies with its owner, and with every git the owner gave the descriptor to: what is not
held was left by a killed process. Where the file system has no `flock`, such a folder stays for ever.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from git_pliny.errors import StorageError
from git_pliny.git.repository import Repository


class Scratch(msgspec.Struct, frozen=True, kw_only=True):
    """A private folder; `descriptor` holds it."""

    folder: Path
    descriptor: int

    def __truediv__(self, name: str) -> Path:
        return self.folder / name


@contextlib.contextmanager
def scratch(repository: Repository) -> Iterator[Scratch]:
    """A new empty folder, removed at the end."""
    parent = _parent(repository)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with _opened(parent) as gate:
            # A sweep that runs now would take the new folder, not locked yet, for an abandoned one.
            _lock(gate, fcntl.LOCK_SH)
            folder = Path(tempfile.mkdtemp(dir=parent))
            held = os.open(folder, os.O_RDONLY)
            _lock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StorageError(f"cannot create a private folder in {parent}: {error.strerror}") from error
    try:
        yield Scratch(folder=folder, descriptor=held)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def alternate(objects: Path) -> dict[str, str]:
    """The environment in which git also finds the objects of this folder."""
    quoted = str(objects).replace("\\", "\\\\").replace('"', '\\"')
    return {"GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{quoted}"'}


@contextlib.contextmanager
def abandoned(repository: Repository) -> Iterator[list[Path]]:
    """The folders that dead processes left, held meanwhile, and removed at the end unless an error is raised."""
    parent = _parent(repository)
    if not parent.is_dir():
        yield []
        return
    with contextlib.ExitStack() as stack:
        folders = list(_take(stack, parent))
        yield folders
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _take(stack: contextlib.ExitStack, parent: Path) -> Iterator[Path]:
    with _opened(parent) as gate:
        if not _lock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return
        for folder in parent.iterdir():
            with contextlib.suppress(OSError), contextlib.ExitStack() as one:
                descriptor = one.enter_context(_opened(folder))
                if _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    stack.push(one.pop_all())
                    yield folder


def in_use(repository: Repository, name: str) -> bool:
    """Whether a living process holds a folder that has a file of that name."""
    for folder in _parent(repository).glob(f"*/{name}"):
        with contextlib.suppress(OSError), _opened(folder.parent) as descriptor:
            if not _lock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB):
                return True
    return False


def _parent(repository: Repository) -> Path:
    return repository.local / "tmp"


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        return False
    return True
