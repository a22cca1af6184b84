"""A session's state while entries are folded into it: more than the session shows, changed in place by `fold` only."""

import msgspec

from git_pliny.model import payloads
from git_pliny.model.events import Line, parse_time
from git_pliny.model.session import (
    AgentRecord,
    AgentStatus,
    AuditHead,
    ErrorRecord,
    Metrics,
    Session,
    SessionStatus,
    Tokens,
)


class EndedAttempt(msgspec.Struct):
    """One `agent_end`: when it was written, and the record it left."""

    ts: str
    key: payloads.AttemptKey
    end: payloads.AgentEnd
    counts: bool = True


class AgentState(msgspec.Struct):
    """An agent while the fold is under way."""

    phase: str
    status: AgentStatus = AgentStatus.PENDING
    attempts: int = 0
    started_at: str | None = None
    tokens: Tokens | None = None
    cost_usd: float | None = None
    ends: list[EndedAttempt] = []
    error: ErrorRecord | None = None
    """What its latest attempt that ended failed with; None where that succeeded."""
    open_merge: payloads.MergeBegun | None = None
    """Its changes were being made to the workspace when the trail breaks off."""

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
        last = self.last_end()
        shown = last if last and self.status is last.end.status else None
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


class CheckpointState(msgspec.Struct, frozen=True):
    """A checkpoint that exists: its commit, and from when on what ended is not surely in it."""

    name: str
    commit: str
    taken_at: str
    head: str | None
    aside: bool = False


class Fold:
    """The state of a session while entries are applied, in the trail's order, one by one."""

    def __init__(self, session: str) -> None:
        self.id = session
        self.name = ""
        self.status = SessionStatus.IN_PROGRESS
        self.framework: str | None = None
        self.base: str | None = None
        self.task: str | None = None
        self.plan: str | None = None
        self.plan_file: str | None = None
        self.created_at = ""
        self.last_activity = ""
        self.current_phase: str | None = None
        self.round = 1
        self.rounds: list[tuple[str, int]] = []
        self.retries = 0
        self.attempts = 0
        self.agents: dict[str, AgentState] = {}
        self.completed: dict[str, None] = {}
        self.checkpoints: dict[str, CheckpointState] = {}
        self.deleted: set[tuple[str, str]] = set()
        self.rollbacks: list[payloads.RolledBack] = []
        self.open_rollback: payloads.RollbackBegun | None = None
        self.last_merge: str | None = None
        """The commit of the last merge since the newest checkpoint of the workspace."""
        self.open_phases: dict[str, bool] = {}
        """Phases that began and did not end; True where their checkpoint is there already."""
        self.last_key = ("", "", 0)
        self._entries = 0
        self._heads: dict[str, Line] = {}
        self._spans: dict[str, tuple[str, str]] = {}

    def count(self, line: Line) -> None:
        """Take an entry into the audit head and the times, whatever it says."""
        entry = line.entry
        self._entries += 1
        self.last_key = max(self.last_key, line.key)
        self.created_at = self.created_at or entry.ts
        self.last_activity = max(self.last_activity, entry.ts)
        head = self._heads.get(entry.run)
        if head is None or head.entry.seq <= entry.seq:
            self._heads[entry.run] = line
        self._spans[entry.run] = (self._spans.get(entry.run, (entry.ts, ""))[0], entry.ts)

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

    def newest_of_workspace(self) -> CheckpointState | None:
        """The last one that holds the workspace."""
        return next((each for each in reversed(self.checkpoints.values()) if not each.aside), None)

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
