"""What a kill cut off among isolated agents: merges whose files were being moved, and work left in worktrees."""

from collections.abc import Sequence
from typing import Any

import msgspec

from git_pliny.executor.desk import Desk
from git_pliny.git.abandoned import abandoned
from git_pliny.git.merge import Conflict, merge_trees
from git_pliny.git.moving import alone, finish_move, move_workspace
from git_pliny.git.snapshot import Snapshot
from git_pliny.model.events import EventType
from git_pliny.model.payloads import MergeBegun
from git_pliny.model.session import AgentStatus
from git_pliny.model.settings import Category
from git_pliny.model.visible import visible
from git_pliny.store.checkpoints import CheckpointKind, Occasion
from git_pliny.store.pool import owner
from git_pliny.store.run import Taken

_RECORDED_PATHS = 100
_SHOWN_PATHS = 5


def finish_merges(desk: Desk) -> None:
    """Bring to their end the merges that a kill cut off: the files as the merge made them, the attempt as it ended."""
    for name, agent in list(desk.run.state.agents.items()):
        merge = agent.open_merge
        if merge is None or not desk.run.is_claimed(agent.merge_entry):
            continue  # one of another clone is about its files
        with alone(desk.run.repository):  # a git of the killed run may still be writing
            desk.checkpoint(Occasion(name="interrupted", kind=CheckpointKind.INTERRUPTED))
        conflicts = _finish(desk, name, merge)
        desk.note(EventType.REPAIR, agent=name, phase=agent.phase, data={"kind": "merge-finished"})
        end = conflict_end(merge.end, conflicts) if conflicts else merge.end
        desk.note(EventType.AGENT_END, agent=name, phase=agent.phase, attempt=agent.attempts, data=end)
        desk.commit()


def _finish(desk: Desk, agent: str, merge: MergeBegun) -> tuple[Conflict, ...]:
    """End the move; what was edited since is merged like any edit, or conflicts, and then is left as it is."""
    run = desk.run
    finished = finish_move(run.repository, before=merge.before, after=merge.after)
    if not finished.edited:
        return ()
    current = run.take().snapshot
    merged = merge_trees(
        run.repository, base=merge.before, ours=current.tree, theirs=merge.after, labels=("workspace", agent)
    )
    if not merged.conflicts:
        move_workspace(run.repository, current=current, tree=merged.tree)
        return ()
    version = run.reader.read(f"{merge.commit}^2^{{tree}}")
    if version is not None:
        start = run.reader.read(f"{merge.commit}^2^1")
        left = msgspec.structs.replace(current, tree=version.oid)
        _keep_aside(desk, agent, CheckpointKind.CONFLICT, left, onto=start.oid if start else None)
    return merged.conflicts


def conflict_end(end: dict[str, Any], conflicts: Sequence[Conflict]) -> dict[str, Any]:
    """The `data` of an `agent_end` that was to be a success, and met conflicts."""
    words = ", ".join(f"{visible(each.path)} ({each.kind})" for each in conflicts[:_SHOWN_PATHS])
    error = {
        "category": Category.VALIDATION.value,
        "recoverable": False,
        "reason": "merge conflict",
        "message": f"its changes conflict with the workspace: {words}",
    }
    found = [[visible(each.path), each.kind.value] for each in conflicts[:_RECORDED_PATHS]]
    return end | {"status": AgentStatus.FAILED.value, "error": error, "conflicts": found}


def keep_abandoned(desk: Desk, agent: str) -> None:
    """Keep what an agent that a kill cut off had made so far in its worktree, as checkpoint `interrupted-<agent>`."""
    for version, onto in abandoned(desk.run.repository, owner(desk.run.session, agent)):
        _keep_aside(desk, agent, CheckpointKind.INTERRUPTED, version, onto=onto)


def _keep_aside(desk: Desk, agent: str, kind: CheckpointKind, version: Snapshot, *, onto: str | None) -> None:
    state = desk.run.state.agents[agent]
    occasion = Occasion(
        name=f"{kind.value}-{agent}",
        kind=kind,
        phase=state.phase,
        agent=agent,
        attempt=state.attempts,
        aside=True,
        onto=onto,
    )
    desk.checkpoint(occasion, taken=Taken(desk.run.now(), version))
