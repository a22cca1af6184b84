"""What agents of killed holders left in the worktrees of the pool."""

import os
from collections.abc import Generator
from typing import NamedTuple

from git_pliny.git.clearing import is_folder
from git_pliny.git.linking import own_config
from git_pliny.git.member import Member, hold, known_members
from git_pliny.git.repository import Repository
from git_pliny.git.snapshot import Snapshot
from git_pliny.git.worktrees import Worktree, no_commit


class Left(NamedTuple):
    """What stands in a worktree whose holder was killed, and the commit that it started from, as told by `take`."""

    snapshot: Snapshot
    onto: str | None


def abandoned(repository: Repository, owner: str) -> Generator[Left, None, None]:
    """What `owner` had made in worktrees whose holder was killed; each is given back once the next one is asked for.

    End its processes before.
    """
    for one in known_members(repository):
        if owner and one.abandoned_by() == owner:
            yield from _abandoned(one, owner)


def _abandoned(one: Member, owner: str) -> Generator[Left, None, None]:
    descriptor, state = hold(one), one.state()
    if descriptor is None:
        return
    if state is None or one.abandoned_by() != owner:
        os.close(descriptor)
        return
    commit, config = state.head or no_commit(one.owner), own_config(one.owner)
    worktree = Worktree(held_by=descriptor, one=one, commit=commit, config=config, state=state)
    try:
        if is_folder(one.root):
            snapshot = worktree.capture()
            if (snapshot.tree, snapshot.head.oid) != (state.tree, state.head):
                yield Left(snapshot, state.onto)
        worktree.release()
    finally:
        worktree.leave()
