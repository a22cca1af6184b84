"""Which checkpoint stands for the moment before an agent or a phase, or after it (DESIGN section 4).

Pure: the trail says through which checkpoints the workspace has gone, and a rollback has taken it back to one.
"""

from collections.abc import Callable, Iterable, Sequence

from git_pliny.model.events import Entry, EventType, Line
from git_pliny.model.fold import CheckpointState, Fold
from git_pliny.model.session import AgentStatus


def checkpoint_before(state: Fold, lines: Sequence[Line], subject: str) -> CheckpointState | None:
    """The last one before the agent, or else the phase, `subject` began; None where it has not, or there is none left.

    It began with the first of the attempts that led to its last success: the checkpoint of an attempt that failed holds
    half of its work. After a rollback to before it, it begins anew.
    """
    known = {checkpoint.commit: checkpoint for checkpoint in _of_workspace(state)}
    passed = _passed_before(lines, _is(EventType.AGENT_START, agent=subject), _is(EventType.AGENT_END, agent=subject))
    if passed is None:
        begins, ends = _is(EventType.PHASE_BEGIN, phase=subject), _is(EventType.PHASE_END, phase=subject)
        passed = _passed_before(lines, begins, ends)
    return next((known[commit] for commit in reversed(passed or ()) if commit in known), None)


def checkpoint_after(state: Fold, lines: Sequence[Line], subject: str) -> CheckpointState | None:
    """The first one after the agent, or else the last agent of the phase, `subject` ended for the last time."""
    ends = [line.entry for line in lines if line.entry.type == EventType.AGENT_END]
    of_agent = [entry.ts for entry in ends if entry.agent == subject]
    of_phase = [entry.ts for entry in ends if entry.phase == subject]
    found = of_agent or of_phase
    later = [checkpoint for checkpoint in _of_workspace(state) if found and checkpoint.taken_at > found[-1]]
    return min(later, key=lambda checkpoint: checkpoint.taken_at, default=None)


def _of_workspace(state: Fold) -> list[CheckpointState]:
    """Without those of what an agent made in a worktree of its own: the workspace never was like them."""
    return [checkpoint for checkpoint in state.checkpoints.values() if not checkpoint.aside]


def _passed_before(
    lines: Iterable[Line], begins: Callable[[Entry], bool], ends: Callable[[Entry], bool]
) -> list[str] | None:
    """The commits of the checkpoints that the workspace had gone through when it began last; None where it did not."""
    passed: list[str] = []
    before: list[str] | None = None
    under_way = False
    for entry in (line.entry for line in lines):
        if entry.type == EventType.CHECKPOINT:
            passed.append(str(entry.data.get("commit")))
        elif entry.type == EventType.ROLLBACK:
            target = str(entry.data.get("commit"))
            under_way = under_way and target not in (before or ())
            passed.append(target)
        elif begins(entry) and not under_way:
            before, under_way = list(passed), True
        elif ends(entry) and entry.data.get("status") == AgentStatus.COMPLETED:
            under_way = False
    return before


def _is(kind: EventType, *, agent: str | None = None, phase: str | None = None) -> Callable[[Entry], bool]:
    """Whether an entry is of this type and about this agent, or this phase."""

    def matches(entry: Entry) -> bool:
        return entry.type == kind and (entry.agent == agent if agent is not None else entry.phase == phase)

    return matches
