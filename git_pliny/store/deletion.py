"""Deleting a session: its refs go in one transaction, which leaves a tombstone, and then what is local goes."""

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from git_pliny.errors import BusyError, CorruptError, GitError, NotFoundError
from git_pliny.git.objects import ObjectReader
from git_pliny.git.refs import RefMovedError, RefUpdate, delete_symbolic, list_refs, read_symbolic
from git_pliny.git.removal import remove_refs
from git_pliny.git.repository import Repository
from git_pliny.model.events import Line
from git_pliny.model.fold import fold
from git_pliny.model.session import AuditHead, decode_session
from git_pliny.store import journal, locks, sessions, tombstones
from git_pliny.store.tombstones import TOMBSTONES

_TRIES = 10


def delete(repository: Repository, session: str, *, at: str) -> None:
    """Delete a session, which is then no worktree's current one; BusyError where a process works on it.

    `at`: now, as entries write it.
    """
    with _held(repository, session):
        _delete_refs(repository, session, at)
        clear_local(repository, session)
    for git_dir in (repository.common_dir, *(repository.common_dir / "worktrees").glob("*")):
        worktree = msgspec.structs.replace(repository, git_dir=git_dir)
        if read_symbolic(worktree, sessions.CURRENT) == sessions.SESSIONS + session:
            delete_symbolic(worktree, sessions.CURRENT)


def forget(repository: Repository, before: str) -> None:
    """Remove the tombstones of what was deleted before a time, written as in entries."""
    with ObjectReader(repository) as reader:
        old = [
            RefUpdate(ref.name, None, ref.oid)
            for ref in list_refs(repository, TOMBSTONES)
            if (tombstones.deleted_at(reader.blob(ref.oid) or b"") or "") < before
        ]
    if old:
        remove_refs(repository, old, message="pliny session prune")


def clear_local(repository: Repository, session: str) -> None:
    """Remove what lies outside git's objects and refs: journals, outputs, locks."""
    for name in ("journal", "output", "origins"):
        shutil.rmtree(repository.local / name / session, ignore_errors=True)
    for lock in (sessions.lock_path(repository, session), _flush_lock(repository, session)):
        with contextlib.suppress(OSError):
            lock.unlink()


@contextlib.contextmanager
def _held(repository: Repository, session: str) -> Iterator[None]:
    """The session's lock, while no run, not even a short one inside an agent, writes to it."""
    busy = BusyError(f"session {session[:8]} is being worked on", hint=f"git pliny audit view --follow {session[:8]}")
    try:
        lock = locks.acquire(sessions.lock_path(repository, session))
    except locks.LockTakenError as error:
        raise busy from error
    try:
        with locks.held(_flush_lock(repository, session)):
            if any(map(journal.is_alive, journal.journal_files(repository.local, session))):
                raise busy
            yield
    finally:
        lock.release(remove=True)


def _flush_lock(repository: Repository, session: str) -> Path:
    return repository.local / "locks" / f"{session}.flush"


def _delete_refs(repository: Repository, session: str, at: str) -> None:
    single = [prefix + session for prefix in (sessions.SESSIONS, sessions.ARTIFACTS, sessions.NOTES, sessions.PINS)]
    tombstone = TOMBSTONES + session
    for _ in range(_TRIES):
        if not sessions.exists(repository, session):
            raise NotFoundError(f"there is no session '{session}'", hint="git pliny session list")
        known = {ref.name: ref.oid for ref in list_refs(repository, *single, tombstone)}
        known |= {ref.name: ref.oid for ref in list_refs(repository, f"{sessions.CHECKPOINTS}{session}/")}
        stone = known.pop(tombstone, None)
        made = RefUpdate(tombstone, _write_tombstone(repository, session, stone, at), stone)
        gone = [RefUpdate(name, None, oid) for name, oid in known.items()]
        with contextlib.suppress(RefMovedError):
            remove_refs(repository, [*gone, made], message="pliny session delete")
            return
    raise GitError(f"the refs of session {session[:8]} keep moving", hint="git pliny doctor")


def _heads(repository: Repository, session: str) -> AuditHead:
    """How far the trail goes; where it cannot be read any more, how far the session's object says that it goes."""
    with ObjectReader(repository) as reader:
        try:
            return fold(session, sessions.load_lines(repository, session, reader=reader)).session().audit
        except CorruptError:
            known = decode_session(reader.blob(sessions.SESSIONS + session) or b"")
            return known.audit if known else AuditHead()


def is_covered(repository: Repository, session: str, lines: Iterable[Line]) -> bool:
    """Whether a tombstone here says that these entries were deleted."""
    with ObjectReader(repository) as reader:
        return tombstones.covers(reader.blob(TOMBSTONES + session) or b"", lines)


def half_deleted(repository: Repository) -> list[str]:
    """The sessions whose deletion a kill cut off: what is left of them is what a tombstone says was deleted."""
    refs = list_refs(repository, TOMBSTONES, sessions.SESSIONS, sessions.NOTES)
    stones = {ref.name.removeprefix(TOMBSTONES) for ref in refs}
    left = {ref.name.rpartition("/")[2] for ref in refs if not ref.name.startswith(TOMBSTONES)}
    return sorted(session for session in left & stones if is_half_deleted(repository, session))


def is_half_deleted(repository: Repository, session: str) -> bool:
    """Whether a session is one of those."""
    with contextlib.suppress(CorruptError):
        return is_covered(repository, session, sessions.load_lines(repository, session))
    return False


def _write_tombstone(repository: Repository, session: str, known: str | None, at: str) -> str:
    text = tombstones.written(session, _heads(repository, session).heads, at)
    if known is not None:
        text = tombstones.united(text, repository.git("cat-file", "blob", known, accept=(0, 128)))
    return repository.git("hash-object", "-w", "--stdin", stdin=text, durable=True).decode().strip()
