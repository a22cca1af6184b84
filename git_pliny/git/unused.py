"""Worktrees of the pool that nobody uses: whole, half-made, broken, or with the work of somebody who was killed."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from git_pliny.errors import StorageError
from git_pliny.git.clearing import clear
from git_pliny.git.member import Member, held, is_held, known_members, working_in
from git_pliny.git.place import drop_pool
from git_pliny.git.repository import Repository


class Unused(NamedTuple):
    """A worktree that nobody uses now."""

    name: str
    root: Path
    broken: bool
    """Half-made, or damaged; the next who takes it mends it."""
    owner: str
    """Who was killed while using it, and may come back for what is there; "" where nobody will."""


def unused(repository: Repository) -> list[Unused]:
    """What may be removed; nothing is changed."""
    return [
        Unused(name=one.name, root=one.root, broken=not one.is_complete(), owner=one.abandoned_by())
        for one in known_members(repository)
        if _is_free(one) and not is_held(one)
    ]


def remove_unused(repository: Repository, *, spare: Callable[[str], bool] = lambda _: True) -> list[str]:
    """Remove every worktree that nobody uses, whole or not; their names.

    `spare` says of a killed owner whether what stands there is still of use.
    """
    free = [found for found in unused(repository) if not found.owner or not spare(found.owner)]
    return [found.name for found in free if _remove(Member(owner=repository, name=found.name), found.owner)]


def _remove(one: Member, owner: str) -> bool:
    """False where somebody took it meanwhile."""
    with held(one) as mine:
        if not mine or not _is_free(one) or one.abandoned_by() != owner:
            return False
        try:
            for path in (one.root, one.admin, *one.own_files, one.lock):
                clear(path)
            drop_pool(one.owner)
            with contextlib.suppress(OSError):  # others are still there
                one.admin.parent.rmdir()
        except OSError as error:
            raise StorageError(f"cannot remove the worktree {one.root}: {error.strerror}") from error
    return True


def _is_free(one: Member) -> bool:
    return not one.is_anothers() and not working_in(one.root)
