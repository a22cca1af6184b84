"""The files that an attempt delivers: all of its deliverables folder, and the declared ones of the repository.

Only regular files inside these two places are delivered: a link that leads out of them, a pipe, a device is none.
"""

import os
import posixpath
import stat
from collections.abc import Collection
from pathlib import Path

from git_pliny.runners.base import Deliverable

_FOLDER = "PLINY_DELIVERABLES"


def collect(*, declared: Collection[str], folder: Path, root: Path) -> tuple[tuple[Deliverable, ...], tuple[str, ...]]:
    """What is delivered, in order of the names, and the names of what is missing.

    A declared folder is delivered with all its files, and is missing where it holds none. Missing are, too: a declared
    name that is absolute or has `..` in it, and a folder of deliverables that can't be read.
    """
    if not declared and _is_empty(folder):
        return (), ()
    places = _Places(root, folder)
    places.add_folder()
    missing = [name for name in declared if not places.provide(name)]
    found = tuple(Deliverable(name=name, path=places.files[name]) for name in sorted(places.files))
    return found, (*missing, *places.unreadable)


def _is_empty(folder: Path) -> bool:
    """Whether it is an empty folder for sure: the quick way out for the many agents that deliver nothing."""
    try:
        return stat.S_ISDIR(os.lstat(folder).st_mode) and not os.listdir(folder)  # noqa: PTH208 - no path for each file
    except OSError:
        return False


class _Places:
    """The two places, and what was found in them so far: paths by names."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self.files: dict[str, Path] = {}
        self.unreadable: list[str] = []

    def add_folder(self) -> None:
        """Add all files of the deliverables folder."""
        if self._folder.is_symlink():  # put in place of ours
            self.unreadable.append(_FOLDER)
        else:
            self._add_below("", self._folder)

    def provide(self, declared: str) -> bool:
        """Whether a declared file or folder was found already, or is in the root, from where it is added then."""
        name = posixpath.normpath(declared)
        if name.startswith("/") or name == "." or ".." in declared.split("/"):
            return False
        if not self._has(name):
            self._add_from_root(name)
        return self._has(name)

    def _has(self, name: str) -> bool:
        return name in self.files or any(found.startswith(f"{name}/") for found in self.files)

    def _add_from_root(self, name: str) -> None:
        real = self._inside(self._root / name)
        if real and real.is_dir():
            self._add_below(f"{name}/", real)
        elif real and real.is_file():
            self.files[name] = real

    def _add_below(self, prefix: str, top: Path) -> None:
        pending = [prefix]
        while pending:  # no recursion: an agent decides how deep it is
            current = pending.pop()
            try:
                with os.scandir(top / current.removeprefix(prefix)) as entries:
                    pending += [f"{current}{entry.name}/" for entry in entries if not self._add_file(current, entry)]
            except FileNotFoundError:
                continue
            except OSError:
                self.unreadable.append(current or _FOLDER)

    def _add_file(self, prefix: str, entry: os.DirEntry[str]) -> bool:
        """False for a folder. A link to a folder is none, and not followed: it may lead in circles."""
        if entry.is_dir(follow_symlinks=False):
            return False
        path = self._inside(Path(entry.path)) if entry.is_symlink() else Path(entry.path)
        if path and path.is_file():
            self.files[prefix + entry.name] = path
        return True

    def _inside(self, path: Path) -> Path | None:
        """The real path, where it is in one of the two places."""
        try:
            real = Path(os.path.realpath(path, strict=True))
        except (OSError, ValueError):
            return None
        places = (os.path.realpath(self._root), os.path.realpath(self._folder))
        return real if any(real.is_relative_to(place) for place in places) else None
