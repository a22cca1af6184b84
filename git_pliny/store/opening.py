"""Opening a session to work on it: create or recover it, under its lock, with its `start` checkpoint in place."""

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from git_pliny.errors import BusyError, PlinyError
from git_pliny.git.refs import set_symbolic
from git_pliny.git.repository import Repository
from git_pliny.model.events import Event, EventType, render_time
from git_pliny.store import locks
from git_pliny.store.artifacts import Bounds
from git_pliny.store.clone import Origin, set_origin
from git_pliny.store.recovery import START, recover
from git_pliny.store.run import Run
from git_pliny.store.sessions import CURRENT, SESSIONS, lock_path


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """A session to be created; `task` is what it is for, where the user said so in words."""

    name: str
    task: str | None = None
    framework: str | None = None


@contextlib.contextmanager
def create(repository: Repository, desired: Desired, *, clock: Callable[[], int], bounds: Bounds) -> Iterator[Run]:
    """A new session, locked, with its start recorded and its first checkpoint taken."""
    session = str(uuid.uuid4())
    with _locked(repository, session, render_time(clock())):
        run = Run(repository, session, clock=clock, bounds=bounds, new=True)
        with _closing(run):
            base = run.reader.resolve("HEAD^{commit}")
            data: dict[str, Any] = {
                "session": session,
                "name": desired.name,
                "framework": desired.framework,
                "base": base,
            }
            if desired.task:
                data["task"] = desired.task
            set_origin(repository, session, Origin(framework=desired.framework, task=desired.task))
            data |= msgspec.to_builtins(run.place())
            run.append(Event(type=EventType.SESSION_START, data=data))
            try:
                run.checkpoint(START)
            except PlinyError:
                run.discard()
                raise
            yield run


@contextlib.contextmanager
def resume(
    repository: Repository, session: str, *, clock: Callable[[], int], bounds: Bounds
) -> Iterator[tuple[Run, list[Event]]]:
    """A session that is there already, locked and recovered, and the repairs that this took."""
    with _locked(repository, session, render_time(clock())):
        run = Run(repository, session, clock=clock, bounds=bounds)
        with _closing(run):
            yield run, recover(run)


def make_current(repository: Repository, session: str) -> None:
    """Let `PLINY_HEAD` of this worktree stand for a session."""
    set_symbolic(repository, CURRENT, SESSIONS + session)


@contextlib.contextmanager
def _locked(repository: Repository, session: str, since: str) -> Iterator[None]:
    try:
        lock = locks.acquire(lock_path(repository, session))
    except locks.LockTakenError as error:
        who = "process {pid} on {host} since {since}".format_map({"pid": "?", "host": "?", "since": "?"} | error.holder)
        raise BusyError(
            f"session {session[:8]} is held by {who}", hint=f"git pliny audit view --follow {session[:8]}"
        ) from error
    try:
        lock.describe({"pid": os.getpid(), "host": os.uname().nodename, "since": since})
        yield
    finally:
        lock.release(remove=True)


@contextlib.contextmanager
def _closing(run: Run) -> Iterator[None]:
    """Flush at the end of the block; after an error, leave the lines in the journal, where every reader finds them."""
    try:
        yield
    except BaseException:
        run.close(flush=False)
        raise
    run.close()
