"""`git pliny checkpoint create` and `delete`."""

from typing import Annotated

import msgspec

from git_pliny.cli import messages, output, render
from git_pliny.cli.choosing import OUTER
from git_pliny.cli.declare import argument, option
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json, SessionOption
from git_pliny.cli.values import checkpoint_names
from git_pliny.cli.workbench import open_workbench, open_workbench_anyway
from git_pliny.errors import PlinyError
from git_pliny.git.repository import Repository
from git_pliny.git.snapshot import Snapshot
from git_pliny.store import pool, sessions
from git_pliny.store.checkpoints import CheckpointKind, Occasion
from git_pliny.store.opening import resume
from git_pliny.store.run import Run

NewName = Annotated[
    str, argument(metavar="NAME", help="A name that no checkpoint of the session has.", show_default=False)
]
Name = Annotated[
    str, argument(metavar="NAME", help="A checkpoint.", show_default=False, autocompletion=checkpoint_names)
]
Force = Annotated[bool, option("--force", "-f", help="Delete the start checkpoint, too.")]

_DIGITS = 9
_NESTED_SHOWN = 5


def create_command(here: Invocation, *, name: NewName, session: SessionOption = None, as_json: Json = False) -> None:
    """Keep the workspace as it is now under a name.

    Tracked and untracked files are kept, not ignored ones; index, stash, branch and files stay as they are. Prints the
    commit. It works while the session runs and inside an agent, whose session it finds in the environment.
    """
    bench = open_workbench_anyway(here)
    if bench.masker.mask_text(name) != name:
        raise PlinyError(
            "the name holds a secret, and a name is stored as it is", hint="git pliny checkpoint create NAME"
        )
    outer = here.environ.get(OUTER)
    found = sessions.resolve(bench.repository, session or outer)
    occasion = _in_place(_occasion(here, name, inside=found == outer), bench.repository, found)
    with Run(bench.repository, found, clock=bench.clock, bounds=bench.bounds) as run:
        made, snapshot, _ = run.checkpoint(occasion)
    _warn(snapshot)
    if as_json:
        output.data_json({"session": found, "name": made.name, "commit": made.commit, "taken_at": made.taken_at})
    else:
        output.data(made.commit)


def delete_command(here: Invocation, *, name: Name, force: Force = False, session: SessionOption = None) -> None:
    """Delete a checkpoint.

    The audit trail goes on to say that there was one. The only checkpoint of a session is not deleted, and the one
    called start only with --force.
    """
    bench = open_workbench(here)
    found = sessions.resolve(bench.repository, session or here.environ.get(OUTER))
    with resume(bench.repository, found, clock=bench.clock, bounds=bench.bounds) as (run, _):
        if list(run.state.checkpoints) == [name]:
            raise PlinyError(
                f"'{render.clip(name, 80)}' is the only checkpoint of session {render.short(found)}",
                hint=f"git pliny session delete {render.short(found)}",
            )
        if name == "start" and not force:
            raise PlinyError(
                "without its checkpoint 'start' a session can't be rolled back to its beginning",
                hint="git pliny checkpoint delete --force start",
            )
        run.delete_checkpoint(name)
    messages.note(f"deleted checkpoint {render.clip(name, 80)}")


def _occasion(here: Invocation, name: str, *, inside: bool) -> Occasion:
    """A checkpoint by hand, of the agent that it is made in, if any."""
    attempt = here.environ.get("PLINY_ATTEMPT", "") if inside else ""
    return Occasion(
        name=name,
        kind=CheckpointKind.MANUAL,
        exact=True,
        phase=here.environ.get("PLINY_PHASE") or None if inside else None,
        agent=here.environ.get("PLINY_AGENT") or None if inside else None,
        attempt=int(attempt) if attempt.isdecimal() and attempt.isascii() and len(attempt) <= _DIGITS else None,
    )


def _in_place(occasion: Occasion, repository: Repository, session: str) -> Occasion:
    """In the worktree of an isolated agent, what it has made so far, and not the workspace of the session."""
    place = pool.seat(repository)
    if place is None or place.session != session:
        return occasion
    return msgspec.structs.replace(occasion, aside=True, onto=place.onto)


def _warn(snapshot: Snapshot) -> None:
    for nested, what in (
        (snapshot.dirty_nested, "has changes that are not in its commit: they are not kept"),
        (snapshot.skipped_nested, "has no commit yet: it is left out"),
    ):
        for path in nested[:_NESTED_SHOWN]:
            messages.warning(f"nested repository '{path}' {what}")
        if len(nested) > _NESTED_SHOWN:
            messages.warning(f"and {render.plural(len(nested) - _NESTED_SHOWN, 'nested repository')} more")
