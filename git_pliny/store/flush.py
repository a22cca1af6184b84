"""A flush: lines leave the journal for the note of the newest checkpoint; the session ref follows (DESIGN section 3).

Objects first, then all refs in one transaction by compare-and-swap. What it writes depends on the entries and on the
local folders of the attempts alone, so that it can be repeated after a kill, by whoever holds the entries.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from git_pliny.git.objects import ObjectReader
from git_pliny.git.refs import RefUpdate, update_refs
from git_pliny.git.repository import Repository
from git_pliny.git.writer import ObjectWriter, write_notes
from git_pliny.model import payloads
from git_pliny.model.events import EventType, Line, parse_lines, parse_time, union
from git_pliny.model.fold import Fold
from git_pliny.model.session import encode_session
from git_pliny.store.artifacts import ArtifactsTree, Bounds, attempt_folder, ended_attempts, outputs_folder
from git_pliny.store.sessions import ARTIFACTS, NOTES, SESSIONS

_OURSELVES = "git-pliny <git-pliny@localhost>"


class Noted(NamedTuple):
    """The notes as last seen: their tip, and the blob of each annotated commit."""

    tip: str | None
    notes: dict[str, str]


class Flush:
    """One flush. `state` is the fold of the notes together with `pending`; `target` is the commit to annotate."""

    def __init__(
        self,
        repository: Repository,
        reader: ObjectReader,
        *,
        noted: Noted,
        state: Fold,
        pending: Sequence[Line],
        target: str,
    ) -> None:
        self._repository = repository
        self._reader = reader
        self._writer = ObjectWriter(repository)
        self._noted = noted
        self._state = state
        self._pending = pending
        self._target = target
        seconds = parse_time(state.last_activity) // 1_000_000
        self._ident = f"{_OURSELVES} {seconds} +0000"

    def carry_out(self, bounds: Bounds) -> Noted:
        """Write the objects, move the refs, and say what is noted now; RefMovedError where someone else moved one."""
        noted, notes = self._notes()
        updates = [notes, self._session(), self._artifacts(bounds)]
        self._writer.write()
        update_refs(self._repository, [update for update in updates if update.new != update.old])
        return noted

    def _notes(self) -> tuple[Noted, RefUpdate]:
        known = self._noted.notes.get(self._target)
        lines = union(parse_lines(self._reader.blob(known) or b"") if known else (), self._pending)
        blob = self._writer.blob(b"".join(line.raw + b"\n" for line in lines))
        ref = NOTES + self._state.id
        if blob == known:
            return self._noted, RefUpdate(ref, self._noted.tip, self._noted.tip)
        notes = {**self._noted.notes, self._target: blob}
        tip = self._commit(write_notes(self._writer, notes), self._noted.tip, "audit entries")
        return Noted(tip, notes), RefUpdate(ref, tip, self._noted.tip)

    def _session(self) -> RefUpdate:
        ref = SESSIONS + self._state.id
        known = self._reader.resolve(ref)
        return RefUpdate(ref, self._writer.blob(encode_session(self._state.session())), known)

    def _artifacts(self, bounds: Bounds) -> RefUpdate:
        ref = ARTIFACTS + self._state.id
        tip = self._reader.resolve(ref)
        tree = ArtifactsTree(self._reader, tip)
        for line in self._pending:
            if line.entry.type == EventType.PLAN_CHANGE:
                self._keep_plan(tree, line)
        outputs = outputs_folder(self._repository, self._state.id)
        for place in ended_attempts(self._pending):
            tree.collect(attempt_folder(outputs, place), place, self._writer, bounds)
        if not tree.changed:
            return RefUpdate(ref, tip, tip)
        return RefUpdate(ref, self._commit(tree.write(self._writer), tip, "artifacts"), tip)

    def _keep_plan(self, tree: ArtifactsTree, line: Line) -> None:
        try:
            plan = msgspec.convert(line.entry.data, payloads.PlanChange).plan
        except msgspec.ValidationError:
            return
        if self._reader.blob(plan) is not None:
            tree.put(("plan.json",), plan)
            tree.put(("plans", f"{plan}.json"), plan)

    def _commit(self, tree: str, parent: str | None, what: str) -> str:
        parents = [parent] if parent else []
        message = f"{what} of session {self._state.id}\n"
        return self._writer.commit(tree=tree, parents=parents, author=self._ident, message=message)
