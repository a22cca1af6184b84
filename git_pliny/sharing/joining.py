"""Takes in what a remote has, as last fetched: each of its sessions is merged with what is known of it here.

What is new here comes in many sessions to a transaction. One that is here already is merged while nobody flushes it;
whoever executes it meanwhile goes on, and finds the entries at its next flush.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from git_pliny.errors import BusyError, CorruptError, GitError
from git_pliny.git.objects import ObjectReader
from git_pliny.git.packed import NewRef, create_packed
from git_pliny.git.refs import RefMovedError, RefUpdate, update_refs
from git_pliny.git.removal import remove_refs
from git_pliny.git.repository import Repository
from git_pliny.git.writer import ObjectWriter
from git_pliny.sharing.layout import Refs, refs_here, refs_there
from git_pliny.sharing.merge import Merged, Merger
from git_pliny.store import journal, locks, tombstones
from git_pliny.store.deletion import delete

_BATCH = 250
_MANY = 500
"""From how many new refs on they are written together."""
_TRIES = 10
_MESSAGE = "pliny fetch"


class Change(StrEnum):
    """What became of a session here."""

    NEW = "new"
    UPDATED = "updated"
    """It has what the remote has."""
    MERGED = "merged"
    """Both sides had something that the other had not."""
    DELETED = "deleted"
    KEPT = "kept"
    """It was deleted elsewhere, and has entries that whoever deleted it did not know."""
    REFUSED = "refused"


class Joined(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one session; `reason`: why it was refused or kept."""

    session: str
    change: Change
    reason: str | None = None


class Joining:
    """Merges the sessions of one remote, whose copies lie in `folder`.

    `oldest`, a time as entries write it: tombstones from before then are not taken in, other than for a session here.
    """

    def __init__(self, repository: Repository, folder: str, *, oldest: str) -> None:
        self._repository = repository
        self._folder = folder
        self._oldest = oldest

    def join(self, chosen: Callable[[str], bool]) -> Iterator[Joined]:
        """Every session that differs here and there, and is chosen."""
        here, there = refs_here(self._repository), refs_there(self._repository, self._folder)
        differing = [name for name, theirs in there.items() if chosen(name) and here.get(name, Refs()) != theirs]
        with ObjectReader(self._repository) as reader:
            new = [name for name in differing if name not in here and self._is_unknown(name)]
            for start in range(0, len(new), _BATCH):
                yield from self._take_in(reader, there, new[start : start + _BATCH])
            for name in differing:
                if name not in new and (joined := self._join_one(reader, name, there[name])):
                    yield joined

    def _is_unknown(self, session: str) -> bool:
        return not journal.journal_files(self._repository.local, session)

    def _take_in(self, reader: ObjectReader, there: dict[str, Refs], names: Sequence[str]) -> Iterator[Joined]:
        """Sessions of which nothing is here."""
        writer = ObjectWriter(self._repository)
        merger, new, taken = Merger(reader, writer), dict[str, NewRef](), list[str]()
        merger.read_ahead([there[name] for name in names])
        for name in names:
            try:
                merged = merger.merge(name, Refs(), self._without_old_stone(reader, Refs(), there[name]))
            except (CorruptError, GitError) as error:
                yield Joined(session=name, change=Change.REFUSED, reason=error.message)
                continue
            peeled = {tag.oid: tag.commit for tag in merged.refs.checkpoints.values()}
            new |= {ref: NewRef(oid, peeled.get(oid)) for ref, oid in merged.refs.by_name(name).items()}
            if merged.refs.is_there:
                taken.append(name)
        writer.write()
        try:
            self._create(new)
        except RefMovedError:  # another fetch was here first
            yield from (joined for name in names if (joined := self._join_one(reader, name, there[name])))
            return
        yield from (Joined(session=name, change=Change.NEW) for name in taken)

    def _create(self, new: Mapping[str, NewRef]) -> None:
        if len(new) < _MANY or not create_packed(self._repository, new):
            updates = [RefUpdate(name, ref.oid, None) for name, ref in new.items()]
            update_refs(self._repository, updates, message=_MESSAGE, durable=False)  # what is lost is fetched again

    def _join_one(self, reader: ObjectReader, session: str, theirs: Refs) -> Joined | None:
        for _ in range(_TRIES):
            with contextlib.suppress(RefMovedError):
                return self._try_one(reader, session, theirs)
        raise GitError(f"the refs of session {session[:8]} keep moving", hint="git pliny doctor")

    def _try_one(self, reader: ObjectReader, session: str, theirs: Refs) -> Joined | None:
        with locks.held(self._repository.local / "locks" / f"{session}.flush"):
            unflushed = list(journal.journal_lines(self._repository.local, session))
            ours = refs_here(self._repository, session).get(session, Refs())
            writer = ObjectWriter(self._repository)
            try:
                theirs = self._without_old_stone(reader, ours, theirs)
                merged = Merger(reader, writer).merge(session, ours, theirs, unflushed)
            except CorruptError as error:
                return Joined(session=session, change=Change.REFUSED, reason=error.message)
            writer.write()
            is_gone = ours.is_there and not merged.refs.is_there
            wanted = msgspec.structs.replace(ours, tombstone=merged.refs.tombstone) if is_gone else merged.refs
            self._move(session, ours, wanted)
        if is_gone:
            return self._deleted(session, reader.blob(merged.refs.tombstone or "") or b"")
        return self._told(session, ours, theirs, merged)

    def _without_old_stone(self, reader: ObjectReader, ours: Refs, theirs: Refs) -> Refs:
        stone = theirs.tombstone and reader.blob(theirs.tombstone)
        if not ours.is_there and stone and (tombstones.deleted_at(stone) or "") < self._oldest:
            return msgspec.structs.replace(theirs, tombstone=None)
        return theirs

    def _move(self, session: str, ours: Refs, wanted: Refs) -> None:
        old, new = ours.by_name(session), wanted.by_name(session)
        changed = [
            RefUpdate(name, new.get(name), old.get(name))
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        ]
        if any(update.new is None for update in changed):
            remove_refs(self._repository, changed, message=_MESSAGE)
        else:
            update_refs(self._repository, changed, message=_MESSAGE)

    def _deleted(self, session: str, stone: bytes) -> Joined:
        try:
            delete(self._repository, session, at=tombstones.deleted_at(stone) or self._oldest)
        except BusyError as error:
            return Joined(session=session, change=Change.KEPT, reason=error.message)
        return Joined(session=session, change=Change.DELETED)

    def _told(self, session: str, ours: Refs, theirs: Refs, merged: Merged) -> Joined | None:
        if merged.refs == ours or not merged.refs.is_there:
            return None
        if merged.revived and theirs.tombstone not in (None, ours.tombstone):
            reason = "it was deleted elsewhere, and has entries here that were not known there"
            return Joined(session=session, change=Change.KEPT, reason=reason)
        if not ours.is_there:
            return Joined(session=session, change=Change.NEW)
        same = merged.refs.notes == theirs.notes and merged.refs.artifacts == theirs.artifacts
        return Joined(session=session, change=Change.UPDATED if same else Change.MERGED)
