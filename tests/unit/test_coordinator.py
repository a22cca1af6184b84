"""The coordinator on real repositories with real processes: what it does where a kill or an interrupt came between."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from executions import coordinated
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scratch import Scratch
from stores import new_session, resumed

from git_pliny.executor import jobs
from git_pliny.executor.coordinator import End, Ending
from git_pliny.executor.job import Finished
from git_pliny.executor.options import Options
from git_pliny.executor.workers import Interrupt, Workers
from git_pliny.model import graph
from git_pliny.model.events import Entry, EventType, Line
from git_pliny.model.fold import Fold
from git_pliny.model.plan import Agent, Phase, Plan
from git_pliny.model.session import AgentStatus, SessionStatus
from git_pliny.model.settings import CheckpointWhen, ExecutionSettings, Settings
from git_pliny.runners.base import Attempt, Running
from git_pliny.runners.command import CommandRunner
from git_pliny.store.run import Run


class KilledError(BaseException):
    """Stands for a kill: nothing that would run afterwards does."""


@dataclass
class Told:
    """A reporter that keeps the entries, and does something at the one that `at` finds."""

    at: Callable[[Entry], bool] = lambda _: False
    then: Callable[[], None] = lambda: None
    heard: list[Entry] = field(default_factory=list)

    def entries(self, lines: Sequence[Line], state: Fold) -> None:
        for line in lines:
            self.heard.append(line.entry)
            if self.at(line.entry):
                self.then()

    def warn(self, text: str) -> None:
        raise AssertionError(text)


def kill() -> None:
    raise KilledError


def ends(agent: str) -> Callable[[Entry], bool]:
    return lambda entry: entry.type == EventType.AGENT_END and entry.agent == agent


def plan_of(*phases: dict[str, str], needs: dict[str, tuple[str, ...]] | None = None, parallel: bool = False) -> Plan:
    """Phases `p1`, `p2`… of agents, each with its line for the shell."""
    agents = {
        name: Agent(name=name, run=run, needs=(needs or {}).get(name, ()))
        for phase in phases
        for name, run in phase.items()
    }
    listed = [Phase(name=f"p{n}", agents=tuple(phase), parallel=parallel) for n, phase in enumerate(phases, 1)]
    return Plan(name="plan", phases=tuple(listed), agents=agents)


def execute(
    scratch: Scratch,
    run: Run,
    plan: Plan,
    *,
    told: Told | None = None,
    workers: Workers | None = None,
    when: CheckpointWhen = CheckpointWhen.PHASE,
    options: Options | None = None,
) -> Ending:
    """One execution, as the command line would have it."""
    settings = Settings(execution=ExecutionSettings(checkpoint=when, grace="5s", timeout="30s"))
    reporter, workers = told or Told(), workers or Workers(4)
    return coordinated(scratch, run, plan, settings, reporter=reporter, workers=workers, options=options)


def cut_off(scratch: Scratch, plan: Plan, at: Callable[[Entry], bool], when: CheckpointWhen) -> str:
    """A session whose execution was killed as soon as the entry that `at` finds was told."""
    with new_session(scratch) as run:
        session = run.session
        with pytest.raises(KilledError):
            execute(scratch, run, plan, told=Told(at, kill), when=when)
    return session


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (CheckpointWhen.PHASE, ["start", "p1", "p2"]),
        (CheckpointWhen.AGENT, ["start", "a", "b", "c"]),
        (CheckpointWhen.MANUAL, ["start"]),
    ],
)
@pytest.mark.parametrize("agent", ["a", "b"])
def test_a_checkpoint_that_a_kill_prevented_is_taken_by_the_next_run_and_nothing_runs_again(
    scratch: Scratch, when: CheckpointWhen, expected: list[str], agent: str
) -> None:
    plan = plan_of({"a": "echo a >> log", "b": "echo b >> log"}, {"c": "echo c >> log"})
    session = cut_off(scratch, plan, ends(agent), when)
    with resumed(scratch, session) as (run, _):
        assert execute(scratch, run, plan, when=when).end is End.COMPLETED
        assert [name for name in run.state.checkpoints if name != "interrupted"] == expected
    assert (scratch.root / "log").read_text() == "a\nb\nc\n"


def test_an_execution_that_fails_itself_leaves_no_agent_running(scratch: Scratch) -> None:
    plan = plan_of(
        {"long": "trap 'touch asked; exit 1' TERM; touch on; sleep 60 & wait", "quick": "until [ -e on ]; do :; done"},
        parallel=True,
    )
    begun = time.monotonic()
    cut_off(scratch, plan, ends("quick"), CheckpointWhen.PHASE)
    assert (scratch.root / "asked").exists()
    assert time.monotonic() - begun < 30


def test_an_error_amid_many_ends_waits_for_no_end_that_was_told_already(scratch: Scratch) -> None:
    """Reports come in batches: what follows the one that led to the error is not told again."""
    agents = {f"a{number}": "until [ -e go ]; do sleep 0.01; done" for number in range(3)} | {"last": "touch go"}
    told = Told(lambda entry: entry.type == EventType.AGENT_END and entry.agent != "last", kill)
    workers = Workers(4)
    waits = workers.next

    def patiently(timeout_s: float | None) -> list[Finished | Interrupt]:
        time.sleep(0.5)
        return waits(timeout_s)

    workers.next = patiently  # type: ignore[method-assign]  # so that all ends are told at once
    plan = plan_of(agents, parallel=True)
    with new_session(scratch) as run, pytest.raises(KilledError):
        execute(scratch, run, plan, told=told, workers=workers, when=CheckpointWhen.AGENT)


class Broken:
    """A runner with a bug that meets one agent of several."""

    def __init__(self) -> None:
        self._sound = CommandRunner()

    def start(self, attempt: Attempt) -> Running:
        if attempt.agent.name == "bad":
            raise ZeroDivisionError
        return self._sound.start(attempt)


def test_a_bug_in_a_runner_ends_the_execution_and_all_agents(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = Broken()
    monkeypatch.setattr(jobs, "runner_for", lambda _: runner)
    begun = time.monotonic()
    with new_session(scratch) as run, pytest.raises(ZeroDivisionError):
        execute(scratch, run, plan_of({"long": "exec sleep 60", "bad": "true"}, parallel=True))
    assert time.monotonic() - begun < 30


def test_an_interrupt_before_a_phase_lets_none_of_it_start(scratch: Scratch) -> None:
    workers = Workers(2)
    told = Told(ends("a"), lambda: workers.interrupt(Interrupt.POLITE))
    plan = plan_of({"a": "true"}, {"b": "touch b.txt"})
    with new_session(scratch) as run:
        ending = execute(scratch, run, plan, told=told, workers=workers)
        assert (ending.end, run.state.status) == (End.INTERRUPTED, SessionStatus.PAUSED)
        assert told.heard[-1].data["reason"] == "interrupted: the agents were asked to end"
        assert list(run.state.checkpoints)[-1] == "interrupted"
        assert run.state.agents["b"].attempts == 0
    assert not (scratch.root / "b.txt").exists()


def test_an_interrupt_to_end_at_once_takes_no_time_for_a_checkpoint(scratch: Scratch) -> None:
    workers = Workers(2)
    told = Told(lambda entry: entry.type == EventType.AGENT_START, lambda: workers.interrupt(Interrupt.AT_ONCE))
    with new_session(scratch) as run:
        ending = execute(scratch, run, plan_of({"a": "trap '' TERM; sleep 60"}), told=told, workers=workers)
        assert ending == Ending(end=End.INTERRUPTED, reason="interrupted: the agents were ended at once")
        assert list(run.state.checkpoints) == ["start"]
        assert run.state.agents["a"].status is AgentStatus.PENDING


def test_an_agent_that_a_kill_cut_off_runs_again_on_the_workspace_that_is_kept_first(scratch: Scratch) -> None:
    plan = plan_of({"a": "true", "b": "echo half >> half.txt"})
    session = cut_off(
        scratch, plan, lambda entry: entry.type == EventType.AGENT_START and entry.agent == "b", CheckpointWhen.PHASE
    )
    scratch.write("half.txt", "found\n")
    with resumed(scratch, session) as (run, _):
        told = Told()
        execute(scratch, run, plan, told=told)
        resume = next(entry for entry in told.heard if entry.type == EventType.SESSION_RESUME)
        assert resume.data["interrupted"] == ["b"]
        assert [name for name in run.state.checkpoints if name.startswith("interrupted")] == ["interrupted"]
        kept = run.state.checkpoints["interrupted"].commit
        assert (run.state.agents["a"].attempts, run.state.agents["b"].attempts) == (1, 2)
    assert scratch.git("show", f"{kept}:half.txt") == "found"
    assert (scratch.root / "half.txt").read_text() == "found\nhalf\n"


@st.composite
def plans(draw: st.DrawFn) -> tuple[Plan, set[str]]:
    """Up to eight agents in up to three phases, with needs, and which of them fail."""
    names = [f"a{number}" for number in range(draw(st.integers(1, 8)))]
    phase_of = sorted(draw(st.integers(0, 2)) for _ in names)
    needs = {
        name: tuple(draw(st.sets(st.sampled_from(names[:place]), max_size=2))) if place else ()
        for place, name in enumerate(names)
    }
    bad = draw(st.sets(st.sampled_from(names), max_size=2))
    phases = [
        {name: f"exit {int(name in bad)}" for name, phase in zip(names, phase_of, strict=True) if phase == number}
        for number in sorted(set(phase_of))
    ]
    return plan_of(*phases, needs=needs, parallel=draw(st.booleans())), bad


@examples(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans())
def test_what_the_trail_tells_agrees_with_the_plan(scratch: Scratch, drawn: tuple[Plan, set[str]]) -> None:
    plan, bad = drawn
    told = Told()
    with new_session(scratch) as run:
        ending = execute(scratch, run, plan, told=told, when=CheckpointWhen.MANUAL)
        agents = run.state.agents
    done: set[str] = set()
    for entry in told.heard:
        if entry.type == EventType.AGENT_START and entry.agent is not None:
            assert set(plan.agents[entry.agent].needs) <= done
        elif entry.type == EventType.AGENT_END and entry.agent is not None and entry.data["status"] == "completed":
            done.add(entry.agent)
    failed = {name for name, agent in agents.items() if agent.status is AgentStatus.FAILED}
    blocked = {name for name, agent in agents.items() if agent.status is AgentStatus.BLOCKED}
    needs = {name: agent.needs for name, agent in plan.agents.items()}
    assert done | failed | blocked <= set(agents)
    assert failed <= bad
    assert blocked == graph.dependents(needs, failed)
    assert (ending.end is End.COMPLETED) == (done == set(agents)) == (not failed)
