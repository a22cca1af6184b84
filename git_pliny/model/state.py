"""A session's state while entries are folded into it: more than the session shows, changed in place by `fold` only."""

import msgspec

from git_pliny.model import payloads
from git_pliny.model.events import Line, parse_time
from git_pliny.model.names import encode
from git_pliny.model.session import (
    AgentRecord,
    AgentStatus,
    AuditHead,
    BudgetRecord,
    ErrorRecord,
    Metrics,
    PhaseRecord,
    Session,
    SessionStatus,
)
from git_pliny.model.spending import Spending


class EndedAttempt(msgspec.Struct):
    """One `agent_end`: when it was written, and the record it left."""

    ts: str
    key: payloads.AttemptKey
    end: payloads.AgentEnd
    counts: bool = True


class AgentState(Spending):
    """An agent while the fold is under way. `worked_s`: in all its attempts, as far as their ends are known."""

    phase: str
    status: AgentStatus = AgentStatus.PENDING
    attempts: int = 0
    started_at: str | None = None
    worked_s: float = 0.0
    begun: tuple[str, str] | None = None
    """The run and the time of the attempt that is under way."""
    ends: list[EndedAttempt] = msgspec.field(default_factory=list)
    error: ErrorRecord | None = None
    """What its latest attempt that ended failed with; None where that succeeded."""
    open_merge: payloads.MergeBegun | None = None
    """Its changes were being made to the workspace when the trail breaks off."""
    merge_entry: str | None = None
    """The digest of the entry that says so."""

    def last_end(self) -> EndedAttempt | None:
        """The latest end that counts."""
        return next((ended for ended in reversed(self.ends) if ended.counts), None)

    def ended(self, duration_s: float | None) -> None:
        """The attempt under way is over."""
        self.worked_s = round(self.worked_s + max(duration_s or 0.0, 0.0), 6)
        self.begun = None

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


class PhaseSpan(msgspec.Struct):
    """A phase under way in one run: from its begin to its end, or to what the run wrote last."""

    begun: str
    last: str


class PhaseState(Spending):
    """A phase while the fold is under way."""

    spans: list[PhaseSpan] = msgspec.field(default_factory=list)

    @property
    def worked_s(self) -> float:
        return sum(parse_time(span.last) - parse_time(span.begun) for span in self.spans) / 1e6


class RunState(msgspec.Struct):
    """A run that told where it works. `executes`: it began a phase or an agent."""

    run: str
    since: str
    place: payloads.RanAt
    executes: bool = False
    over: bool = False


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
        self.use: str | None = None
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
        self._places: dict[str, CheckpointState] = {}
        """Checkpoints by what may be there but once: their names in refs, without regard to case."""
        self.deleted: set[tuple[str, str]] = set()
        self.rollbacks: list[payloads.RolledBack] = []
        self.open_rollback: payloads.RollbackBegun | None = None
        self.rollback_entry: str | None = None
        """The digest of the entry that began it."""
        self.runs: dict[str, RunState] = {}
        self.last_merge: str | None = None
        """The commit of the last merge since the newest checkpoint of the workspace."""
        self.open_phases: dict[str, bool] = {}
        """Phases that began and did not end; True where their checkpoint is there already."""
        self.spending = Spending()
        self.phases: dict[str, PhaseState] = {}
        self.budget: BudgetRecord | None = None
        self.holds: dict[str, str] = {}
        """Until when a provider wanted to be left alone, by its name."""
        self.reason: str | None = None
        self.last_key = ("", "", 0)
        self._entries = 0
        self._line: Line | None = None
        self._heads: dict[str, Line] = {}
        self._spans: dict[str, tuple[str, str]] = {}
        self._under_way: dict[str, PhaseSpan] = {}
        """By run."""

    def count(self, line: Line) -> None:
        """Take an entry into the audit head and the times, whatever it says."""
        entry = line.entry
        self._line = line
        self._entries += 1
        self.last_key = max(self.last_key, line.key)
        self.created_at = self.created_at or entry.ts
        self.last_activity = max(self.last_activity, entry.ts)
        head = self._heads.get(entry.run)
        if head is None or head.entry.seq <= entry.seq:
            self._heads[entry.run] = line
        self._spans[entry.run] = (self._spans.get(entry.run, (entry.ts, ""))[0], entry.ts)
        if span := self._under_way.get(entry.run):
            span.last = entry.ts

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
            phases={
                name: PhaseRecord(duration_s=round(phase.worked_s, 6), tokens=phase.tokens, cost_usd=phase.cost_usd)
                for name, phase in self.phases.items()
            },
            budget=self.budget,
            reason=self.reason,
        )

    def checkpoint_name(self, name: str, commit: str) -> str:
        """What a checkpoint is called: where another one has its name, or one that differs in case only, longer."""
        while not self._is_free(name, commit):
            name = f"{name}.{commit[:12]}"
        return name

    def _is_free(self, name: str, commit: str) -> bool:
        known = self._places.get(encode(name).lower())
        return known is None or (known.name, known.commit) == (name, commit)

    def add_checkpoint(self, made: CheckpointState) -> None:
        self.checkpoints[made.name] = self._places[encode(made.name).lower()] = made

    def delete_checkpoint(self, name: str, commit: str) -> None:
        """Whoever deleted it may have known it by its own name, which is another one's by now."""
        self.deleted.add((name, commit))
        for known in list(self.checkpoints.values()):
            if known.commit == commit and (known.name == name or known.name.startswith(f"{name}.{commit[:12]}")):
                self.deleted.add((known.name, commit))
                del self.checkpoints[known.name]
                del self._places[encode(known.name).lower()]

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
        return Metrics(
            duration_s=round(self.worked_s, 6),
            attempts=self.attempts,
            retries=self.retries,
            tokens=self.spending.tokens,
            cost_usd=self.spending.cost_usd,
        )

    @property
    def latest_digest(self) -> str | None:
        """Of the entry that was taken last."""
        return self._line.digest if self._line else None

    def begin_run(self, run: str, since: str, place: payloads.RanAt) -> None:
        """A run says where it works, and from whom it has taken over."""
        self.runs[run] = RunState(run, since, place)
        for other in place.took_over:
            if other in self.runs:
                self.runs[other].over = True

    def executing_elsewhere(self, clone: str) -> list[RunState]:
        """The runs of other clones that execute and have not ended, as far as the entries know; the latest last.

        In one clone a session has one run at a time, so that a later one there shows that an earlier one has ended.
        """
        latest = {state.place.clone: state for state in self.runs.values() if state.executes}
        return [state for state in latest.values() if state.place.clone != clone and not state.over]

    @property
    def worked_s(self) -> float:
        """The time in which a run was at work."""
        return sum(parse_time(last) - parse_time(first) for first, last in self._spans.values()) / 1e6

    def phase(self, name: str) -> PhaseState:
        return self.phases.setdefault(name, PhaseState())

    def begin_phase(self, name: str, run: str, ts: str) -> None:
        """From now on until `end_phase`, the run's time is the phase's."""
        span = self._under_way[run] = PhaseSpan(ts, ts)
        self.phase(name).spans.append(span)

    def end_phase(self, run: str) -> None:
        self._under_way.pop(run, None)

    def spend(self, agent: AgentState, spent: payloads.Spent | None) -> None:
        """An attempt told what it took: that is spent, whatever becomes of the agent."""
        if spent is not None:
            for spending in (self.spending, self.phase(agent.phase), agent):
                spending.spend(spent)

    def agent(self, name: str, phase: str | None) -> AgentState:
        state = self.agents.setdefault(name, AgentState(phase or ""))
        state.phase = phase or state.phase
        return state

    def stop_running(self) -> None:
        """No attempt that has no end is under way any more: it worked until its run wrote for the last time."""
        for name, agent in self.agents.items():
            if agent.begun is not None:
                run, since = agent.begun
                agent.ended((parse_time(self._spans[run][1]) - parse_time(since)) / 1e6)
            if agent.status is AgentStatus.RUNNING:
                self.set_status(name, AgentStatus.PENDING)

    def set_status(self, name: str, status: AgentStatus) -> None:
        self.agents[name].status = status
        self.completed.pop(name, None)
        if status is AgentStatus.COMPLETED:
            self.completed[name] = None
