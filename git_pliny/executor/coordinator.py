"""The coordinator: takes a plan through its phases, and a session to its end. One thread owns journal, refs and graph.

Starting, going on and recovering are the same call: what is done already is read from the session's state.
"""

from collections.abc import Iterator, Sequence
from enum import Enum

import msgspec

from git_pliny.errors import BusyError
from git_pliny.executor.budgets import OverBudget
from git_pliny.executor.desk import Desk
from git_pliny.executor.finishing import finish_merges, keep_abandoned
from git_pliny.executor.jobs import clear_leftovers
from git_pliny.executor.phase import PhaseLoop
from git_pliny.executor.rounds import NextRound, after_round
from git_pliny.executor.waiting import restore
from git_pliny.executor.workers import Interrupt
from git_pliny.model import graph
from git_pliny.model.codec import changed_agents
from git_pliny.model.events import EventType
from git_pliny.model.fold import AgentState
from git_pliny.model.plan import Phase
from git_pliny.model.session import AgentStatus, BudgetRecord, SessionStatus
from git_pliny.model.settings import CheckpointWhen
from git_pliny.store.checkpoints import CheckpointKind, Occasion

_INTERRUPTED = {
    Interrupt.POLITE: "interrupted: the agents were asked to end",
    Interrupt.AT_ONCE: "interrupted: the agents were ended at once",
}


class End(Enum):
    """How an execution ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    OVER_BUDGET = "over-budget"


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended, and why, where that is not the plan's own end."""

    end: End
    reason: str = ""
    over_budget: OverBudget | None = None


class Coordinator:
    """One execution of a plan in one session, whose lock the caller holds."""

    def __init__(self, desk: Desk, plan_json: bytes) -> None:
        self._desk = desk
        self._plan_json = plan_json
        self._begun = 0
        self._attempts_before = desk.run.state.attempts

    def execute(self) -> Ending:
        """Run what is to be run, and record how the session stands then."""
        self._begin()
        ending = self._rounds()
        if ending.end is End.OVER_BUDGET and self._has_started:
            self._desk.checkpoint(Occasion(name="paused", kind=CheckpointKind.PAUSED))
        if ending.end is End.INTERRUPTED and ending.reason != _INTERRUPTED[Interrupt.AT_ONCE]:
            self._desk.checkpoint(Occasion(name="interrupted", kind=CheckpointKind.INTERRUPTED))
        status = {End.COMPLETED: SessionStatus.COMPLETED, End.FAILED: SessionStatus.FAILED}
        data = {"status": status.get(ending.end, SessionStatus.PAUSED).value, "reason": ending.reason or None}
        self._desk.note(EventType.SESSION_END, data=data)
        self._desk.commit()
        return ending

    def _begin(self) -> None:
        if self._desk.run.snapshot is not None:
            self._desk.warn_of(self._desk.run.snapshot)
        finish_merges(self._desk)
        state = self._desk.run.state
        cut_off = [name for name, agent in state.agents.items() if agent.status is AgentStatus.RUNNING]
        if cut_off:
            self._keep_interrupted(cut_off)
        for name in [name for name, agent in state.agents.items() if agent.status is AgentStatus.FAILED]:
            keep_abandoned(self._desk, name)
        self._resume(cut_off)
        self._take_plan()
        self._take_budget()
        restore(self._desk)
        self._desk.commit()
        self._missed_checkpoint()
        self._reopen()
        self._desk.commit()
        self._desk.run.flush()  # so that an agent's `git gc --prune=now` leaves the plan alone

    def _resume(self, cut_off: Sequence[str]) -> None:
        """Say that this run goes on, and where it works, unless it has started the session and said so."""
        run = self._desk.run
        if run.id in run.state.runs:
            return
        place = run.place()
        over = [each.run for each in run.state.executing_elsewhere(place.clone)]
        taken = over if self._desk.order.options.take_over else []
        place = msgspec.structs.replace(place, took_over=tuple(taken))
        data = {"session": run.session, "interrupted": cut_off, **msgspec.to_builtins(place)}
        self._desk.note(EventType.SESSION_RESUME, data={key: value for key, value in data.items() if value})

    def _keep_interrupted(self, names: Sequence[str]) -> None:
        """Agents were cut off by a kill: end what still runs of them, then keep the workspace as they left it."""
        if not self._desk.order.options.ignore_leftovers:
            for name in names:
                if left := clear_leftovers(self._desk, name):
                    pids = ", ".join(str(leftover.pid) for leftover in left)
                    raise BusyError(
                        f"processes of an earlier attempt of agent {name} still live: {pids}",
                        hint="end them, or: git pliny execute --resume --ignore-leftovers",
                    )
        self._desk.checkpoint(Occasion(name="interrupted", kind=CheckpointKind.INTERRUPTED))
        for name in names:
            keep_abandoned(self._desk, name)

    def _take_plan(self) -> None:
        """Record the plan where it is another one than the session knows."""
        run, plan = self._desk.run, self._desk.order.plan
        oid = run.keep_plan(self._plan_json)
        if oid == run.state.plan and all(name in run.state.agents for name in plan.agents):
            return
        known = run.reader.blob(run.state.plan) if run.state.plan else None
        changed = changed_agents(known, self._plan_json) if known else []
        done = [name for name in changed if name in run.state.agents and run.state.agents[name].status.done]
        agents = {agent.name: phase.name for phase, agent in plan.in_order()}
        data = {
            "plan": oid,
            "agents": agents,
            "framework": plan.framework,
            "reset": done,
            "file": self._desk.order.plan_file,
            "use": self._desk.order.use,
        }
        self._desk.note(EventType.PLAN_CHANGE, data=data)

    def _take_budget(self) -> None:
        """Record the session's budget where it is another one than the session knows."""
        run, budget = self._desk.run, self._desk.order.settings.execution.budget.record()
        if budget != (run.state.budget or BudgetRecord()):
            self._desk.note(EventType.BUDGET, data=msgspec.to_builtins(budget))

    @property
    def _has_started(self) -> bool:
        """Whether this run started any attempt: else the workspace is as an earlier one kept it."""
        return self._desk.run.state.attempts > self._attempts_before

    def _missed_checkpoint(self) -> None:
        """With a checkpoint after each agent: take the one that a kill after the last agent's end prevented."""
        state = self._desk.run.state
        if self._desk.order.settings.execution.checkpoint is not CheckpointWhen.AGENT:
            return
        newest = state.newest_of_workspace()
        ends = [ended for ended in state.counting_ends().values() if ended.end.status is AgentStatus.COMPLETED]
        last = max(ends, key=lambda ended: ended.ts, default=None)
        if newest is not None and last is not None and last.ts > newest.taken_at:
            phase = state.agents[last.key.agent].phase
            self._desk.checkpoint(
                Occasion(name=last.key.agent, kind=CheckpointKind.AGENT, phase=phase, agent=last.key.agent)
            )

    def _reopen(self) -> None:
        """Skip what the manifest calls completed, complete what the user has, set back what is to be run again."""
        order, state = self._desk.order, self._desk.run.state
        for name in order.plan.manifest.completed if order.plan.manifest else ():
            if not state.agents[name].status.done and name not in order.options.rerun:
                phase = state.agents[name].phase
                self._desk.note(
                    EventType.AGENT_SKIP, agent=name, phase=phase, data={"reason": "completed in the manifest"}
                )
        for name in order.options.resolved:
            agent = state.agents[name]
            data = {"phase": agent.phase, "status": AgentStatus.COMPLETED.value, "resolved": "by hand"}
            self._desk.note(EventType.AGENT_END, agent=name, phase=agent.phase, attempt=agent.attempts, data=data)
            self._desk.checkpoint(Occasion(name=name, kind=CheckpointKind.AGENT, phase=agent.phase, agent=name))
        if order.options.rerun:
            needs = {name: agent.needs for name, agent in order.plan.agents.items()}
            again = {*order.options.rerun, *graph.dependents(needs, order.options.rerun)}
            agents = [agent.name for _, agent in order.plan.in_order() if agent.name in again]
            self._desk.note(EventType.AGENT_RERUN, data={"agents": agents})

    def _rounds(self) -> Ending:
        while True:
            ending = self._phases()
            if ending is not None:
                return ending
            following = after_round(self._desk.order, self._desk.run.state)
            if following is not NextRound.BEGIN:
                return Ending(end=End.COMPLETED if following is NextRound.DONE else End.PAUSED, reason=following.reason)
            number = self._desk.run.state.round + 1
            self._desk.note(EventType.ROUND_BEGIN, data={"round": number})
            self._desk.commit()

    def _phases(self) -> Ending | None:
        """Take the plan's phases in order; None where all of the plan is done."""
        for phase in self._desk.order.plan.phases:
            agents = self._to_run(phase)
            if not agents:
                self._close_if_open(phase)
                continue
            if self._is_over_limit():
                return Ending(end=End.PAUSED, reason=f"the limit of iterations is reached: {self._limit()}")
            if ending := self._run_phase(phase, agents):
                return ending
        if any(not agent.status.done for agent in self._in_plan()):
            return Ending(end=End.PAUSED, reason="only a part of the plan was asked for")
        return None

    def _in_plan(self) -> Iterator[AgentState]:
        agents = self._desk.run.state.agents
        return (agents[name] for name in self._desk.order.plan.agents if name in agents)

    def _to_run(self, phase: Phase) -> list[str]:
        only, agents = self._desk.order.options.only, self._desk.run.state.agents
        wanted = [name for name in phase.agents if only is None or name in only]
        return [name for name in wanted if not agents[name].status.done]

    def _run_phase(self, phase: Phase, agents: list[str]) -> Ending | None:
        self._begun += 1
        self._desk.note(EventType.PHASE_BEGIN, phase=phase.name, data={"agents": len(agents)})
        loop = PhaseLoop(self._desk, phase, agents)
        loop.run()
        if loop.interrupted is not None:
            return Ending(end=End.INTERRUPTED, reason=_INTERRUPTED[loop.interrupted])
        if loop.failed:
            self._block_later(phase, loop.failed)
            data = {"status": "failed", "failed": loop.failed}
            self._desk.note(EventType.PHASE_END, phase=phase.name, data=data)
            return Ending(end=End.FAILED, reason=f"failed: {', '.join(loop.failed[:5])}")
        if loop.over_budget is not None:
            return Ending(end=End.OVER_BUDGET, reason=loop.over_budget.words, over_budget=loop.over_budget)
        self._close_if_open(phase)
        return None

    def _block_later(self, phase: Phase, failed: Sequence[str]) -> None:
        """Say of what needs a failed agent in later phases that it is blocked; the phase's own are told already."""
        order, agents = self._desk.order, self._desk.run.state.agents
        phase_of = {agent.name: each.name for each, agent in order.plan.in_order()}
        needs = {name: order.plan.agents[name].needs for name in phase_of}
        cause = {name: name for name in failed}
        for name in graph.order(needs):
            by = next((cause[need] for need in needs[name] if need in cause), None)
            if by is None or name in cause or agents[name].status.done:
                continue
            cause[name] = by
            if phase_of[name] != phase.name and (order.options.only is None or name in order.options.only):
                self._desk.note(EventType.AGENT_BLOCK, agent=name, phase=phase_of[name], data={"by": by})

    def _close_if_open(self, phase: Phase) -> None:
        """End a phase whose agents are done: its checkpoint, then its end; each only where a kill did not let it be."""
        self._desk.commit()
        checkpointed = self._desk.run.state.open_phases.get(phase.name)
        if checkpointed is None:
            return
        if (
            self._desk.order.settings.execution.checkpoint in (CheckpointWhen.PHASE, CheckpointWhen.STEP)
            and not checkpointed
        ):
            plan = self._desk.order.plan
            is_last = plan.rounds is None and phase is plan.phases[-1]
            occasion = Occasion(name=phase.name, kind=CheckpointKind.PHASE, phase=phase.name)
            self._desk.checkpoint(occasion, flush=not is_last)  # the end of the run follows, and flushes
        whole = all(self._desk.run.state.agents[name].status.done for name in phase.agents)
        data = {"status": "completed" if whole else "partial"}
        self._desk.note(EventType.PHASE_END, phase=phase.name, data=data)

    def _limit(self) -> int | None:
        """How many iterations of a manifest may run; None where the plan is none, or goes round by a verdict."""
        order = self._desk.order
        if order.plan.manifest is None:
            return None
        if order.options.continuous:
            return order.settings.execution.sanity_limit
        return order.options.iterations or order.settings.execution.iterations

    def _is_over_limit(self) -> bool:
        limit = self._limit()
        return limit is not None and self._begun >= limit
