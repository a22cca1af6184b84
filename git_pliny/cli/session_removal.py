"""`git pliny session delete` and `prune`."""

from typing import Annotated

from git_pliny.cli import messages, output, render
from git_pliny.cli.asking import confirm
from git_pliny.cli.declare import argument, option
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json
from git_pliny.cli.sharing_removal import delete_at
from git_pliny.cli.values import remotes, session_ids
from git_pliny.cli.workbench import open_workbench
from git_pliny.errors import BusyError
from git_pliny.git.repository import discover
from git_pliny.model.duration import parse_duration
from git_pliny.model.events import render_time
from git_pliny.store import leavings, listing, pool, sessions
from git_pliny.store.deletion import clear_local, delete, forget, half_deleted

Sessions = Annotated[
    list[str],
    argument(
        metavar="ID",
        help="A session: its id, the beginning of it, or its name.",
        show_default=False,
        autocompletion=session_ids,
    ),
]
Force = Annotated[bool, option("--force", "-f", help="Do not ask.")]
AtRemote = Annotated[
    str | None,
    option("--remote", metavar="REMOTE", help="Delete it at this remote, too.", autocompletion=remotes),
]
OlderThan = Annotated[
    str | None,
    option("--older-than", metavar="AGE", help="How old, like 30d; else the setting session.prune_after counts."),
]
DryRun = Annotated[bool, option("--dry-run", "-n", help="List what would be deleted, and delete nothing.")]


def delete_command(here: Invocation, *, session: Sessions, remote: AtRemote = None, force: Force = False) -> None:
    """Delete a session with its checkpoints, audit trail and artifacts.

    What remains is a tombstone, which keeps it from coming back from another clone. A session that is being worked on
    is not deleted. At a terminal you are asked first. With --remote it is deleted at that remote, too, and goes from
    the other clones as they fetch; one that has worked on with it meanwhile keeps it.
    """
    repository = discover(here.cwd, here.environ)
    if remote is not None:
        delete_at(here, repository, remote, session, force=force)
        return
    known = {listed.id: listed.name for listed in listing.list_sessions(repository)}
    for name in session:
        found = sessions.resolve(repository, name)
        what = f"session {render.short(found)} '{render.clip(known.get(found, ''), 60)}'"
        if not force:
            question = f"delete {what} with its checkpoints, audit trail and artifacts?"
            confirm(here, question, hint="git pliny session list")
        delete(repository, found, at=render_time(int(here.now * 1_000_000)))
        messages.note(f"deleted {what}")


def prune_command(
    here: Invocation, *, older_than: OlderThan = None, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Delete finished sessions that are older than a given age.

    Finished are those that completed or were archived; the age is the time since their last entry. Outputs, journals
    and locks that sessions left which are gone are removed, too, worktrees of isolated agents that are not in use, and
    tombstones of what was deleted long ago (setting sharing.tombstone_age).
    """
    bench = open_workbench(here)
    age = bench.settings.session.prune_after if older_than is None else older_than
    now = render_time(int(here.now * 1_000_000))
    before = render_time(int((here.now - parse_duration(age)) * 1_000_000))
    old = [
        listed
        for listed in listing.list_sessions(bench.repository)
        if listed.status.finished and listed.last_activity < before
    ]
    pruned = []
    for listed in old:
        if not dry_run:
            try:
                delete(bench.repository, listed.id, at=now)
            except BusyError as error:
                messages.warning(error.message)
                continue
        pruned.append(listed)
        messages.note(f"{'would delete' if dry_run else 'deleted'} session {render.short(listed.id)}: {listed.name}")
    if not dry_run:
        kept_for = parse_duration(bench.settings.sharing.tombstone_age)
        forget(bench.repository, render_time(int((here.now - kept_for) * 1_000_000)))
        for half in half_deleted(bench.repository):
            delete(bench.repository, half, at=now)
        for gone in leavings.gone_sessions(bench.repository):
            clear_local(bench.repository, gone)
        pool.clear(bench.repository)
    if as_json:
        output.data_json([listed.id for listed in pruned])
    elif not pruned:
        messages.note(f"no finished session is older than {age}")
