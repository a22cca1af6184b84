"""What may still be spent: the budgets of session, phase and agent against what the trail says was spent.

Attempts under way have told nothing yet, so they may take more than was left: it is the next start that is held.
"""

import msgspec

from git_pliny.executor.attempt import Conclusion
from git_pliny.executor.desk import Desk
from git_pliny.executor.job import Job
from git_pliny.model.budget import Resource, UsedUp, used_up
from git_pliny.model.duration import render_duration
from git_pliny.model.plan import Phase
from git_pliny.model.session import BudgetRecord
from git_pliny.model.settings import Budget
from git_pliny.model.spending import Spending

_NONE = BudgetRecord()
_REST, _LONGEST_REST_S = 0.01, 0.1
"""What may be left of an agent's time once it was ended for that: clocks differ, and no attempt is worth its start."""


class OverBudget(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing more may start: the budget of the agent or the phase that is named, else of the session."""

    used_up: UsedUp
    phase: str | None = None
    agent: str | None = None

    @property
    def words(self) -> str:
        """What was spent, and of how much."""
        found = self.used_up
        of = f"of agent {self.agent}" if self.agent else f"of phase {self.phase}" if self.phase else "of the session"
        state = "is used up" if found.spent >= found.limit else "would be used up before the next attempt"
        spent, limit = (in_words(found.resource, amount) for amount in (found.spent, found.limit))
        return f"the budget {of} {state}: {spent} of {limit}"


class Budgets:
    """The budgets that hold for the agents of one phase, whose execution begins now."""

    def __init__(self, desk: Desk, phase: Phase) -> None:
        order, state = desk.order, desk.run.state
        known = state.phases.get(phase.name)
        self._desk = desk
        self._phase = phase.name
        self._session = order.settings.execution.budget.record()
        self._of_phase = _record(phase.budget)
        self._of_agents = {name: _record(order.plan.agents[name].budget) for name in phase.agents}
        self._begun = order.monotonic()
        self._session_s = state.worked_s if self._session.time_s is not None else 0.0
        self._phase_s = known.worked_s if known and self._of_phase.time_s is not None else 0.0
        self.is_limited = any(each != _NONE for each in (self._session, self._of_phase, *self._of_agents.values()))
        """Whether there is any."""

    def over(self, name: str, *, in_s: float = 0.0) -> OverBudget | None:
        """The budget that leaves nothing for an attempt of the agent, if that started in so many seconds.

        What has ended must be in the trail by now.
        """
        state, here_s = self._desk.run.state, self._desk.order.monotonic() - self._begun + in_s
        if found := used_up(self._session, state.spending, self._session_s + here_s):
            return OverBudget(used_up=_so_far(found, in_s))
        spent = state.phases.get(self._phase) or Spending()
        if found := used_up(self._of_phase, spent, self._phase_s + here_s):
            return OverBudget(used_up=_so_far(found, in_s), phase=self._phase)
        agent = state.agents[name]
        limit = self._of_agents[name].time_s or 0.0
        if found := used_up(self._of_agents[name], agent, agent.worked_s + min(limit * _REST, _LONGEST_REST_S)):
            return OverBudget(used_up=found, agent=name)
        return None

    def time_left_s(self, name: str) -> float | None:
        """What is left of the agent's own budget of time; None where it has none."""
        limit = self._of_agents[name].time_s
        return None if limit is None else limit - self._desk.run.state.agents[name].worked_s

    def time_is_up(self, name: str) -> OverBudget | None:
        """An attempt of the agent was ended since its own budget of time is spent."""
        limit = self._of_agents[name].time_s
        if limit is None:
            return None
        spent = max(self._desk.run.state.agents[name].worked_s, limit)
        return OverBudget(used_up=UsedUp(resource=Resource.TIME, spent=spent, limit=limit), agent=name)

    def heed(self, job: Job, conclusion: Conclusion) -> Conclusion:
        """The conclusion, in words for a budget where that is what ended the attempt.

        Says once, for each kind, that an agent does not tell what one of its budgets limits.
        """
        name = job.attempt.agent.name
        if self.is_limited and conclusion.outcome.launch_errno is None:
            self._miss(name, conclusion)
        limit = self._of_agents[name].time_s
        if limit is None or conclusion.failure is None or not is_cut_short(job, conclusion):
            return conclusion
        words = f"ended, since its budget of time is used up: {render_duration(limit)}"
        failure = msgspec.structs.replace(conclusion.failure, reason="budget of time", message=words)
        return msgspec.structs.replace(conclusion, failure=failure)

    def _miss(self, name: str, conclusion: Conclusion) -> None:
        spent, budgets = conclusion.spent, (self._session, self._of_phase, self._of_agents[name])
        if (spent is None or spent.cost_usd is None) and any(each.cost_usd is not None for each in budgets):
            self._desk.warn_once(_untold(name, "cost"), about="untold cost")
        if (spent is None or spent.tokens is None) and any(each.tokens is not None for each in budgets):
            self._desk.warn_once(_untold(name, "tokens"), about="untold tokens")


def _record(budget: Budget | None) -> BudgetRecord:
    return _NONE if budget is None else budget.record()


def in_words(resource: Resource, amount: float) -> str:
    """`$1.50`, `1200 tokens`, `1h30m`."""
    match resource:
        case Resource.COST:
            return f"${round(amount, 4):.4f}".removesuffix("00")
        case Resource.TOKENS:
            return f"{amount:.0f} tokens"
        case Resource.TIME:
            return render_duration(amount)


def _so_far(found: UsedUp, in_s: float) -> UsedUp:
    """Without the time that is still to come."""
    return msgspec.structs.replace(found, spent=found.spent - in_s) if found.resource is Resource.TIME else found


def is_cut_short(job: Job, conclusion: Conclusion) -> bool:
    """Whether the attempt was ended since the agent's own budget of time is used up."""
    return job.attempt.is_budget and conclusion.outcome.timed_out


def _untold(name: str, what: str) -> str:
    return f"{name} does not tell its {what}: a budget of {what} can't be watched for agents that tell none"
