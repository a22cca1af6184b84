"""A run: one process that writes to a session. It owns a journal and moves its lines into the notes.

The order of durability is DESIGN section 3's: lines are synced to the journal before the caller goes on; a flush writes
objects, then refs, and only then do the lines leave the journal. A kill between any two steps leaves lines in both
places, and reading is a union.
"""

import contextlib
import secrets
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from git_pliny.errors import GitError, NotFoundError
from git_pliny.git.objects import ObjectReader
from git_pliny.git.refs import RefMovedError, RefUpdate, list_refs, update_refs
from git_pliny.git.removal import remove_refs
from git_pliny.git.repository import Repository
from git_pliny.git.snapshot import Snapshot, capture
from git_pliny.git.user import User, read_user
from git_pliny.git.writer import ObjectWriter
from git_pliny.model.events import Chain, Event, EventType, Line, parse_time, render_time, union
from git_pliny.model.fold import CheckpointState, apply, fold
from git_pliny.model.names import encode
from git_pliny.model.payloads import RanAt
from git_pliny.store import checkpoints, clone, journal, locks
from git_pliny.store.artifacts import Bounds, outputs_folder
from git_pliny.store.flush import Flush, Noted
from git_pliny.store.sessions import CHECKPOINTS, NOTES, PINS, SESSIONS, checkpoint_refs, load_lines, read_noted

_TRIES = 10
_LONGEST_USER = 300
_FINISHED_AFTER_A_KILL = (EventType.MERGE, EventType.ROLLBACK_BEGIN)
"""What is done to the workspace again, where the trail does not tell its end."""


class Taken(NamedTuple):
    """A snapshot, and the time at which it was begun."""

    at: str
    snapshot: Snapshot


class Run:
    """Writes entries, checkpoints and artifacts of one session. Leaving it as a context flushes it.

    `clock` gives microseconds since the epoch; `bounds` says what is stored of outputs; `new` is for a session that
    does not exist yet, else NotFoundError.
    """

    def __init__(
        self, repository: Repository, session: str, *, clock: Callable[[], int], bounds: Bounds, new: bool = False
    ) -> None:
        self.repository = repository
        self.session = session
        self.id = secrets.token_hex(4)
        self.reader = ObjectReader(repository)
        self.outputs = outputs_folder(repository, session)
        self._clock = clock
        self._bounds = bounds
        known = [] if new else load_lines(repository, session, reader=self.reader)
        if not known and not new:
            self.reader.close()
            raise NotFoundError(f"there is no session '{session}'", hint="git pliny session list")
        latest = max((parse_time(line.entry.ts) for line in known), default=0)
        self._chain = Chain(session=session, run=self.id, after=latest)
        self._journal = journal.Journal(journal.journal_folder(repository.local, session) / f"{self.id}.jsonl")
        self._pending: list[Line] = []
        self._untold: list[Line] = []
        self.snapshot: Snapshot | None = None
        """The last one that this run has taken."""
        self._noted = Noted(None, {})
        self._stale = not new
        self._is_new = new
        self.state = fold(session, known)
        self._user: User | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(flush=kind is None)

    def close(self, *, flush: bool = True) -> None:
        """End the run; without `flush`, its lines stay in the journal, where every reader finds them."""
        try:
            if flush:
                self.flush()
        finally:
            self._journal.close()
            self.reader.close()

    def discard(self) -> None:
        """Forget a session that could not be begun; nothing where a flush got as far as its refs: then it was begun."""
        if list_refs(self.repository, NOTES + self.session, SESSIONS + self.session):
            return
        self._journal.clear()
        self._pending.clear()
        stray = checkpoint_refs(self.repository, self.session)
        updates = [RefUpdate(f"{CHECKPOINTS}{self.session}/{name}", None, tag) for name, tag in stray]
        if updates:
            remove_refs(self.repository, updates, message="pliny session start")

    def append(self, *events: Event) -> Sequence[Line]:
        """Record events; when this returns they are durable. StorageError where they can't be: then none of them is."""
        mark = self._chain.mark()
        lines = [self._chain.link(event, self._clock()) for event in events]
        try:
            for line in lines:
                if line.entry.type in _FINISHED_AFTER_A_KILL:
                    clone.claim(self.repository, self.session, line)
            self._journal.append(lines)
        except BaseException:
            self._chain.reset(mark)
            raise
        self._pending.extend(lines)
        self._untold.extend(lines)
        for line in lines:
            apply(self.state, line)
        return lines

    def is_claimed(self, digest: str | None) -> bool:
        """Whether the entry of that digest, which may have been fetched, was written in this clone."""
        return clone.is_claimed(self.repository, self.session, digest)

    def place(self) -> RanAt:
        """Where this run works, as its first entry tells."""
        return clone.here(self.repository, self.author().rsplit(" ", 2)[0][:_LONGEST_USER])

    def untold(self) -> Sequence[Line]:
        """The lines that this run has written since the last call, for whoever shows them."""
        lines, self._untold = self._untold, []
        return lines

    def adopt(self, lines: Sequence[Line]) -> None:
        """Take over the lines of a run that has ended: the next flush moves them into the notes."""
        self._pending.extend(lines)
        self._stale = True
        self._refresh()

    def now(self) -> str:
        """The time, as entries write it: after every entry so far, even where the clock has been set back."""
        return render_time(self._chain.moment(self._clock()))

    @property
    def bounds(self) -> Bounds:
        """What is stored of a file, and how it is masked."""
        return self._bounds

    def keep_plan(self, raw: bytes) -> str:
        """Store a plan's JSON; the oid is for a `plan_change` entry, and the flush of that entry makes it reachable."""
        writer = ObjectWriter(self.repository)
        oid = writer.blob(raw)
        writer.write()
        return oid

    def flush(self) -> None:
        """Move the journal's lines into the notes, and the session ref along; nothing while there is no checkpoint."""
        if self._pending:
            with self._flushing():
                self._flush_held()

    def take(self) -> Taken:
        """Snapshot the workspace; nothing refers to it until a checkpoint does."""
        taken_at = self.now()
        self.snapshot = capture(self.repository, self.reader)
        return Taken(taken_at, self.snapshot)

    def checkpoint(
        self, occasion: checkpoints.Occasion, *, taken: Taken | None = None, flush: bool = True
    ) -> tuple[CheckpointState, Snapshot, Sequence[Line]]:
        """Snapshot the workspace, keep it as a checkpoint, record that, and flush; gives the entries as well.

        `taken`: a snapshot of a moment ago, to be kept instead of a new one.
        `flush=False` is for who flushes a moment later anyway: a flush writes the whole note.
        """
        taken_at, snapshot = taken or self.take()
        with self._flushing():
            self._refresh()
            made, lines = self._keep(occasion, snapshot, taken_at)
            if flush:
                self._flush_held()
        return made, snapshot, lines

    def delete_checkpoint(self, name: str) -> None:
        """Remove a checkpoint: first the entry that says so, then its ref."""
        known = self.state.checkpoints.get(name)
        if known is None:
            raise NotFoundError(f"the session has no checkpoint '{name}'", hint="git pliny checkpoint list")
        with self._flushing():
            self.append(Event(type=EventType.CHECKPOINT_DELETE, data={"name": name, "commit": known.commit}))
            ref = f"{CHECKPOINTS}{self.session}/{encode(name)}"
            tag = dict(checkpoint_refs(self.repository, self.session)).get(encode(name))
            if tag is not None:
                remove_refs(self.repository, [RefUpdate(ref, None, tag)], message="pliny checkpoint delete")
            self._flush_held()

    def pin(self, commit: str) -> None:
        """Keep a merge from `git gc --prune=now` until a checkpoint has it: by a ref that is not shared."""
        name = PINS + self.session
        update_refs(self.repository, [RefUpdate(name, commit, self.reader.resolve(name))], durable=False)

    def _unpinned(self, occasion: checkpoints.Occasion) -> list[RefUpdate]:
        """What a checkpoint of the workspace keeps from now on."""
        if occasion.aside or self.state.last_merge is None:
            return []
        pinned = self.reader.resolve(PINS + self.session)
        return [RefUpdate(PINS + self.session, None, pinned)] if pinned == self.state.last_merge else []

    def _keep(
        self, occasion: checkpoints.Occasion, snapshot: Snapshot, taken_at: str
    ) -> tuple[CheckpointState, Sequence[Line]]:
        writer, author = ObjectWriter(self.repository), self.author()
        taken = {} if self._is_new else dict(checkpoint_refs(self.repository, self.session))
        name = checkpoints.free_name(self.state, taken, occasion)
        index = checkpoints.write_index(writer, snapshot, author)
        parents = checkpoints.parents_of(self.repository, self.reader, self.state, snapshot, index, onto=occasion.onto)
        head = checkpoints.describe_head(snapshot.head, len(snapshot.tree))
        extra = {"Taken": taken_at, **({"Index": index} if index else {})}
        message = checkpoints.message(self.session, name, occasion, head, extra)
        commit = writer.commit(tree=snapshot.tree, parents=parents, author=author, message=message)
        audit = {**extra, "Audit": self.state.head(self.id) or f"{self.id}:0:"}
        tag = writer.tag(
            target=commit,
            name=f"pliny/{self.session}/{encode(name)}",
            tagger=author,
            message=checkpoints.message(self.session, name, occasion, head, audit),
            sign=self._sign,
        )
        writer.write()
        made = RefUpdate(f"{CHECKPOINTS}{self.session}/{encode(name)}", tag, None)
        if unpinned := self._unpinned(occasion):
            remove_refs(self.repository, [made, *unpinned], message="pliny")
        else:
            update_refs(self.repository, [made])
        lines = self.append(
            Event(
                type=EventType.CHECKPOINT,
                phase=occasion.phase,
                agent=occasion.agent,
                attempt=occasion.attempt,
                data={
                    "name": name,
                    "kind": occasion.kind.value,
                    "commit": commit,
                    "tag": tag,
                    "taken_at": taken_at,
                    "head": snapshot.head.oid,
                    **({"aside": True} if occasion.aside else {}),
                },
            )
        )
        return self.state.checkpoints[name], lines

    def _sign(self, payload: bytes) -> bytes:
        if self._bounds.signer is None:
            return b""
        return self._bounds.signer.sign(payload, self._who())

    def _flushing(self) -> contextlib.AbstractContextManager[None]:
        return locks.held(self.repository.local / "locks" / f"{self.session}.flush")

    def _flush_held(self) -> None:
        for _ in range(_TRIES):
            self._refresh()
            target = self.state.newest_checkpoint()
            if target is None:
                return
            flush = Flush(
                self.repository,
                self.reader,
                noted=self._noted,
                state=self.state,
                pending=self._pending,
                target=target.commit,
            )
            try:
                self._noted = flush.carry_out(self._bounds)
            except RefMovedError:
                continue
            self._journal.clear()
            self._pending.clear()
            self._is_new = False
            return
        raise GitError(f"the refs of session {self.session} keep moving", hint="git pliny doctor")

    def _refresh(self) -> None:
        """Make `state` the fold of what is noted now and of our own lines; cheap where nobody else wrote."""
        tip = self.reader.resolve(NOTES + self.session)
        if tip is None and self._noted.tip is not None:
            self._bring_back()
        in_order = not self._pending or self._pending[-1].key >= self.state.last_key
        if tip == self._noted.tip and in_order and not self._stale:
            return
        self._stale = False
        noted = read_noted(self.repository, self.session, reader=self.reader)
        self._noted = Noted(noted.tip, noted.notes)
        self.state = fold(self.session, union(noted.lines, self._pending))

    def _bring_back(self) -> None:
        """Somebody deleted the notes' ref while we run: what it held is known, and the next flush makes it anew."""
        self._noted = Noted(None, self._noted.notes)
        self.append(Event(type=EventType.REPAIR, data={"kind": "notes", "reason": "the ref of the notes was gone"}))

    def author(self) -> str:
        """The user's ident with our clock's time; of nobody in particular where git knows none."""
        who, _, zone = self._who().ident.rsplit(" ", 2)
        return f"{who} {self._clock() // 1_000_000} {zone}"

    def _who(self) -> User:
        if self._user is None:
            self._user = read_user(self.repository)
        return self._user
