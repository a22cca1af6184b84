"""`git pliny session start` and `archive`."""

from typing import Annotated

from git_pliny.cli import messages, output
from git_pliny.cli.choosing import OUTER
from git_pliny.cli.declare import argument
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json, SessionArgument
from git_pliny.cli.workbench import open_workbench, open_workbench_anyway
from git_pliny.errors import UsageError
from git_pliny.model.events import Event, EventType
from git_pliny.model.session import SessionStatus
from git_pliny.store import sessions
from git_pliny.store.checkpoints import not_held
from git_pliny.store.opening import Desired, create, make_current, resume

Name = Annotated[str, argument(metavar="NAME", help="What the session is for, in words.", show_default=False)]

_LONGEST_NAME = 200


def start_command(here: Invocation, *, name: Name, as_json: Json = False) -> None:
    """Start a session without running anything yet.

    Prints its id. The workspace is kept as checkpoint start, and the session becomes the current one of this worktree:
    the next execute runs in it.
    """
    bench = open_workbench(here)
    task = bench.masker.mask_text(name).strip()
    desired = Desired(name=task[:_LONGEST_NAME], task=task)
    if not desired.name:
        raise UsageError("a session needs a name", hint='git pliny session start "NAME"')
    with create(bench.repository, desired, clock=bench.clock, bounds=bench.bounds) as run:
        if not here.environ.get(OUTER):
            make_current(bench.repository, run.session)
    for text in not_held(run.snapshot) if run.snapshot else ():
        messages.warning(text)
    if as_json:
        output.data_json(run.state.session())
    else:
        output.data(run.session)


def archive_command(here: Invocation, *, session: SessionArgument = None) -> None:
    """Mark a session as archived.

    It stays as it is, is no longer listed without --all, and is not executed any more.
    """
    bench = open_workbench_anyway(here)
    found = sessions.resolve(bench.repository, session)
    with resume(bench.repository, found, clock=bench.clock, bounds=bench.bounds) as (run, _):
        if run.state.status is not SessionStatus.ARCHIVED:
            run.append(Event(type=EventType.SESSION_ARCHIVE))
    messages.note(f"archived session {found[:8]}: {run.state.name}")
