"""Sessions, read: which there are, which one is meant, and what its trail says.

Needs no dulwich: these are the commands that people type all day. Writing is `run`'s.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from git_pliny.errors import CorruptError, GitError, NotFoundError, PlinyError
from git_pliny.git.notes import read_notes
from git_pliny.git.objects import ObjectReader
from git_pliny.git.refs import list_blobs, list_refs, read_symbolic
from git_pliny.git.repository import Repository
from git_pliny.model.events import Line, parse_lines, union
from git_pliny.model.fold import Fold, fold
from git_pliny.model.session import Session, SessionStatus, decode_session
from git_pliny.store import journal, locks

SESSIONS = "refs/pliny/sessions/"
CHECKPOINTS = "refs/pliny/checkpoints/"
ARTIFACTS = "refs/pliny/artifacts/"
PINS = "refs/pliny-merges/"
"""The last merge of a session that no checkpoint holds yet. Local; not `refs/worktree`, which a `git gc` of another
worktree does not heed.
"""
NOTES = "refs/notes/pliny/"
CURRENT = "PLINY_HEAD"

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SHOWN = 8
_LONGEST_SHOWN = 80


class NotedLines(msgspec.Struct, frozen=True, kw_only=True):
    """The entries in a session's notes: the tip they were read at, the notes themselves, and the lines in order."""

    tip: str | None
    notes: dict[str, str]
    lines: list[Line]


def session_ids(repository: Repository) -> list[str]:
    """Every session known here, in no certain order; one whose first flush never came is known by its journal."""
    refs = (ref.name.removeprefix(SESSIONS) for ref in list_refs(repository, SESSIONS))
    return [name for name in dict.fromkeys([*refs, *with_journals(repository)]) if _ID.fullmatch(name)]


def is_id(name: str) -> bool:
    """Whether a session may have this id: what else lies under our refs is none of ours."""
    return _ID.fullmatch(name) is not None


def current_session(repository: Repository) -> str | None:
    """The worktree's current session, whether it still exists or not."""
    target = read_symbolic(repository, CURRENT) or ""
    name = target.removeprefix(SESSIONS)
    return name if _ID.fullmatch(name) else None


def resolve(repository: Repository, prefix: str | None) -> str:
    """The id that a unique prefix of it, or the name of a session, or None (the current session) stands for."""
    if prefix is None:
        return _current(repository)
    if _ID.fullmatch(prefix.lower()) and exists(repository, prefix.lower()):
        return prefix.lower()
    found = [name for name in session_ids(repository) if prefix and name.startswith(prefix.lower())]
    if not found:
        found = [session.id for session in load_all(repository) if session.name == prefix]
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(sorted(name[:_SHOWN] for name in found)[:5])
        raise PlinyError(f"'{_short(prefix)}' means {len(found)} sessions: {shown}", hint="git pliny session list")
    raise NotFoundError(f"there is no session '{_short(prefix)}'", hint="git pliny session list")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…"


def exists(repository: Repository, session: str) -> bool:
    """Whether anything of a session is here."""
    refs = list_refs(repository, SESSIONS + session, NOTES + session)
    return bool(refs) or bool(journal.journal_files(repository.local, session))


def load_lines(repository: Repository, session: str, *, reader: ObjectReader | None = None) -> list[Line]:
    """All entries of a session, from journals and notes, in the trail's order: exact at any moment."""
    local = list(journal.journal_lines(repository.local, session))
    return union(local, read_noted(repository, session, reader=reader).lines)


def load(repository: Repository, session: str, *, reader: ObjectReader | None = None) -> Fold:
    """A session's state, exact at any moment; NotFoundError where there is none."""
    lines = load_lines(repository, session, reader=reader)
    if not lines:
        raise NotFoundError(f"there is no session '{session}'", hint="git pliny session list")
    return fold(session, lines)


def load_all(repository: Repository) -> list[Session]:
    """Every session, oldest first. The blob is the session unless a journal has more to say, or the blob is none."""
    unsure = set(with_journals(repository))
    found = _decoded(repository)
    unsure.update(session for session, decoded in found.items() if decoded is None)
    with ObjectReader(repository) as reader:
        for session in unsure:
            with contextlib.suppress(CorruptError):  # its object, where there is one, is all that can be had
                lines = load_lines(repository, session, reader=reader)
                found[session] = fold(session, lines).session() if lines else None
    known = (session for session in found.values() if session is not None)
    return sorted(known, key=lambda session: (session.created_at, session.id))


def _decoded(repository: Repository) -> dict[str, Session | None]:
    """What each session ref holds; None where that is no session, or where git misses an object of any of them."""
    try:
        blobs = list(list_blobs(repository, SESSIONS))
    except GitError:
        blobs = [(ref.name, b"") for ref in list_refs(repository, SESSIONS)]
    found: dict[str, Session | None] = {}
    for name, raw in blobs:
        session, decoded = name.removeprefix(SESSIONS), decode_session(raw)
        if _ID.fullmatch(session):
            found[session] = decoded if decoded and decoded.id == session else None
    return found


def with_journals(repository: Repository) -> list[str]:
    """The sessions that have entries which are perhaps not in git yet."""
    folder = repository.local / "journal"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return [name for name in names if _ID.fullmatch(name) and journal.journal_files(repository.local, name)]


def read_noted(repository: Repository, session: str, *, reader: ObjectReader | None = None) -> NotedLines:
    """What the notes of a session hold now; CorruptError where git has lost any of it."""
    if reader is None:
        with ObjectReader(repository) as opened:
            return read_noted(repository, session, reader=opened)
    tip = reader.resolve(NOTES + session)
    if tip is None:
        return NotedLines(tip=None, notes={}, lines=[])
    try:
        notes = read_notes(reader, tip, width=len(tip))
        blobs = [_note(reader, oid) for oid in dict.fromkeys(notes.values())]
    except CorruptError as error:
        raise CorruptError(
            f"the audit trail of session {session[:_SHOWN]} cannot be read: {error.message}",
            hint="git fsck   (a clone that has the object can bring it back)",
        ) from error
    return NotedLines(tip=tip, notes=notes, lines=union(*(parse_lines(blob) for blob in blobs)))


def _note(reader: ObjectReader, oid: str) -> bytes:
    blob = reader.blob(oid)
    if blob is None:
        raise CorruptError(f"the note {oid} is missing or corrupt")
    return blob


def lock_path(repository: Repository, session: str) -> Path:
    """The lock of whoever executes, rolls back, archives or deletes a session."""
    return repository.local / "locks" / f"{session}.lock"


def holder(repository: Repository, session: str) -> dict[str, object] | None:
    """Who works on a session now, or None."""
    return locks.holder_of(lock_path(repository, session))


def is_interrupted(repository: Repository, session: Session) -> bool:
    """Whether a session is under way by its trail while no process of this machine works on it."""
    ran = any(record.attempts for record in session.agents.values())
    return session.status is SessionStatus.IN_PROGRESS and ran and was_left(repository, session.id)


def was_left(repository: Repository, session: str) -> bool:
    """Whether nobody works on a session that was under way a moment ago.

    A process that ends writes so, removes its journal and lets go of its lock, in this order. So a journal
    that is there after the lock was free is a dead one's; without one, whoever ended may have done so meanwhile.
    """
    if holder(repository, session) is not None:
        return False
    if journal.journal_files(repository.local, session):
        return True
    try:
        status = load(repository, session).status
    except (NotFoundError, CorruptError):
        return True
    return status is SessionStatus.IN_PROGRESS and holder(repository, session) is None


def _current(repository: Repository) -> str:
    session = current_session(repository)
    if session is None:
        raise NotFoundError("there is no current session here", hint='git pliny session start "NAME"')
    if not exists(repository, session):
        raise NotFoundError(f"the current session {session[:_SHOWN]} is gone", hint="git pliny session list")
    return session


def checkpoint_refs(repository: Repository, session: str) -> Iterator[tuple[str, str]]:
    """Encoded name and tag of every checkpoint ref of a session."""
    prefix = f"{CHECKPOINTS}{session}/"
    for ref in list_refs(repository, prefix):
        yield ref.name.removeprefix(prefix), ref.oid
