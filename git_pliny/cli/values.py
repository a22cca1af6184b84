"""What TAB offers as the value of a parameter. An error here is seen by no one: the shell then offers nothing."""

from typing import Any

from git_pliny.cli import invocation
from git_pliny.git import transport
from git_pliny.git.repository import Repository, discover
from git_pliny.model.session import Session
from git_pliny.store import sessions

_SHOWN = 8


def session_ids() -> list[tuple[str, str]]:
    """Every session, the latest first: the part of its id that people type, and its name."""
    found = sorted(sessions.load_all(_repository()), key=lambda session: session.last_activity, reverse=True)
    return [(session.id[:_SHOWN], session.name) for session in found]


def remotes() -> list[tuple[str, str]]:
    """The remotes."""
    return [(name, "a remote") for name in transport.remotes(_repository())]


def remotes_and_sessions() -> list[tuple[str, str]]:
    """The remotes, and every session."""
    return remotes() + session_ids()


def checkpoint_names(ctx: Any) -> list[tuple[str, str]]:
    """The checkpoints of the session that the command line names so far, or of the current one, and their commits."""
    return [(name, commit[:_SHOWN]) for name, commit in _session(ctx).checkpoints.items()]


def agent_names(ctx: Any) -> list[tuple[str, str]]:
    """The agents of that session, and how each stands."""
    return [(name, agent.status.value) for name, agent in _session(ctx).agents.items()]


def phase_and_agent_names(ctx: Any) -> list[tuple[str, str]]:
    """The phases of that session, and its agents."""
    phases = dict.fromkeys(agent.phase for agent in _session(ctx).agents.values())
    return [*((phase, "phase") for phase in phases), *agent_names(ctx)]


def _session(ctx: Any) -> Session:
    repository = _repository()
    named = ctx.params.get("session")
    return sessions.load(repository, sessions.resolve(repository, named)).session()


def _repository() -> Repository:
    here = invocation.of_this_process()
    return discover(here.cwd, here.environ)
