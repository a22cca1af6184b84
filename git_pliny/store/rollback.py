"""Rollback: the workspace as it was at a checkpoint, and the session with it; undoable, and finished after a kill.

First a snapshot of what is there now, and where nothing is in the way a checkpoint of it; then an entry that says what
is about to happen, then the restore, then the entry that sets back what ended since. A rollback that was begun and not
ended is carried out again by whoever recovers.
"""

from difflib import get_close_matches
from typing import Any

import msgspec

from git_pliny.errors import NotFoundError, WouldOverwriteError
from git_pliny.git.locks import break_stale_locks
from git_pliny.git.restore import Restore, Target, apply_restore, check_restore, plan_restore
from git_pliny.git.snapshot import Snapshot, capture
from git_pliny.model.events import Event, EventType
from git_pliny.model.fold import AgentState, CheckpointState, Fold
from git_pliny.model.names import encode
from git_pliny.model.payloads import AttemptKey
from git_pliny.model.session import SessionStatus
from git_pliny.model.visible import visible
from git_pliny.store import moments
from git_pliny.store.checkpoints import CheckpointKind, Occasion, read_checkpoint
from git_pliny.store.run import Run
from git_pliny.store.sessions import CHECKPOINTS, load_lines

_HINT = "git pliny checkpoint list"
_GIT_ENDS_S = 5.0
"""How long a git that outlived a killed rollback may take to end."""


class Rollback(msgspec.Struct, frozen=True, kw_only=True):
    """A rollback, planned or done: where to, what moves, and which attempts no longer count, or count again."""

    checkpoint: CheckpointState
    restore: Restore
    set_back: tuple[AttemptKey, ...]
    restored: tuple[AttemptKey, ...]
    before: str | None
    """The checkpoint that keeps what was there; None for one that is only planned."""


def find_checkpoint(run: Run, name: str) -> CheckpointState:
    """The checkpoint of that name; for `before-X`, `after-X` without one, the last before X began, the first after it.

    X is an agent or a phase. NotFoundError where there is none, WouldOverwriteError for one that is none of the
    workspace: what others made, and count as completed for, is not in it.
    """
    known = run.state.checkpoints.get(name)
    if known is not None:
        if known.aside:
            raise _never_there(run.session, name)
        return known
    side, _, subject = name.partition("-")
    if subject and side in ("before", "after"):
        lines = load_lines(run.repository, run.session, reader=run.reader)
        find = moments.checkpoint_before if side == "before" else moments.checkpoint_after
        found = find(run.state, lines, subject)
        if found is not None:
            return found
    near = get_close_matches(name, run.state.checkpoints, n=1)
    guess = f"; did you mean '{visible(near[0])}'?" if near else ""
    raise NotFoundError(f"the session has no checkpoint '{visible(name[:80])}'{guess}", hint=_HINT)


def _never_there(session: str, name: str) -> WouldOverwriteError:
    return WouldOverwriteError(
        f"checkpoint '{visible(name[:80])}' holds what an agent made in a worktree of its own, and not the workspace",
        hint=f"git restore --source={CHECKPOINTS}{session}/{encode(name)} -- PATHS"
        "   (git pliny checkpoint diff shows them)",
    )


def plan_rollback(run: Run, checkpoint: CheckpointState, *, undo: bool = False) -> Rollback:
    """What a rollback would do; nothing is touched or recorded."""
    restore = _plan_restore(run, checkpoint, capture(run.repository, run.reader))
    return _plan(run, checkpoint, restore, None, undo=undo)


def roll_back(run: Run, checkpoint: CheckpointState, *, keep_head: bool, undo: bool = False) -> Rollback:
    """Carry it out. WouldOverwriteError where something is in the way: then nothing has moved."""
    break_stale_locks(run.repository, wait_s=_GIT_ENDS_S)
    taken = run.take()
    first = _first_before(run, run.state, checkpoint, undo=undo)
    begun_at = read_checkpoint(run.reader, run.state.checkpoints[first].commit).tree if first else None
    restore = _plan_restore(run, checkpoint, taken.snapshot, begun_at=begun_at)
    check_restore(run.repository, restore, keep_head=keep_head)
    made, _, _ = run.checkpoint(Occasion(name="before-rollback", kind=CheckpointKind.BEFORE_ROLLBACK), taken=taken)
    before = first or made.name
    planned = _plan(run, checkpoint, restore, before, undo=undo)
    begun = {
        "name": checkpoint.name,
        "commit": checkpoint.commit,
        "before": before,
        "keep_head": keep_head,
        "undo": undo,
    }
    run.append(Event(type=EventType.ROLLBACK_BEGIN, data=begun))
    try:
        reason = f"pliny rollback: {visible(checkpoint.name[:80])}"
        apply_restore(run.repository, restore, keep_head=keep_head, reason=reason)
    except WouldOverwriteError:
        run.append(Event(type=EventType.REPAIR, data={"kind": "rollback-abandoned"}))
        raise
    run.append(Event(type=EventType.ROLLBACK, data=_data(run.state, planned, undo=undo)))
    run.flush()
    return planned


def _first_before(run: Run, state: Fold, checkpoint: CheckpointState, *, undo: bool) -> str | None:
    """Where the same rollback was cut off: the checkpoint that it made first, before it had moved anything."""
    begun = state.open_rollback
    if begun is None or not run.is_claimed(state.rollback_entry):
        return None
    if begun.before is None or (begun.commit, begun.undo) != (checkpoint.commit, undo):
        return None
    return begun.before if begun.before in state.checkpoints else None


def last_rollback(state: Fold) -> CheckpointState:
    """The checkpoint that keeps what was there before the last rollback."""
    if not state.rollbacks:
        raise NotFoundError("the session has no rollback to undo", hint=_HINT)
    before = state.checkpoints.get(state.rollbacks[-1].before)
    if before is None:
        raise NotFoundError(f"checkpoint '{visible(state.rollbacks[-1].before)}' was deleted", hint=_HINT)
    return before


def finish_interrupted(run: Run) -> Rollback | None:
    """Carry out again what a kill cut off in the middle; None where nothing was, or it was of another clone's files."""
    begun = run.state.open_rollback
    if begun is None or not run.is_claimed(run.state.rollback_entry):
        return None
    checkpoint = run.state.checkpoints.get(begun.name)
    if checkpoint is None:
        return None
    return roll_back(run, checkpoint, keep_head=begun.keep_head, undo=begun.undo)


def _plan_restore(run: Run, checkpoint: CheckpointState, snapshot: Snapshot, *, begun_at: str | None = None) -> Restore:
    stored = read_checkpoint(run.reader, checkpoint.commit)
    target = Target(tree=stored.tree, index_tree=stored.index_tree, head=stored.head)
    return plan_restore(run.repository, target=target, current=snapshot, begun_at=begun_at)


def _plan(run: Run, checkpoint: CheckpointState, restore: Restore, before: str | None, *, undo: bool) -> Rollback:
    back = [ended.key for ended in run.state.counting_ends().values() if ended.ts > checkpoint.taken_at]
    return Rollback(
        checkpoint=checkpoint,
        restore=restore,
        set_back=tuple(back),
        restored=run.state.rollbacks[-1].set_back if undo and run.state.rollbacks else (),
        before=before,
    )


def _data(state: Fold, done: Rollback, *, undo: bool) -> dict[str, Any]:
    return {
        "name": done.checkpoint.name,
        "commit": done.checkpoint.commit,
        "before": done.before,
        "set_back": [[key.agent, key.run, key.attempt] for key in done.set_back],
        "restored": [[key.agent, key.run, key.attempt] for key in done.restored],
        "status": _status_after(state, done).value,
        "undo": undo,
    }


def _status_after(state: Fold, done: Rollback) -> SessionStatus:
    """Completed where everything is, as after an undo; else the session can go on. Files alone change nothing in it."""
    if state.status in (SessionStatus.ARCHIVED, SessionStatus.PAUSED) and not done.set_back and not done.restored:
        return state.status
    back = {key.agent for key in done.set_back} - {key.agent for key in done.restored}
    whole = bool(state.agents) and not back and all(_is_done(agent, done) for agent in state.agents.values())
    return SessionStatus.COMPLETED if whole else SessionStatus.PAUSED


def _is_done(agent: AgentState, done: Rollback) -> bool:
    again = [ended for ended in agent.ends if ended.key in done.restored]
    return again[-1].end.status.done if again else agent.status.done
