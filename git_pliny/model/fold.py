"""`fold`: from the entries of a session to the session. Nothing else decides a session's state (DESIGN section 3).

The fold is total: an entry of an unknown type, or with data of a wrong shape, counts in the audit head and changes
nothing else, since entries may come from newer versions and from fetched refs.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from git_pliny.model import payloads
from git_pliny.model.events import Entry, EventType, Line
from git_pliny.model.session import AgentStatus, BudgetRecord, ErrorRecord, SessionStatus
from git_pliny.model.state import AgentState, CheckpointState, EndedAttempt, Fold, RunState

__all__ = ["AgentState", "CheckpointState", "EndedAttempt", "Fold", "RunState", "apply", "fold"]

_Payload = TypeVar("_Payload", bound=msgspec.Struct)


def fold(session: str, lines: Iterable[Line]) -> Fold:
    """The state after all of `lines`, which are in the trail's order (`events.union` gives it)."""
    state = Fold(session)
    for line in lines:
        apply(state, line)
    return state


def apply(state: Fold, line: Line) -> None:
    """Take one more entry, which must not be ordered before the last one."""
    state.count(line)
    if rule := _RULES.get(line.entry.type):
        rule(state, line.entry)


def _payload(entry: Entry, kind: type[_Payload]) -> _Payload | None:
    try:
        return msgspec.convert(entry.data, kind)
    except (msgspec.MsgspecError, RecursionError):
        return None


def _session_start(state: Fold, entry: Entry) -> None:
    if (data := _payload(entry, payloads.SessionStart)) and not state.name:
        state.name, state.framework, state.base, state.task = data.name, data.framework, data.base, data.task
    _ran_at(state, entry)


def _ran_at(state: Fold, entry: Entry) -> None:
    if place := _payload(entry, payloads.RanAt):
        state.begin_run(entry.run, entry.ts, place)


def _session_resume(state: Fold, entry: Entry) -> None:
    _ran_at(state, entry)
    state.status, state.reason = SessionStatus.IN_PROGRESS, None
    state.stop_running()
    for name, agent in state.agents.items():
        if agent.status is AgentStatus.BLOCKED:
            state.set_status(name, AgentStatus.PENDING)


def _session_end(state: Fold, entry: Entry) -> None:
    if data := _payload(entry, payloads.SessionEnd):
        state.status, state.reason = data.status, data.reason
        state.stop_running()
    if entry.run in state.runs:
        state.runs[entry.run].over = True


def _session_archive(state: Fold, _: Entry) -> None:
    state.status = SessionStatus.ARCHIVED


def _plan_change(state: Fold, entry: Entry) -> None:
    if not (data := _payload(entry, payloads.PlanChange)):
        return
    state.plan = data.plan
    state.framework, state.plan_file, state.use = data.framework, data.file, data.use
    old, state.agents = state.agents, {}
    for name, phase in data.agents.items():
        state.agents[name] = agent = old.pop(name, AgentState(phase))
        agent.phase = phase
        if agent.status is AgentStatus.SKIPPED:  # it was gone, and is back
            agent.status = AgentStatus.PENDING
    for name, agent in old.items():
        if agent.attempts:
            state.agents[name] = agent
            if agent.status is not AgentStatus.COMPLETED:
                state.set_status(name, AgentStatus.SKIPPED)
        else:
            state.completed.pop(name, None)
    for name in data.reset:
        if name in state.agents:
            state.set_status(name, AgentStatus.PENDING)


def _round_begin(state: Fold, entry: Entry) -> None:
    if data := _payload(entry, payloads.RoundBegin):
        state.round = data.round
        state.rounds.append((entry.ts, data.round))
        for name in state.agents:
            state.set_status(name, AgentStatus.PENDING)


def _phase_begin(state: Fold, entry: Entry) -> None:
    state.current_phase = entry.phase
    _executes(state, entry)
    if entry.phase is not None:
        state.open_phases[entry.phase] = False
        state.begin_phase(entry.phase, entry.run, entry.ts)


def _executes(state: Fold, entry: Entry) -> None:
    if entry.run in state.runs:
        state.runs[entry.run].executes = True


def _phase_end(state: Fold, entry: Entry) -> None:
    if entry.phase is not None:
        state.open_phases.pop(entry.phase, None)
        state.end_phase(entry.run)


def _agent_start(state: Fold, entry: Entry) -> None:
    _executes(state, entry)
    if entry.agent is None or entry.attempt is None:
        return
    agent = state.agent(entry.agent, entry.phase)
    state.attempts += 1
    agent.attempts = max(agent.attempts, entry.attempt)
    agent.started_at = entry.ts
    agent.begun = entry.run, entry.ts
    agent.open_merge = None
    state.set_status(entry.agent, AgentStatus.RUNNING)


def _agent_end(state: Fold, entry: Entry) -> None:
    data = _payload(entry, payloads.AgentEnd)
    if entry.agent is None or entry.attempt is None or data is None:
        return
    agent = state.agent(entry.agent, entry.phase)
    state.spend(agent, data.spent)
    agent.ended(data.duration_s)
    agent.open_merge = None
    agent.error = data.error
    agent.ends.append(EndedAttempt(entry.ts, payloads.AttemptKey(entry.agent, entry.run, entry.attempt), data))
    state.set_status(entry.agent, data.status)


def _attempt_over(state: Fold, entry: Entry) -> None:
    if entry.agent in state.agents and (data := _payload(entry, payloads.AttemptError)):
        agent = state.agents[entry.agent]
        state.spend(agent, data.spent)
        agent.ended(data.duration_s)
        agent.error = _payload(entry, ErrorRecord)


def _budget(state: Fold, entry: Entry) -> None:
    if data := _payload(entry, BudgetRecord):
        state.budget = data if data != BudgetRecord() else None


def _hold(state: Fold, entry: Entry) -> None:
    if data := _payload(entry, payloads.Held):
        state.holds[data.provider] = max(data.until, state.holds.get(data.provider, ""))


def _retry(state: Fold, _: Entry) -> None:
    state.retries += 1


def _set_named(status: AgentStatus) -> Callable[[Fold, Entry], None]:
    def rule(state: Fold, entry: Entry) -> None:
        if entry.agent is not None:
            state.agent(entry.agent, entry.phase)
            state.set_status(entry.agent, status)

    return rule


def _agent_rerun(state: Fold, entry: Entry) -> None:
    if data := _payload(entry, payloads.AgentRerun):
        for name in data.agents:
            if name in state.agents:
                state.set_status(name, AgentStatus.PENDING)


def _checkpoint(state: Fold, entry: Entry) -> None:
    if not (data := _payload(entry, payloads.CheckpointMade)):
        return
    name = state.checkpoint_name(data.name, data.commit)
    if name not in state.checkpoints:
        made = CheckpointState(name, data.commit, data.taken_at or entry.ts, data.head, data.aside)
        state.add_checkpoint(made)
        state.last_merge = state.last_merge if data.aside else None
        if data.kind == "phase" and entry.phase in state.open_phases:
            state.open_phases[entry.phase] = True


def _checkpoint_delete(state: Fold, entry: Entry) -> None:
    if data := _payload(entry, payloads.CheckpointDeleted):
        state.delete_checkpoint(data.name, data.commit)


def _rollback_begin(state: Fold, entry: Entry) -> None:
    state.open_rollback = _payload(entry, payloads.RollbackBegun)
    state.rollback_entry = state.latest_digest


def _merge(state: Fold, entry: Entry) -> None:
    if entry.agent is not None and (data := _payload(entry, payloads.MergeBegun)):
        agent = state.agent(entry.agent, entry.phase)
        agent.open_merge, agent.merge_entry = data, state.latest_digest
        state.last_merge = data.commit


def _repair(state: Fold, entry: Entry) -> None:
    kind = entry.data.get("kind")
    if kind == "rollback-abandoned":
        state.open_rollback = None
    if kind == "merge-abandoned" and entry.agent in state.agents:
        state.agents[entry.agent].open_merge = None


def _rollback(state: Fold, entry: Entry) -> None:
    if not (data := _payload(entry, payloads.RolledBack)):
        return
    state.open_rollback = None
    state.rollbacks.append(data)
    state.status, state.reason = data.status, None
    round_begun = _back_to_round(state, data.commit)
    back, again = set(data.set_back), set(data.restored)
    for name, agent in state.agents.items():
        _set_back(state, name, agent, back, again, round_begun=round_begun)


def _back_to_round(state: Fold, commit: str) -> str | None:
    """Let the round be that in which a checkpoint was taken, and say when that began; None where there is but one."""
    taken_at = next((known.taken_at for known in state.checkpoints.values() if known.commit == commit), None)
    if taken_at is None or not state.rounds:
        return None
    begun, state.round = next((known for known in reversed(state.rounds) if known[0] <= taken_at), ("", 1))
    return begun


def _set_back(
    state: Fold,
    name: str,
    agent: AgentState,
    back: set[payloads.AttemptKey],
    again: set[payloads.AttemptKey],
    *,
    round_begun: str | None,
) -> None:
    if not any(ended.key in back or ended.key in again for ended in agent.ends):
        return
    for ended in agent.ends:
        ended.counts = (ended.counts or ended.key in again) and ended.key not in back
    undone = any(ended.key in again for ended in agent.ends)
    last = agent.last_end()
    if not undone and (round_begun is None or last is None or last.ts < round_begun):
        last = agent.ends[-1]
    state.set_status(name, last.end.status if last and last.counts else AgentStatus.ROLLED_BACK)


_RULES: dict[str, Callable[[Fold, Entry], Any]] = {
    EventType.SESSION_START: _session_start,
    EventType.SESSION_RESUME: _session_resume,
    EventType.SESSION_END: _session_end,
    EventType.SESSION_ARCHIVE: _session_archive,
    EventType.PLAN_CHANGE: _plan_change,
    EventType.ROUND_BEGIN: _round_begin,
    EventType.PHASE_BEGIN: _phase_begin,
    EventType.PHASE_END: _phase_end,
    EventType.AGENT_START: _agent_start,
    EventType.AGENT_END: _agent_end,
    EventType.AGENT_BLOCK: _set_named(AgentStatus.BLOCKED),
    EventType.AGENT_SKIP: _set_named(AgentStatus.SKIPPED),
    EventType.AGENT_RERUN: _agent_rerun,
    EventType.ERROR: _attempt_over,
    EventType.SPEND: _attempt_over,
    EventType.BUDGET: _budget,
    EventType.HOLD: _hold,
    EventType.RETRY: _retry,
    EventType.CHECKPOINT: _checkpoint,
    EventType.CHECKPOINT_DELETE: _checkpoint_delete,
    EventType.ROLLBACK_BEGIN: _rollback_begin,
    EventType.ROLLBACK: _rollback,
    EventType.REPAIR: _repair,
    EventType.MERGE: _merge,
}
