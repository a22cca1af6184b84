"""A session that another clone executes, as far as is known here, is left to it unless the user takes it over."""

from git_pliny.cli import messages
from git_pliny.errors import BusyError
from git_pliny.git.repository import Repository
from git_pliny.model.fold import Fold, RunState
from git_pliny.store.clone import clone_id


def check_not_elsewhere(repository: Repository, state: Fold, *, take_over: bool, again: str) -> None:
    """Refuse, saying who executes it, where and since when; with `take_over`, only say from whom it is taken."""
    under_way = state.executing_elsewhere(clone_id(repository))
    if take_over:
        for run in under_way:
            messages.note(f"taking over from {_who(run)}")
        return
    if under_way:
        raise BusyError(
            f"session {state.id[:8]} is being executed in another clone by {_who(under_way[-1])},"
            " as far as is known here",
            hint=f"git pliny fetch tells whether it has ended; or, if it has died: {again} --take-over",
        )


def _who(run: RunState) -> str:
    return f"{run.place.user or 'somebody'} on {run.place.host or 'some host'} since {run.since} (run {run.run})"
