"""Which session an `execute` goes on with, or that it starts a new one (DESIGN section 5, "What `execute` runs")."""

from git_pliny.cli.invocation import Invocation
from git_pliny.errors import NotFoundError, UsageError
from git_pliny.git.repository import Repository
from git_pliny.model.fold import Fold
from git_pliny.model.session import SessionStatus
from git_pliny.store import sessions

OUTER = "PLINY_SESSION"
"""Set for agents: an `execute` inside one has a session of its own."""


def choose_session(
    here: Invocation, repository: Repository, *, session: str | None, resume: bool, rerun: bool, task: bool
) -> Fold | None:
    """The session to go on with, as it stands; None for a new one."""
    if task and session is not None:
        raise UsageError("a task text starts a new session, which --session can't mean", hint="leave one out")
    if session is not None:
        return _named(repository, session, unfinished=resume)
    if task and (resume or rerun):
        raise UsageError(
            "a task text starts a new session, which --resume and --rerun can't mean", hint="leave one out"
        )
    current = None if task or here.environ.get(OUTER) else _current(repository)
    unfinished = current is not None and not current.status.finished
    if resume and not unfinished:
        raise NotFoundError("there is no unfinished session to resume", hint="git pliny session list")
    return current if unfinished or rerun else None


def _named(repository: Repository, session: str, *, unfinished: bool) -> Fold:
    state = sessions.load(repository, sessions.resolve(repository, session))
    if unfinished and state.status is SessionStatus.COMPLETED:
        raise NotFoundError(
            f"session {state.id[:8]} is completed: there is nothing to resume", hint="git pliny session list"
        )
    if state.status is SessionStatus.ARCHIVED:
        raise NotFoundError(f"session {state.id[:8]} is archived", hint='git pliny execute "TASK" starts a new one')
    return state


def _current(repository: Repository) -> Fold | None:
    session = sessions.current_session(repository)
    if session is None or not sessions.exists(repository, session):
        return None
    return sessions.load(repository, session)
