"""`git pliny session delete --remote`."""

import sys
from collections.abc import Sequence

from git_pliny.cli import messages, render
from git_pliny.cli.asking import confirm
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.sharing import spoken
from git_pliny.errors import GitError, NotFoundError, WouldOverwriteError
from git_pliny.git.refs import list_refs
from git_pliny.git.repository import Repository
from git_pliny.model.events import render_time
from git_pliny.sharing.exchange import Exchange
from git_pliny.store import sessions
from git_pliny.store.deletion import delete
from git_pliny.store.tombstones import TOMBSTONES


def delete_at(here: Invocation, repository: Repository, remote: str, names: Sequence[str], *, force: bool) -> None:
    """Delete sessions here and at a remote, with all that it has of them; what is deleted here already, there only."""
    now = render_time(int(here.now * 1_000_000))
    for name in names:
        found = _resolve(repository, name)
        if not force:
            question = f"delete session {render.short(found)} here and at {remote}, for everybody?"
            confirm(here, question, hint="git pliny session list")
        exchange = Exchange(repository, remote, spoken(here, sys.maxsize), chosen=[found])
        exchange.fetch()
        if sessions.exists(repository, found):
            delete(repository, found, at=now)
        done = exchange.bury()
        if sessions.exists(repository, found):
            raise WouldOverwriteError(
                f"session {render.short(found)} got new entries from {remote}, and is kept",
                hint=f"git pliny session delete --remote {remote} {render.short(found)}",
            )
        if done.sent is not None and (done.sent.refused or done.sent.again):
            reason = next(iter(done.sent.refused.values()), "others keep sending to it")
            raise GitError(
                f"session {render.short(found)} was deleted here, and {remote} refused that: {reason}",
                hint=f"git pliny session delete --remote {remote} {found}",
            )
        messages.note(f"deleted session {render.short(found)} here and at {remote}")


def _resolve(repository: Repository, name: str) -> str:
    """A session that is here, or one that was deleted here, or one by its whole id."""
    try:
        return sessions.resolve(repository, name)
    except NotFoundError:
        stones = [ref.name.removeprefix(TOMBSTONES) for ref in list_refs(repository, TOMBSTONES)]
        found = [stone for stone in stones if stone.startswith(name.lower())]
        if len(found) == 1:
            return found[0]
        if sessions.is_id(name.lower()):
            return name.lower()
        raise
