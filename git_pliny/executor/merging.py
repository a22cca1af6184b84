"""Takes what isolated agents made into the workspace, one after the other as they end, on the coordinator's thread.

The order is: keep what stands in the workspace, merge the trees, record the merge with the attempt's end, move the
files, record the end. A kill between any two leaves either the agent's version in its worktree, or a merge in the trail
that the next run finishes.
"""

import os
from collections.abc import Iterable
from hashlib import sha256
from threading import Semaphore
from typing import Any

import msgspec

from git_pliny.errors import GitError, StorageError, WouldOverwriteError
from git_pliny.executor.desk import Desk
from git_pliny.executor.isolation import Ground, IsolatedJob, inclusions
from git_pliny.git.merge import Conflict, Merged, merge_trees
from git_pliny.git.moving import move_workspace
from git_pliny.git.nesting import bring_nested, move_nested
from git_pliny.git.repository import Head
from git_pliny.git.snapshot import Snapshot
from git_pliny.git.treediff import Change, Kind, compare_trees
from git_pliny.git.worktrees import Base, Pool
from git_pliny.model.events import EventType
from git_pliny.model.plan import Phase
from git_pliny.model.visible import visible
from git_pliny.store import locks
from git_pliny.store.checkpoints import CheckpointKind, Occasion, read_checkpoint
from git_pliny.store.merges import Work, keep_merge
from git_pliny.store.run import Taken

_TRIES = 5
_RECORDED_PATHS = 100
_SHOWN_PATHS = 5


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Changes that can't be made to the workspace: they conflict, or something that is not recorded is in their way."""

    tree: str
    """The merge, with conflict markers where there are conflicts."""
    conflicts: tuple[Conflict, ...] = ()
    obstacle: str = ""


class Merging:
    """The workspace of one phase while isolated agents change it."""

    def __init__(self, desk: Desk, phase: Phase) -> None:
        self._desk = desk
        self._phase = phase
        self._known: Snapshot | None = None
        """The workspace as it is recorded: what differs from it was done by somebody else."""
        self._commit = ""
        """The session's commit that holds its files."""
        self._beside: set[str] = set()
        """Isolated agents that ran since the workspace was last looked at."""
        self.is_shared = False
        """Whether agents of the phase work in the workspace itself: then its changes are no news."""
        folder = sha256(os.fsencode(desk.run.repository.git_dir)).hexdigest()[:12]
        self._turn = desk.run.repository.local / "locks" / f"merge-{folder}"
        self.pool = Pool(desk.run.repository, inclusions(desk.order.settings.execution))
        """Where isolated agents get their worktrees from."""
        self.turns = Semaphore(desk.order.settings.execution.jobs)
        """One for each worktree that they may have at a time."""

    def began(self, agent: str) -> None:
        """An isolated agent of the phase is about to start; the first one has the workspace kept."""
        if self._known is None:
            self._known = self._keep_workspace()
        self._beside.add(agent)

    def ground(self) -> Ground:
        """What an attempt that starts now starts from; for any thread."""
        assert self._known is not None  # noqa: S101 - `began` came before
        return Ground(
            base=Base(tree=self._known.tree, head=self._known.head.oid),
            merge_base=self._known.tree,
            commit=self._commit,
        )

    def take_in(self, job: IsolatedJob, end: dict[str, Any]) -> Refused | None:
        """Make the attempt's changes to the workspace; where that can't be done, why, and nothing has moved.

        `end` is what its `agent_end` will say. One session at a time does this in a workspace.
        """
        if job.version is not None:
            self._tell_left(job)
        if not job.has_changes:
            return None
        with locks.held(self._turn):
            return self._take_in(job, end)

    def _take_in(self, job: IsolatedJob, end: dict[str, Any]) -> Refused | None:
        obstacle = ""
        for _ in range(_TRIES):
            taken = self._look(ending=job.attempt.agent.name)
            merged = self._merge(job, taken.snapshot)
            if merged.conflicts:
                return Refused(tree=merged.tree, conflicts=merged.conflicts)
            try:
                self._move(job, taken.snapshot, merged.tree, end)
            except WouldOverwriteError as error:  # edited just then: a look sees it; or not recorded at all
                obstacle = error.message
                self._abandon(job, obstacle)
            else:
                return None
        return Refused(tree=merged.tree, obstacle=obstacle)

    def keep_aside(self, job: IsolatedJob, name: str, kind: CheckpointKind) -> str | None:
        """Keep what the attempt made as a checkpoint beside those of the workspace; its name."""
        if job.version is None or job.ground is None:
            return None
        attempt = job.attempt
        occasion = Occasion(
            name=name,
            kind=kind,
            phase=attempt.phase,
            agent=attempt.agent.name,
            attempt=attempt.number,
            aside=True,
            onto=job.ground.commit,
        )
        return self._desk.checkpoint(occasion, taken=self._of_now(job.version)).name

    def checkpoint(self, occasion: Occasion) -> None:
        """A checkpoint of the workspace as the last merge left it, without what anybody does to it meanwhile."""
        taken = self._of_now(self._known) if self._known else None
        self._commit = self._desk.checkpoint(occasion, taken=taken).commit

    def end(self) -> None:
        """The phase is over: say what was done to the workspace that nobody has said."""
        if self._known is not None and self._beside:
            self._look(ending=None)

    def _keep_workspace(self) -> Snapshot:
        """The workspace as a checkpoint holds it: the newest, or one made now."""
        run, taken = self._desk.run, self._take()
        newest = run.state.newest_of_workspace()
        if newest is None or read_checkpoint(run.reader, newest.commit).tree != taken.snapshot.tree:
            occasion = Occasion(
                name=f"before-{self._phase.name}", kind=CheckpointKind.BEFORE_PHASE, phase=self._phase.name
            )
            newest = self._desk.checkpoint(occasion, taken=taken)
        self._commit = newest.commit
        return taken.snapshot

    def _look(self, *, ending: str | None) -> Taken:
        """The workspace as it is now; what others did to it since the last look is kept and told."""
        taken = self._take()
        assert self._known is not None  # noqa: S101 - a version exists, so an attempt began
        if taken.snapshot.tree != self._known.tree:
            self._tell_change(self._known.tree, taken, ending)
        if taken.snapshot.head != self._known.head:
            self._tell_head(self._known.head, taken.snapshot.head, ending)
        self._known = taken.snapshot
        self._beside = {name for name in self._beside if name != ending} if ending else set()
        return taken

    def _take(self) -> Taken:
        """A snapshot of the workspace; ends that wait to be written are in it, and so come before it."""
        self._desk.commit()
        return self._desk.run.take()

    def _of_now(self, snapshot: Snapshot) -> Taken:
        self._desk.commit()
        return Taken(self._desk.run.now(), snapshot)

    def _tell_change(self, before: str, taken: Taken, ending: str | None) -> None:
        paths = [change.path for change in compare_trees(self._desk.run.repository, before, taken.snapshot.tree)]
        occasion = Occasion(name="user-edits", kind=CheckpointKind.USER_EDITS, phase=self._phase.name)
        made = self._desk.checkpoint(occasion, taken=taken)
        self._commit = made.commit
        beside = sorted({*self._beside, *([ending] if ending else [])})
        data = {
            "paths": [self._masked(path) for path in paths[:_RECORDED_PATHS]],
            "count": len(paths),
            "checkpoint": made.name,
            "beside": beside,
            "shared": self.is_shared,
        }
        self._desk.note(EventType.WORKSPACE_CHANGE, phase=self._phase.name, data=data)
        if not self.is_shared:
            self._desk.reporter.warn(_change_words(paths, beside, made.name))

    def _tell_head(self, before: Head, after: Head, ending: str | None) -> None:
        """A commit of the user's, or an agent that moved a branch which is not its own."""
        beside = sorted({*self._beside, *([ending] if ending else [])})
        data = {"head": [before.oid, after.oid], "ref": after.ref, "beside": beside, "shared": self.is_shared}
        self._desk.note(EventType.WORKSPACE_CHANGE, phase=self._phase.name, data=data)
        if not self.is_shared:
            who, where = ", ".join(visible(name) for name in beside), visible(after.ref or "HEAD")
            self._desk.reporter.warn(
                f"{where} moved while {who} ran apart; by you, or by an agent that left its worktree"
            )

    def _masked(self, path: str) -> str:
        return self._desk.order.masking.mask_text(visible(path))

    def _merge(self, job: IsolatedJob, current: Snapshot) -> Merged:
        assert job.ground is not None  # noqa: S101 - it has changes
        assert job.version is not None  # noqa: S101 - it has changes
        return merge_trees(
            self._desk.run.repository,
            base=job.ground.merge_base,
            ours=current.tree,
            theirs=job.version.tree,
            labels=("workspace", job.attempt.agent.name),
        )

    def _move(self, job: IsolatedJob, current: Snapshot, tree: str, end: dict[str, Any]) -> None:
        run, attempt = self._desk.run, job.attempt
        assert job.ground is not None  # noqa: S101 - it has changes
        assert job.version is not None  # noqa: S101 - it has changes
        work = Work(
            agent=attempt.agent.name,
            attempt=attempt.number,
            version=job.version,
            onto=job.ground.commit,
            head=job.ground.base.head,
        )
        commit = keep_merge(run, work, tree=tree, previous=self._commit)
        self._desk.note(
            EventType.MERGE,
            agent=attempt.agent.name,
            phase=attempt.phase,
            attempt=attempt.number,
            data={"before": current.tree, "after": tree, "commit": commit, "end": end},
        )
        self._desk.commit()
        shown = move_workspace(run.repository, current=current, tree=tree)
        self._commit = commit
        changes = compare_trees(run.repository, current.tree, tree)
        whole = len(shown) == len(changes)
        self._bring_nested(job, changes)
        # What a workspace can't show without its index (the commit of a nested repository) is no change of others.
        self._known = msgspec.structs.replace(current, tree=tree) if whole else run.take().snapshot

    def _bring_nested(self, job: IsolatedJob, changes: Iterable[Change]) -> None:
        """What the agent committed in submodules and repositories of its own, which no tree holds."""
        repository, source, name = self._desk.run.repository, job.attempt.root, visible(job.attempt.agent.name)
        assert job.version is not None  # noqa: S101 - it has changes
        for change in changes:
            if change.kind is Kind.SUBMODULE:
                try:
                    bring_nested(repository, source, change)
                except (GitError, StorageError) as error:
                    path = visible(change.path)
                    self._desk.reporter.warn(f"what {name} committed inside {path} is not checked out: {error.message}")

    def _tell_left(self, job: IsolatedJob) -> None:
        """Repositories without a commit come along as they are; what is not committed inside others is lost."""
        name = visible(job.attempt.agent.name)
        assert job.version is not None  # noqa: S101 - the caller has asked
        for path in job.version.dirty_nested:
            self._desk.reporter.warn(f"what {name} did not commit inside {visible(path)} goes with its worktree")
        for path in job.version.skipped_nested:
            try:
                move_nested(self._desk.run.repository, job.attempt.root, path)
            except StorageError as error:
                self._desk.reporter.warn(error.message)

    def _abandon(self, job: IsolatedJob, why: str) -> None:
        attempt = job.attempt
        data = {"kind": "merge-abandoned", "reason": self._masked(why)}
        self._desk.note(
            EventType.REPAIR, agent=attempt.agent.name, phase=attempt.phase, attempt=attempt.number, data=data
        )
        self._desk.commit()


def _change_words(paths: list[str], beside: list[str], checkpoint: str) -> str:
    shown = ", ".join(visible(path) for path in paths[:_SHOWN_PATHS])
    more = f" and {len(paths) - _SHOWN_PATHS} more" if len(paths) > _SHOWN_PATHS else ""
    who = ", ".join(visible(name) for name in beside)
    where = "a worktree of its own" if len(beside) == 1 else "worktrees of their own"
    return (
        f"the workspace changed while {who} ran in {where}: {shown}{more}; "
        f"by you, or by an agent that left its worktree; kept as checkpoint {checkpoint}"
    )
