"""Where the worktrees of isolated agents are: in the user's cache, a folder for each repository.

Not in the git directory: Claude Code takes a path with `.git` in it for one that it must not touch. Which folder it is
is written down as the first worktree is made, since an agent may have another environment, and the folder names its
repository, so that it can be told when that is gone.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from git_pliny.git.repository import Repository
from git_pliny.model.names import encode

_PLACE = "place"
_OWNER = "repository"
_DIGITS = 16
_SHOWN = 40


def records(repository: Repository) -> Path:
    """Where our own files about the worktrees are."""
    return repository.local / "worktrees"


def pool_folder(repository: Repository) -> Path:
    """Where the worktrees are, or will be."""
    return _recorded(records(repository) / _PLACE) or _usual(repository)


def make_pool(repository: Repository) -> None:
    """Decide where the worktrees are; in the git directory where the user has no cache that can be written."""
    place = records(repository) / _PLACE
    if _recorded(place) is not None:
        return
    folder = _usual(repository)
    if not _is_made(folder, repository):
        folder = records(repository)
    new = place.with_name(f"{place.name}.{os.getpid()}")
    new.write_bytes(os.fsencode(folder))
    try:
        os.link(new, place)  # whoever made it first has decided
    except FileExistsError:
        new.unlink()
    except OSError:  # no hard links here
        new.replace(place)
    else:
        new.unlink()


def drop_pool(repository: Repository) -> None:
    """Remove what is ours where there is no worktree any more; nothing where there is."""
    own, folder = records(repository), pool_folder(repository)
    with contextlib.suppress(OSError):
        if set(os.listdir(own)) - {_PLACE} or (folder != own and set(os.listdir(folder)) - {_OWNER}):  # noqa: PTH208
            return
    with contextlib.suppress(OSError):
        if folder != own:
            (folder / _OWNER).unlink(missing_ok=True)
            folder.rmdir()
    with contextlib.suppress(OSError):
        (own / _PLACE).unlink(missing_ok=True)
        own.rmdir()


def remove_orphans(environ: Mapping[str, str]) -> list[Path]:
    """Remove the worktrees of repositories that are gone; where they were."""
    gone = list(_orphans(environ))
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    return gone


def _orphans(environ: Mapping[str, str]) -> Iterator[Path]:
    cache = cache_folder(environ)
    if cache is None or not cache.is_dir():
        return
    for folder in cache.iterdir():
        with contextlib.suppress(OSError):
            common = Path(os.fsdecode((folder / _OWNER).read_bytes()))
            if common.is_absolute() and not os.path.lexists(common) and common.parent.is_dir():
                yield folder


def _is_made(folder: Path, repository: Repository) -> bool:
    if folder == records(repository):
        return True
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.geteuid():
            return False
        (folder / _OWNER).write_bytes(os.fsencode(repository.common_dir))
    except OSError:
        return False
    return True


@lru_cache(maxsize=64)
def _read(place: str, _changed: int) -> Path:
    return Path(os.fsdecode(Path(place).read_bytes()))


def _recorded(place: Path) -> Path | None:
    try:
        return _read(os.fspath(place), place.stat().st_mtime_ns)
    except OSError:
        return None


def _usual(repository: Repository) -> Path:
    cache = cache_folder(repository.environ)
    if cache is None:
        return records(repository)
    common = repository.common_dir.resolve()
    digest = sha256(os.fsencode(common)).hexdigest()[:_DIGITS]
    return (
        cache.resolve() / f"{encode(common.parent.name)[:_SHOWN]}-{digest}"
    )  # as git calls it: without symbolic links


def cache_folder(environ: Mapping[str, str]) -> Path | None:
    """Where this user's programs keep what can be made again; None where the environment does not tell."""
    home, given = environ.get("HOME", ""), environ.get("XDG_CACHE_HOME", "")
    if given.startswith("/"):
        return Path(given, "git-pliny")
    if not home.startswith("/"):
        return None
    return Path(home, *(("Library", "Caches") if sys.platform == "darwin" else (".cache",)), "git-pliny")
