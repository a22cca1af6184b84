"""`git pliny session list` and `show`: the sessions of a repository, and one of them.

Start-up is most of what these cost, so nothing is imported here that writes.
"""

from typing import Annotated, TypeVar

from git_pliny.cli import messages, output, overview, render
from git_pliny.cli.declare import option
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json, SessionArgument
from git_pliny.git.repository import discover
from git_pliny.model.session import Session, SessionStatus
from git_pliny.store import listing, sessions

_Listed = TypeVar("_Listed", Session, listing.Listed)

All = Annotated[bool, option("--all", "-a", help="List archived sessions, too.")]
Number = Annotated[int | None, option("--number", "-n", metavar="N", min=0, help="List at most N sessions.")]


def list_command(here: Invocation, *, every: All = False, number: Number = None, as_json: Json = False) -> None:
    """List the sessions of this repository.

    The one that was worked on last comes first; `*` marks the current session of this worktree. The age is the time
    since the last entry. A session is shown as interrupted where the process that ran it is gone.
    """
    repository = discover(here.cwd, here.environ)
    if as_json:
        output.data_json(_select(sessions.load_all(repository), every, number))
        return
    found = listing.list_sessions(repository)
    shown = _select(found, every, number)
    heading = ("  id", "name", "status", "progress", "age", "cost")
    current = sessions.current_session(repository)
    rows = [_row(here, listed, current) for listed in shown]
    output.table(heading, render.fit(here, heading, rows, flexible=1), paint=render.painter(here))
    _say_what_is_missing(here, len(found), len(shown), number)


def show_command(here: Invocation, *, session: SessionArgument = None, as_json: Json = False) -> None:
    """Show a session: its phases, agents, checkpoints and metrics.

    It is exact at any moment, while the session runs, too. With --json it is the object that is stored in git under
    refs/pliny/sessions/ID.
    """
    repository = discover(here.cwd, here.environ)
    state = sessions.load(repository, sessions.resolve(repository, session))
    found = state.session()
    if as_json:
        output.data_json(found)
        return
    overview.show_facts(here, repository, found)
    overview.show_agents(here, found)
    overview.show_phases(here, found)
    overview.show_words(state)
    overview.show_failures(state, found)
    overview.show_checkpoints(here, state)
    if step := overview.next_step(repository, found):
        output.data(f"\nnext: {step}")


def _select(found: list[_Listed], every: bool, number: int | None) -> list[_Listed]:
    """What was asked for, the one that was worked on last first."""
    shown = [session for session in found if every or session.status is not SessionStatus.ARCHIVED]
    shown.sort(key=lambda session: (session.last_activity, session.id), reverse=True)
    return shown if number is None else shown[:number]


def _row(here: Invocation, listed: listing.Listed, current: str | None) -> tuple[str, ...]:
    return (
        f"{'*' if listed.id == current else ' '} {render.short(listed.id)}",
        listed.name,
        render.INTERRUPTED if listed.interrupted else listed.status.value,
        render.progress(listed.done, listed.agents),
        render.age(here.now, listed.last_activity),
        render.cost(listed.cost_usd),
    )


def _say_what_is_missing(here: Invocation, found: int, shown: int, number: int | None) -> None:
    """Why a list is empty, or shorter than a reader at a terminal would think."""
    if not found:
        overview.say_no_sessions()
    elif shown < found and number is None and (here.stdout_is_terminal or not shown):
        messages.note(f"{render.plural(found - shown, 'archived session')}: git pliny session list --all")
