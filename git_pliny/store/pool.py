"""The worktrees of isolated agents while none is at work in them: which are of use still, and which can go."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from git_pliny.git.member import member_of
from git_pliny.git.place import remove_orphans
from git_pliny.git.repository import Repository
from git_pliny.git.unused import Unused, remove_unused, unused
from git_pliny.store import sessions


def owner(session: str, agent: str) -> str:
    """Whose work stands in a worktree, for whoever finds it after a kill."""
    return f"{session} {agent}"


class Seat(NamedTuple):
    """What an agent at work in a worktree of the pool needs to know of it."""

    session: str
    agent: str
    onto: str | None
    """The commit that holds what it started from."""


def seat(repository: Repository) -> Seat | None:
    """Who works in this worktree; None where it is none of the pool, or nobody does."""
    one = member_of(repository)
    state = one.state() if one else None
    if state is None or not state.taken or not state.owner:
        return None
    return Seat(*owned_by(state.owner), state.onto)


def owned_by(text: str) -> tuple[str, str]:
    """The session and the agent that an owner names."""
    session, _, agent = text.partition(" ")
    return session, agent


def idle(repository: Repository) -> Sequence[Unused]:
    """Every worktree of the pool that nobody works in; one with an owner keeps what a kill cut off."""
    return unused(repository)


def is_needed(repository: Repository) -> Callable[[str], bool]:
    """Whether the session that an owner names can still go on, and would keep what stands there."""

    def needed(text: str) -> bool:
        session, _ = owned_by(text)
        if not sessions.is_id(session) or not sessions.exists(repository, session):
            return False
        return not sessions.load(repository, session).status.finished

    return needed


def clear(repository: Repository) -> list[str]:
    """Remove the worktrees that nobody works in, but for what unfinished sessions will keep; the names.

    Those of repositories that are gone, too.
    """
    remove_orphans(repository.environ)
    return remove_unused(repository, spare=is_needed(repository))
