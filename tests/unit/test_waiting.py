"""Executions in which providers of models are full, with real processes: who waits, for how long, and who does not."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from executions import coordinated
from scratch import Scratch
from stores import BOUNDS
from trails import chained

from git_pliny.executor.coordinator import End, Ending
from git_pliny.executor.workers import Interrupt, Workers
from git_pliny.model.events import Entry, Event, EventType, Line, parse_time, render_time
from git_pliny.model.fold import Fold, fold
from git_pliny.model.plan import Agent, Phase, Plan
from git_pliny.model.session import AgentStatus
from git_pliny.model.settings import (
    Budget,
    Category,
    CheckpointWhen,
    ErrorHandling,
    ExecutionSettings,
    RetryStrategy,
    Settings,
)
from git_pliny.store.opening import Desired, create, resume
from git_pliny.store.run import Run

AT_ONCE = {Category.AI: RetryStrategy(initial_delay=1)}


@dataclass
class Told:
    """A reporter that keeps what it is told, and may do something at each entry."""

    then: Callable[[Entry], None] = lambda _: None
    heard: list[Entry] = field(default_factory=list)

    def entries(self, lines: Sequence[Line], state: Fold) -> None:
        for line in lines:
            self.heard.append(line.entry)
            self.then(line.entry)

    def warn(self, text: str) -> None:
        """Of no interest."""

    def at(self, kind: EventType, agent: str | None = None) -> list[float]:
        """When such entries were written, in seconds."""
        return [parse_time(each.ts) / 1e6 for each in self.heard if each.type == kind and agent in (None, each.agent)]

    def of_type(self, kind: EventType) -> list[Entry]:
        return [entry for entry in self.heard if entry.type == kind]


def clock() -> int:
    return time.time_ns() // 1000


@contextmanager
def session_of(scratch: Scratch) -> Iterator[Run]:
    with create(scratch.repository, Desired(name="n"), clock=clock, bounds=BOUNDS) as run:
        yield run


def limited(words: str, then: str = "exit 0") -> str:
    """A line for the shell whose first attempt meets a rate limit."""
    return f"[ $PLINY_ATTEMPT -gt 1 ] || {{ echo 'error: rate limit exceeded, {words}' >&2; exit 1; }}; {then}"


def asks(name: str, run: str = "true", *, provider: str = "one", **given: object) -> Agent:
    return Agent(name=name, run=run, provider=provider, retry_strategies=AT_ONCE, **given)  # type: ignore[arg-type]  # a test's shorthand


def execute(
    scratch: Scratch,
    run: Run,
    *agents: Agent,
    told: Told | None = None,
    jobs: int = 1,
    max_wait: str = "1h",
    budget: Budget | None = None,
    fail_fast: bool = False,
    workers: Workers | None = None,
) -> Ending:
    phase = Phase(name="p", agents=tuple(agent.name for agent in agents), parallel=True, fail_fast=fail_fast)
    plan = Plan(name="plan", phases=(phase,), agents={agent.name: agent for agent in agents})
    settings = Settings(
        execution=ExecutionSettings(
            jobs=jobs, checkpoint=CheckpointWhen.MANUAL, grace="5s", timeout="30s", budget=budget or Budget()
        ),
        error_handling=ErrorHandling(max_wait=max_wait),
    )
    return coordinated(scratch, run, plan, settings, reporter=told or Told(), workers=workers or Workers(jobs))


def test_others_of_the_provider_wait_as_long_as_it_asks_and_nobody_else_does(scratch: Scratch) -> None:
    told = Told()
    agents = [asks("a", limited("try again in 1s")), asks("b"), asks("c"), asks("x", provider="two"), asks("y")]
    with session_of(scratch) as run:
        ending = execute(scratch, run, *agents[:4], Agent(name="z", run="true"), told=told)
        attempts = {name: agent.attempts for name, agent in run.state.agents.items()}
    assert ending.end is End.COMPLETED
    assert attempts == {"a": 2, "b": 1, "c": 1, "x": 1, "z": 1}
    [hold] = told.of_type(EventType.HOLD)
    assert (hold.agent, hold.attempt, hold.data["provider"], hold.data["delay_s"]) == ("a", 1, "one", 1.0)
    over = parse_time(hold.data["until"]) / 1e6
    assert over - parse_time(hold.ts) / 1e6 <= 1.0
    starts = {name: told.at(EventType.AGENT_START, name)[-1] for name in "abcxz"}
    assert all(starts[name] >= over for name in "abc")
    assert all(starts[name] < over for name in "xz")


def test_attempts_that_run_as_the_limit_is_met_come_to_their_own_end(scratch: Scratch) -> None:
    told = Told()
    slow = asks("slow", "touch began; until [ -e met ]; do sleep 0.01; done; sleep 0.1")
    met = asks("met", f"until [ -e began ]; do sleep 0.01; done; touch met; {limited('retry after 1 s')}")
    with session_of(scratch) as run:
        assert execute(scratch, run, slow, met, told=told, jobs=2).end is End.COMPLETED
        assert run.state.agents["slow"].attempts == 1
    [hold] = told.of_type(EventType.HOLD)
    assert told.at(EventType.AGENT_END, "slow")[0] < parse_time(hold.data["until"]) / 1e6


def test_without_a_time_of_the_server_s_the_others_wait_as_long_as_the_retry(scratch: Scratch) -> None:
    told = Told()
    retry = {Category.AI: RetryStrategy(initial_delay=300)}
    first = Agent(name="a", run=limited("too many requests"), provider="one", retry_strategies=retry)
    with session_of(scratch) as run:
        assert execute(scratch, run, first, asks("b"), told=told).end is End.COMPLETED
    assert told.at(EventType.AGENT_START, "b")[0] >= told.at(EventType.HOLD)[0] + 0.3


def test_an_agent_that_has_no_retry_left_holds_the_others_back_all_the_same(scratch: Scratch) -> None:
    told = Told()
    first = Agent(name="a", run=limited("try again in 1s"), provider="one", max_retries=0)
    with session_of(scratch) as run:
        assert execute(scratch, run, first, asks("b"), told=told).end is End.FAILED
        assert run.state.agents["b"].status is AgentStatus.COMPLETED
    assert told.at(EventType.AGENT_START, "b")[0] >= told.at(EventType.HOLD)[0] + 0.95


def test_a_used_up_quota_holds_nobody_back(scratch: Scratch) -> None:
    told = Told()
    first = asks("a", "echo 'Error code: 429 - insufficient_quota: You exceeded your current quota' >&2; exit 1")
    with session_of(scratch) as run:
        assert execute(scratch, run, first, asks("b"), told=told).end is End.FAILED
        assert run.state.agents["a"].attempts == 1
        assert run.state.agents["b"].status is AgentStatus.COMPLETED
    assert not told.of_type(EventType.HOLD)


def test_a_server_that_asks_for_longer_than_the_limit_fails_the_agent_and_is_asked_no_more(scratch: Scratch) -> None:
    begun = time.monotonic()
    refused = asks("b", "touch asked")
    with session_of(scratch) as run:
        ending = execute(scratch, run, asks("a", limited("try again in 2h")), refused, asks("x", provider="two"))
        agents = run.state.session().agents
    assert ending.end is End.FAILED
    assert time.monotonic() - begun < 20
    assert {name: agent.status.value for name, agent in agents.items()} == {
        "a": "failed",
        "b": "failed",
        "x": "completed",
    }
    assert agents["a"].error is not None
    assert agents["a"].error.message.endswith("; to be asked again in 2h, which is over error_handling.max_wait")
    assert agents["b"].error is not None
    assert agents["b"].error.message.startswith("rate limit of one: not asked again")
    assert not (scratch.root / "asked").exists()


def test_an_interrupt_ends_the_wait(scratch: Scratch) -> None:
    workers, begun = Workers(1), time.monotonic()

    def interrupt(entry: Entry) -> None:
        if entry.type == EventType.RETRY:
            workers.interrupt(Interrupt.POLITE)

    with session_of(scratch) as run:
        agents = (asks("a", limited("try again in 50m")), asks("b"))
        ending = execute(scratch, run, *agents, told=Told(interrupt), workers=workers)
        assert run.state.agents["b"].attempts == 0
    assert ending.end is End.INTERRUPTED
    assert time.monotonic() - begun < 20


def test_a_failure_ends_the_wait_where_the_phase_is_to_fail_fast(scratch: Scratch) -> None:
    begun = time.monotonic()
    bad = Agent(name="bad", run="until [ -e met ]; do sleep 0.01; done; sleep 0.2; exit 1")
    first = asks("a", f"touch met; {limited('try again in 50m')}")
    with session_of(scratch) as run:
        assert execute(scratch, run, first, bad, asks("b"), jobs=2, fail_fast=True).end is End.FAILED
        assert run.state.agents["b"].attempts == 0
    assert time.monotonic() - begun < 20


def test_a_wait_that_goes_beyond_a_budget_of_time_is_not_waited(scratch: Scratch) -> None:
    begun = time.monotonic()
    first = Agent(name="a", run=limited("try again in 50m"), provider="one", max_retries=0)
    with session_of(scratch) as run:
        ending = execute(scratch, run, first, asks("b"), budget=Budget(time="10m"))
        assert run.state.agents["b"].attempts == 0
    assert ending.end is End.FAILED
    assert time.monotonic() - begun < 20


def test_going_on_waits_for_what_is_left_of_a_hold_and_says_so(scratch: Scratch) -> None:
    told = Told()
    with session_of(scratch) as run:
        session = run.session
        assert execute(scratch, run, asks("a", "exit 1")).end is End.FAILED
    with resume(scratch.repository, session, clock=clock, bounds=BOUNDS) as (run, _):
        until = clock() + 700_000
        run.state.holds |= {"one": render_time(until), "two": "9999-99-99T00:00:00.000000Z"}
        run.state.holds |= {"three": render_time(clock() + 7_200_000_000), "four": render_time(clock() - 1)}
        assert execute(scratch, run, asks("a", "true"), told=told).end is End.COMPLETED
    [hold] = told.of_type(EventType.HOLD)
    assert (hold.agent, hold.data["provider"], hold.data["until"]) == (None, "one", render_time(until))
    assert told.at(EventType.AGENT_START, "a")[0] >= until / 1e6


def test_the_latest_hold_of_a_provider_stands_in_the_fold_and_what_is_no_hold_does_not() -> None:
    times = [render_time(second * 1_000_000) for second in range(4)]
    events = [
        Event(type=EventType.HOLD, data={"provider": "one", "until": times[3], "delay_s": 2.0}),
        Event(type=EventType.HOLD, data={"provider": "one", "until": times[1]}),
        Event(type=EventType.HOLD, data={"provider": "two", "until": times[2]}),
        Event(type=EventType.HOLD, data={"provider": "three", "until": "tomorrow"}),
    ]
    assert fold("s", chained(events)).holds == {"one": times[3], "two": times[2]}


def test_many_agents_of_a_provider_do_not_come_back_at_one_moment(scratch: Scratch) -> None:
    told = Told()
    with session_of(scratch) as run:
        agents = [asks(f"a{number}", limited("try again in 1s", then="sleep 0.3")) for number in range(3)]
        assert execute(scratch, run, *agents, told=told, jobs=3).end is End.COMPLETED
    again = sorted(told.at(EventType.AGENT_START)[3:])
    assert again[1] - again[0] >= 0.3
