"""`git pliny status`: where the current session stands, on one screen."""

from typing import NamedTuple

from git_pliny.cli import output, overview, render
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json
from git_pliny.git.repository import Repository, discover
from git_pliny.git.worktree import Standing, read_standing
from git_pliny.model.fold import Fold
from git_pliny.model.session import AgentStatus, Session, SessionStatus
from git_pliny.store import listing, sessions

_OTHERS_SHOWN = 5
_RUNNING_SHOWN = 5
_COMMIT_SHOWN = 12


class _Current(NamedTuple):
    """The current session: folded, and as others see it."""

    fold: Fold
    session: Session
    state: str


def status_command(here: Invocation, *, as_json: Json = False) -> None:
    """Show where the current session stands.

    What runs now or what to type next, the last checkpoint, other sessions that are unfinished, and the worktree.
    """
    repository = discover(here.cwd, here.environ)
    current = _current(repository)
    others = [
        listed
        for listed in reversed(listing.list_sessions(repository))
        if not listed.status.finished and (current is None or listed.id != current.session.id)
    ]
    standing = read_standing(repository)
    if as_json:
        output.data_json(_facts(repository, current, others, standing))
        return
    if current is not None:
        _show_current(here, repository, current)
    else:
        overview.say_no_current_session()
    _show_others(here, others)
    output.fact("worktree", _describe(standing))


def _current(repository: Repository) -> _Current | None:
    name = sessions.current_session(repository)
    if name is None or not sessions.exists(repository, name):
        return None
    fold = sessions.load(repository, name)
    session = fold.session()
    return _Current(fold, session, overview.state_of(repository, session))


def _facts(
    repository: Repository, current: _Current | None, others: list[listing.Listed], standing: Standing
) -> dict[str, object]:
    last = current.fold.newest_checkpoint() if current else None
    return {
        "session": current.session if current else None,
        "state": current.state if current else None,
        "running": _running(current.session) if current else [],
        "checkpoint": {"name": last.name, "commit": last.commit, "taken_at": last.taken_at} if last else None,
        "next": overview.next_step(repository, current.session) if current else None,
        "others": [{"id": listed.id, "name": listed.name, "status": listed.status.value} for listed in others],
        "worktree": standing._asdict(),
    }


def _running(session: Session) -> list[str]:
    return [name for name, record in session.agents.items() if record.status is AgentStatus.RUNNING]


def _show_current(here: Invocation, repository: Repository, current: _Current) -> None:
    session, paint = current.session, render.painter(here)
    output.fact("session", render.cut(here, f"{render.short(session.id)}  {session.name}", used=output.FACT))
    output.fact("status", current.state, paint=paint)
    output.fact("progress", overview.progress(session))
    if session.reason is not None and session.status is SessionStatus.PAUSED:
        output.fact("because", render.cut(here, session.reason, used=output.FACT))
    if spent := render.spent(session.metrics.cost_usd, session.metrics.tokens, session.budget):
        output.fact("spent", render.cut(here, spent, used=output.FACT))
    if session.budget and session.budget.time_s is not None:
        output.fact("worked", overview.worked(session))
    if session.current_phase is not None:
        output.fact("phase", render.cut(here, session.current_phase, used=output.FACT))
    if session.failed_agents:
        output.fact("failed", render.cut(here, _some(session.failed_agents), used=output.FACT))
    if running := _running(session):
        title = "running" if current.state != render.INTERRUPTED else "cut off"
        output.fact(title, render.cut(here, _some(running), used=output.FACT))
    if last := current.fold.newest_checkpoint():
        told = f"{last.commit[:_COMMIT_SHOWN]} {render.ago(here.now, last.taken_at)}, {last.name}"
        output.fact("checkpoint", render.cut(here, told, used=output.FACT))
    if step := overview.next_step(repository, session):
        output.fact("next", step)


def _some(names: list[str]) -> str:
    rest = len(names) - _RUNNING_SHOWN
    return ", ".join(names[:_RUNNING_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _show_others(here: Invocation, others: list[listing.Listed]) -> None:
    for listed in others[:_OTHERS_SHOWN]:
        state = render.INTERRUPTED if listed.interrupted else listed.status.value
        about = f"({state}, {render.ago(here.now, listed.last_activity)})"
        name = render.cut(here, listed.name, used=output.FACT + len(f"{render.short(listed.id)}  {about}  "))
        output.fact("unfinished", f"{render.short(listed.id)}  {name}  {about}")
    if len(others) > _OTHERS_SHOWN:
        output.fact("", f"and {len(others) - _OTHERS_SHOWN} more: git pliny session list")


def _describe(standing: Standing) -> str:
    where = standing.branch or "detached HEAD"
    commit = f"at {standing.commit[:_COMMIT_SHOWN]}" if standing.commit else "without a commit yet"
    changed = f"{render.plural(standing.changed, 'path')} changed" if standing.changed else "nothing changed"
    return f"{where} {commit}, {changed}"
