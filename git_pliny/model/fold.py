"""`fold`: from the entries of a session to the session. Nothing else decides a session's state (DESIGN section 3).

The fold is total: an entry of an unknown type, or with data of a wrong shape, counts in the audit head and changes
nothing else, since entries may come from newer versions and from fetched refs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from git_pliny.model import payloads
from git_pliny.model.events import Entry, EventType, Line, parse_time
from git_pliny.model.session import (
    AgentRecord,
    AgentStatus,
    AuditHead,
    Metrics,
    Session,
    SessionStatus,
    Tokens,
)

_Payload = TypeVar("_Payload", bound=msgspec.Struct)


@dataclass(slots=True)
class EndedAttempt:
    """One `agent_end`: when it was written, and the record it left."""

    ts: str
    key: payloads.AttemptKey
    end: payloads.AgentEnd
    counts: bool = True


@dataclass(slots=True)
class AgentState:
    """An agent while the fold is under way."""

    phase: str
    status: AgentStatus = AgentStatus.PENDING
    attempts: int = 0
    started_at: str | None = None
    tokens: Tokens | None = None
    cost_usd: float | None = None
    ends: list[EndedAttempt] = field(default_factory=list)

    def last_end(self) -> EndedAttempt | None:
        """The latest end that counts."""
        return next((ended for ended in reversed(self.ends) if ended.counts), None)

    def spend(self, spent: payloads.Spent | None) -> None:
        if spent is None:
            return
        if spent.tokens is not None:
            self.tokens = spent.tokens if self.tokens is None else self.tokens + spent.tokens
        if spent.cost_usd is not None:
            self.cost_usd = spent.cost_usd + (self.cost_usd or 0.0)

    def record(self) -> AgentRecord:
        """The agent as the session shows it."""
        last = self.ends[-1] if self.ends else None
        shown = last if last and self.status is last.end.status and last.counts else None
        return AgentRecord(
            phase=self.phase,
            status=self.status,
            attempts=self.attempts,
            started_at=self.started_at,
            ended_at=shown.ts if shown else None,
            duration_s=shown.end.duration_s if shown else None,
            exit_code=shown.end.exit_code if shown else None,
            tokens=self.tokens,
            cost_usd=self.cost_usd,
            error=shown.end.error if shown else None,
        )


@dataclass(slots=True, frozen=True)
class CheckpointState:
    """A checkpoint that exists: its commit, and from when on what ended is not surely in it."""

    name: str
    commit: str
    taken_at: str
    head: str | None


class Fold:
    """The state of a session while entries are applied, in the trail's order, one by one."""

    def __init__(self, session: str) -> None:
        self.id = session
        self.name = ""
        self.status = SessionStatus.IN_PROGRESS
        self.framework: str | None = None
        self.base: str | None = None
        self.plan: str | None = None
        self.created_at = ""
        self.last_activity = ""
        self.current_phase: str | None = None
        self.round = 1
        self.retries = 0
        self.attempts = 0
        self.agents: dict[str, AgentState] = {}
        self.completed: dict[str, None] = {}
        self.checkpoints: dict[str, CheckpointState] = {}
        self.deleted: set[tuple[str, str]] = set()
        self.rollbacks: list[payloads.RolledBack] = []
        self.open_phases: dict[str, bool] = {}
        """Phases that began and did not end; True where their checkpoint is there already."""
        self.last_key = ("", "", 0)
        self._entries = 0
        self._heads: dict[str, Line] = {}
        self._spans: dict[str, tuple[str, str]] = {}

    def apply(self, line: Line) -> None:
        """Take one more entry, which must not be ordered before the last one."""
        entry = line.entry
        self._entries += 1
        self.last_key = max(self.last_key, line.key)
        self.created_at = self.created_at or entry.ts
        self.last_activity = max(self.last_activity, entry.ts)
        head = self._heads.get(entry.run)
        if head is None or head.entry.seq <= entry.seq:
            self._heads[entry.run] = line
        self._spans[entry.run] = (self._spans.get(entry.run, (entry.ts, ""))[0], entry.ts)
        if rule := _RULES.get(entry.type):
            rule(self, entry)

    def session(self) -> Session:
        """The session as it stands."""
        agents = {name: state.record() for name, state in self.agents.items()}
        return Session(
            id=self.id,
            name=self.name,
            status=self.status,
            framework=self.framework,
            created_at=self.created_at,
            last_activity=self.last_activity,
            current_phase=self.current_phase,
            completed_agents=list(self.completed),
            failed_agents=[name for name, record in agents.items() if record.status is AgentStatus.FAILED],
            checkpoints={name: checkpoint.commit for name, checkpoint in self.checkpoints.items()},
            agents=agents,
            metrics=self._metrics(),
            plan=self.plan,
            base=self.base,
            audit=AuditHead(
                entries=self._entries,
                heads={run: f"{line.entry.seq}:{line.digest}" for run, line in sorted(self._heads.items())},
            ),
            round=self.round,
        )

    def newest_checkpoint(self) -> CheckpointState | None:
        """The checkpoint that was made last."""
        return next(reversed(self.checkpoints.values()), None)

    def counting_ends(self) -> dict[payloads.AttemptKey, EndedAttempt]:
        """Every ended attempt that counts, by its key."""
        return {ended.key: ended for state in self.agents.values() for ended in state.ends if ended.counts}

    def head(self, run: str) -> str | None:
        """`<run>:<seq>:<sha256>` of a run's last entry."""
        line = self._heads.get(run)
        return f"{run}:{line.entry.seq}:{line.digest}" if line else None

    def _metrics(self) -> Metrics:
        tokens = [state.tokens for state in self.agents.values() if state.tokens is not None]
        costs = [state.cost_usd for state in self.agents.values() if state.cost_usd is not None]
        worked = sum(parse_time(last) - parse_time(first) for first, last in self._spans.values())
        return Metrics(
            duration_s=round(worked / 1e6, 6),
            attempts=self.attempts,
            retries=self.retries,
            tokens=sum(tokens, start=Tokens()) if tokens else None,
            cost_usd=round(sum(costs), 9) if costs else None,
        )

    def agent(self, name: str, phase: str | None) -> AgentState:
        state = self.agents.setdefault(name, AgentState(phase or ""))
        state.phase = phase or state.phase
        return state

    def stop_running(self) -> None:
        """No attempt that has no end is under way any more."""
        for name, agent in self.agents.items():
            if agent.status is AgentStatus.RUNNING:
                self.set_status(name, AgentStatus.PENDING)

    def set_status(self, name: str, status: AgentStatus) -> None:
        self.agents[name].status = status
        self.completed.pop(name, None)
        if status is AgentStatus.COMPLETED:
            self.completed[name] = None


def fold(session: str, lines: Iterable[Line]) -> Fold:
    """The state after all of `lines`, which are in the trail's order (`events.union` gives it)."""
    state = Fold(session)
    for line in lines:
        state.apply(line)
    return state


def _payload(entry: Entry, kind: type[_Payload]) -> _Payload | None:
    try:
        return msgspec.convert(entry.data, kind)
    except (msgspec.MsgspecError, RecursionError):
        return None


def _session_start(state: Fold, entry: Entry) -> None:
    if (data := _payload(entry, payloads.SessionStart)) and not state.name:
        state.name, state.framework, state.base = data.name, data.framework, data.base


def _session_resume(state: Fold, _: Entry) -> None:
    state.status = SessionStatus.IN_PROGRESS
    state.stop_running()
    for name, agent in state.agents.items():
        if agent.status is AgentStatus.BLOCKED:
            state.set_status(name, AgentStatus.PENDING)


def _session_end(state: Fold, entry: Entry) -> None:
    if data := _payload(entry, payloads.SessionEnd):
        state.status = data.status
        state.stop_running()


def _session_archive(state: Fold, _: Entry) -> None:
    state.status = SessionStatus.ARCHIVED


def _plan_change(state: Fold, entry: Entry) -> None:
    if not (data := _payload(entry, payloads.PlanChange)):
        return
    state.plan = data.plan
    state.framework = data.framework
    old, state.agents = state.agents, {}
    for name, phase in data.agents.items():
        state.agents[name] = old.pop(name, AgentState(phase))
        state.agents[name].phase = phase
    for name, agent in old.items():
        if agent.attempts:
            state.agents[name] = agent
        else:
            state.completed.pop(name, None)
    for name in data.reset:
        if name in state.agents:
            state.set_status(name, AgentStatus.PENDING)


def _round_begin(state: Fold, entry: Entry) -> None:
    if data := _payload(entry, payloads.RoundBegin):
        state.round = data.round
        for name in state.agents:
            state.set_status(name, AgentStatus.PENDING)


def _phase_begin(state: Fold, entry: Entry) -> None:
    state.current_phase = entry.phase
    if entry.phase is not None:
        state.open_phases[entry.phase] = False


def _phase_end(state: Fold, entry: Entry) -> None:
    if entry.phase is not None:
        state.open_phases.pop(entry.phase, None)


def _agent_start(state: Fold, entry: Entry) -> None:
    if entry.agent is None or entry.attempt is None:
        return
    agent = state.agent(entry.agent, entry.phase)
    state.attempts += 1
    agent.attempts = max(agent.attempts, entry.attempt)
    agent.started_at = entry.ts
    state.set_status(entry.agent, AgentStatus.RUNNING)


def _agent_end(state: Fold, entry: Entry) -> None:
    data = _payload(entry, payloads.AgentEnd)
    if entry.agent is None or entry.attempt is None or data is None:
        return
    agent = state.agent(entry.agent, entry.phase)
    agent.spend(data.spent)
    agent.ends.append(EndedAttempt(entry.ts, payloads.AttemptKey(entry.agent, entry.run, entry.attempt), data))
    state.set_status(entry.agent, data.status)


def _error(state: Fold, entry: Entry) -> None:
    if entry.agent in state.agents and (data := _payload(entry, payloads.AttemptError)):
        state.agents[entry.agent].spend(data.spent)


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
    name, known = data.name, state.checkpoints.get(data.name)
    if known is not None and known.commit != data.commit:
        name = f"{data.name}.{data.commit[:12]}"
    if known is None or known.commit != data.commit:
        state.checkpoints[name] = CheckpointState(name, data.commit, data.taken_at or entry.ts, data.head)
        if data.kind == "phase" and entry.phase in state.open_phases:
            state.open_phases[entry.phase] = True


def _checkpoint_delete(state: Fold, entry: Entry) -> None:
    if data := _payload(entry, payloads.CheckpointDeleted):
        known = state.checkpoints.get(data.name)
        state.deleted.add((data.name, data.commit))
        if known is not None and known.commit == data.commit:
            del state.checkpoints[data.name]


def _rollback(state: Fold, entry: Entry) -> None:
    if not (data := _payload(entry, payloads.RolledBack)):
        return
    state.rollbacks.append(data)
    state.status = data.status
    back, again = set(data.set_back), set(data.restored)
    for name, agent in state.agents.items():
        _set_back(state, name, agent, back, again)


def _set_back(
    state: Fold, name: str, agent: AgentState, back: set[payloads.AttemptKey], again: set[payloads.AttemptKey]
) -> None:
    if not any(ended.key in back or ended.key in again for ended in agent.ends):
        return
    for ended in agent.ends:
        ended.counts = (ended.counts or ended.key in again) and ended.key not in back
    last = agent.ends[-1]
    state.set_status(name, last.end.status if last.counts else AgentStatus.ROLLED_BACK)


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
    EventType.ERROR: _error,
    EventType.RETRY: _retry,
    EventType.CHECKPOINT: _checkpoint,
    EventType.CHECKPOINT_DELETE: _checkpoint_delete,
    EventType.ROLLBACK: _rollback,
}
