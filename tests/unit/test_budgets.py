"""Budgets in executions on real repositories with real processes: what starts, and what does not."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from executions import coordinated
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scratch import Scratch
from stores import BOUNDS, new_session

from git_pliny.executor.coordinator import End, Ending
from git_pliny.executor.workers import Interrupt, Workers
from git_pliny.model.events import Entry, EventType, Line
from git_pliny.model.fold import Fold, apply
from git_pliny.model.plan import Agent, Phase, Plan
from git_pliny.model.session import AgentStatus, BudgetRecord, SessionStatus, Tokens
from git_pliny.model.settings import Budget, CheckpointWhen, ExecutionSettings, RetryStrategy, Settings
from git_pliny.store.opening import Desired, create, resume
from git_pliny.store.run import Run

AT_ONCE = RetryStrategy(initial_delay=1, max_retries=2)


@dataclass
class Told:
    """A reporter that keeps what it is told."""

    heard: list[Line] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def entries(self, lines: Sequence[Line], state: Fold) -> None:
        self.heard += lines

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def of_type(self, kind: EventType) -> list[Entry]:
        return [line.entry for line in self.heard if line.entry.type == kind]


def tells(cost_usd: float | None = None, tokens: int | None = None, *, then: str = "exit 0") -> str:
    """A line for the shell that tells what it spent, and ends as `then` says."""
    told = {"cost_usd": cost_usd, "tokens": None if tokens is None else {"input": tokens}}
    return f"echo '{json.dumps(told)}' > $PLINY_RESULT; {then}"


def plan_of(*agents: Agent, budget: Budget | None = None, parallel: bool = False) -> Plan:
    phase = Phase(name="p", agents=tuple(agent.name for agent in agents), parallel=parallel, budget=budget)
    return Plan(name="plan", phases=(phase,), agents={agent.name: agent for agent in agents})


def execute(
    scratch: Scratch,
    run: Run,
    plan: Plan,
    budget: Budget | None = None,
    *,
    told: Told | None = None,
    workers: Workers | None = None,
    jobs: int = 4,
) -> Ending:
    execution = ExecutionSettings(
        budget=budget or Budget(), jobs=jobs, checkpoint=CheckpointWhen.MANUAL, grace="5s", timeout="30s"
    )
    settings = Settings(execution=execution)
    return coordinated(scratch, run, plan, settings, reporter=told or Told(), workers=workers or Workers(jobs))


def test_nothing_starts_once_the_budget_of_the_session_is_used_up(scratch: Scratch) -> None:
    plan = plan_of(*(Agent(name=name, run=tells(0.5)) for name in "abc"))
    with new_session(scratch) as run:
        ending = execute(scratch, run, plan, Budget(cost_usd=1.0))
        assert ending.end is End.OVER_BUDGET
        assert ending.reason == "the budget of the session is used up: $1.00 of $1.00"
        session = run.state.session()
    assert (session.status, session.reason) == (SessionStatus.PAUSED, ending.reason)
    assert session.completed_agents == ["a", "b"]
    assert session.agents["c"].status is AgentStatus.PENDING
    assert session.budget == BudgetRecord(cost_usd=1.0)
    assert list(session.checkpoints) == ["start", "paused"]


def test_a_budget_of_tokens_counts_both_directions_of_the_phase_it_belongs_to(scratch: Scratch) -> None:
    plan = plan_of(*(Agent(name=name, run=tells(tokens=6)) for name in "abc"), budget=Budget(tokens=12))
    with new_session(scratch) as run:
        ending = execute(scratch, run, plan)
        assert ending.reason == "the budget of phase p is used up: 12 tokens of 12 tokens"
        assert run.state.session().phases["p"].tokens == Tokens(input=12)
    assert ending.over_budget is not None
    assert ending.over_budget.phase == "p"


def test_what_failed_attempts_spent_counts_and_no_retry_goes_beyond_the_budget_of_the_agent(scratch: Scratch) -> None:
    agent = Agent(name="a", run=tells(0.4, then="exit 75"), retry=AT_ONCE, budget=Budget(cost_usd=0.8))
    told = Told()
    with new_session(scratch) as run:
        ending = execute(scratch, run, plan_of(agent), told=told)
        assert run.state.agents["a"].attempts == 2
        assert run.state.agents["a"].status is AgentStatus.PENDING
    assert ending.reason == "the budget of agent a is used up: $0.80 of $0.80"
    assert len(told.of_type(EventType.RETRY)) == 1


def test_an_agent_that_failed_for_good_wins_over_a_budget(scratch: Scratch) -> None:
    plan = plan_of(
        Agent(name="a", run=tells(1.0, then="until [ -e held ]; do sleep 0.01; done; exit 1")),
        Agent(name="b", run=tells(1.0, then="(sleep 0.2; touch held) &")),
        Agent(name="c", run="true", needs=("b",)),
        parallel=True,
    )
    with new_session(scratch) as run:
        ending = execute(scratch, run, plan, Budget(cost_usd=1.0))
        statuses = {name: agent.status.value for name, agent in run.state.agents.items()}
    assert ending == Ending(end=End.FAILED, reason="failed: a")
    assert statuses == {"a": "failed", "b": "completed", "c": "pending"}


def test_agents_under_way_end_in_their_own_time(scratch: Scratch) -> None:
    plan = plan_of(
        Agent(name="slow", run="sleep 0.4; touch slow-done"),
        Agent(name="bad", run=tells(1.0, then="sleep 0.1; exit 1")),
        Agent(name="quick", run=tells(2.0)),
        Agent(name="late", run="touch late-done"),
        parallel=True,
    )
    with new_session(scratch) as run:
        ending = execute(scratch, run, plan, Budget(cost_usd=1.0), jobs=3)
        assert run.state.agents["slow"].status is AgentStatus.COMPLETED
        assert run.state.agents["late"].attempts == 0
    assert ending.end is End.FAILED


def test_a_retry_that_falls_due_after_the_budget_was_used_up_is_not_made(scratch: Scratch) -> None:
    wait = "until [ -e held ]; do sleep 0.01; done; sleep 0.1; exit 75"
    plan = plan_of(
        Agent(name="a", run=wait, retry=AT_ONCE),
        Agent(name="b", run=tells(1.0, then="touch held")),
        Agent(name="c", run="true", needs=("b",)),
        parallel=True,
    )
    with new_session(scratch) as run:
        ending = execute(scratch, run, plan, Budget(cost_usd=1.0))
        assert run.state.agents["a"].attempts == 1
        assert not run.state.session().failed_agents
    assert ending.end is End.OVER_BUDGET


def test_a_running_agent_is_ended_at_its_own_budget_of_time_and_the_error_says_so(scratch: Scratch) -> None:
    told = Told()
    agent = Agent(name="a", run="sleep 30", budget=Budget(time="200ms"), max_retries=0)
    with new_session(scratch) as run:
        ending = execute(scratch, run, plan_of(agent), told=told)
    [error] = told.of_type(EventType.ERROR)
    assert error.data["message"] == "ended, since its budget of time is used up: 200ms"
    assert error.data["reason"] == "budget of time"
    assert ending.end is End.OVER_BUDGET
    assert ending.reason.startswith("the budget of agent a is used up: 2")


def test_an_agent_that_was_ended_at_its_budget_of_time_is_not_started_for_what_clocks_differ(scratch: Scratch) -> None:
    told = Told()
    plan = plan_of(Agent(name="a", run="sleep 30", budget=Budget(time="1s")))
    with new_session(scratch) as run:
        for _ in range(2):
            assert execute(scratch, run, plan, told=told).reason == "the budget of agent a is used up: 1s of 1s"
    assert len(told.of_type(EventType.AGENT_START)) == 1


def test_a_timeout_that_comes_before_the_budget_of_time_is_called_a_timeout(scratch: Scratch) -> None:
    told = Told()
    agent = Agent(name="a", run="sleep 30", timeout_s=0.1, budget=Budget(time="10s"), max_retries=0)
    with new_session(scratch) as run:
        ending = execute(scratch, run, plan_of(agent), told=told)
    assert ending.end is End.FAILED
    assert told.of_type(EventType.AGENT_END)[0].data["error"]["reason"].startswith("time limit of the agent")


def test_a_retry_that_would_wait_beyond_the_budget_of_time_is_not_waited_for(scratch: Scratch) -> None:
    slow = RetryStrategy(initial_delay=60_000, max_retries=2)
    begun = time.monotonic()
    with new_session(scratch) as run:
        ending = execute(scratch, run, plan_of(Agent(name="a", run="exit 75", retry=slow)), Budget(time="20s"))
    assert time.monotonic() - begun < 15
    assert ending.reason.startswith("the budget of the session would be used up before the next attempt: ")
    assert ending.reason.endswith(" of 20s")


def test_the_time_of_all_runs_counts_and_the_pauses_between_them_do_not(scratch: Scratch) -> None:
    def clock() -> int:
        return int((time.time() + skipped) * 1e6)

    skipped = 0.0
    plan = plan_of(Agent(name="a", run="sleep 0.3"), Agent(name="b", run="sleep 0.3"), Agent(name="c", run="true"))
    session = ""
    for _ in range(2):
        opened = (
            resume(scratch.repository, session, clock=clock, bounds=BOUNDS)
            if session
            else create(scratch.repository, Desired(name="n"), clock=clock, bounds=BOUNDS)
        )
        with opened as found:
            run = found[0] if isinstance(found, tuple) else found
            session = run.session
            budget = Budget(time="250ms") if not skipped else Budget(time="1h")
            ending = execute(scratch, run, plan, budget)
            assert run.state.worked_s < 60
            assert 0.3 <= run.state.phases["p"].worked_s < 60
            assert (ending.end is End.OVER_BUDGET) == (not skipped)
        skipped = 7200.0


def test_it_is_said_once_that_a_budget_can_t_be_watched_for_agents_that_tell_nothing(scratch: Scratch) -> None:
    told = Told()
    plan = plan_of(Agent(name="a", run="true"), Agent(name="b", run="true"), Agent(name="c", run=tells(0.1)))
    with new_session(scratch) as run:
        assert execute(scratch, run, plan, Budget(cost_usd=1.0), told=told).end is End.COMPLETED
        assert run.state.agents["a"].cost_usd is None
        assert run.state.session().metrics.cost_usd == 0.1
    assert told.warnings == [
        "a does not tell its cost: a budget of cost can't be watched for agents that tell none",
    ]


def test_what_an_interrupted_agent_told_is_spent(scratch: Scratch) -> None:
    workers, told = Workers(2), Told()
    run_line = tells(0.7, 9, then="touch told; exec sleep 30")
    with new_session(scratch) as run:

        class Interrupting(Told):
            def entries(self, lines: Sequence[Line], state: Fold) -> None:
                super().entries(lines, state)
                if any(line.entry.type == EventType.AGENT_START and line.entry.agent == "b" for line in lines):
                    workers.interrupt(Interrupt.POLITE)

        told = Interrupting()
        wait = Agent(name="w", run="until [ -e told ]; do sleep 0.01; done")
        plan = plan_of(
            Agent(name="a", run=run_line), wait, Agent(name="b", run="sleep 30", needs=("w",)), parallel=True
        )
        ending = execute(scratch, run, plan, told=told, workers=workers)
        assert ending.end is End.INTERRUPTED
        assert (run.state.agents["a"].cost_usd, run.state.spending.tokens) == (0.7, Tokens(input=9))
        assert run.state.agents["b"].cost_usd is None


def test_a_budget_that_is_taken_away_is_no_limit_any_more(scratch: Scratch) -> None:
    plan = plan_of(Agent(name="a", run=tells(1.0)), Agent(name="b", run=tells(1.0)))
    with new_session(scratch) as run:
        session = run.session
        execute(scratch, run, plan, Budget(cost_usd=0.5))
    with resume(scratch.repository, session, clock=lambda: time.time_ns() // 1000, bounds=BOUNDS) as (run, _):
        assert execute(scratch, run, plan).end is End.COMPLETED
        assert run.state.budget is None


@st.composite
def spenders(draw: st.DrawFn) -> tuple[Plan, Budget]:
    """Up to six agents that tell what they spend, fail for a while or tell nothing; budgets at every level."""
    budgets = st.builds(
        Budget, cost_usd=st.none() | st.sampled_from((0.5, 1.0, 2.0)), tokens=st.none() | st.sampled_from((5, 10, 20))
    )
    agents = [
        Agent(
            name=f"a{number}",
            run=tells(
                draw(st.none() | st.sampled_from((0.0, 0.25, 0.5, 1.0))),
                draw(st.none() | st.sampled_from((0, 3, 10))),
                then=draw(st.sampled_from(("exit 0", "exit 0", "exit 75"))),
            ),
            retry=AT_ONCE,
            budget=draw(st.none() | budgets),
        )
        for number in range(draw(st.integers(1, 6)))
    ]
    plan = plan_of(*agents, budget=draw(st.none() | budgets), parallel=draw(st.booleans()))
    return plan, draw(budgets)


def is_below(budget: Budget | None, spent: tuple[float | None, Tokens | None]) -> bool:
    cost_usd, tokens = spent
    dollars, most = (budget.cost_usd, budget.tokens) if budget else (None, None)
    return (dollars is None or (cost_usd or 0.0) < dollars) and (most is None or (tokens or Tokens()).total < most)


@examples(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spenders())
def test_no_attempt_ever_starts_when_what_is_known_to_be_spent_is_at_a_budget(
    scratch: Scratch, drawn: tuple[Plan, Budget]
) -> None:
    plan, budget = drawn
    told = Told()
    with new_session(scratch) as run:
        ending = execute(scratch, run, plan, budget, told=told, jobs=2)
        done = run.state.session().completed_agents
        state = Fold(run.session)
    for line in told.heard:
        if line.entry.type == EventType.AGENT_START and line.entry.agent is not None:
            agent, phase = state.agents[line.entry.agent], state.phases["p"]
            assert is_below(budget, (state.spending.cost_usd, state.spending.tokens))
            assert is_below(plan.phases[0].budget, (phase.cost_usd, phase.tokens))
            assert is_below(plan.agents[line.entry.agent].budget, (agent.cost_usd, agent.tokens))
        apply(state, line)
    assert (ending.end is End.COMPLETED) == (len(done) == len(plan.agents))
    assert (ending.end is End.FAILED) == bool(state.session().failed_agents)
