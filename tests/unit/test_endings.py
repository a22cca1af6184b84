"""The end of an execution: what ran, what failed and why, and the command that goes on."""

import random
from pathlib import Path
from typing import Any

import pytest
from trails import SESSION, chained

from git_pliny.cli.endings import finish, show_plan
from git_pliny.cli.invocation import Invocation
from git_pliny.errors import AgentFailedError, InterruptedRunError, PlinyError
from git_pliny.executor.coordinator import End, Ending
from git_pliny.executor.options import Options, Order
from git_pliny.masking import Masker
from git_pliny.model.events import Event, EventType
from git_pliny.model.fold import Fold, fold
from git_pliny.model.plan import Agent, ManifestLink, Phase, Plan, Rounds
from git_pliny.model.settings import MaskingSettings, Settings

FAILURE = {
    "category": "tool",
    "recoverable": False,
    "reason": "exit status 1: command failed",
    "message": "no such file",
}


def make_plan(*phases: tuple[str, tuple[str, ...]], **more: Any) -> Plan:
    agents = {name: Agent(name=name, run=f"echo {name}") for _, names in phases for name in names}
    return Plan(name="p", phases=tuple(Phase(name=name, agents=names) for name, names in phases), agents=agents, **more)


PLAN = make_plan(("research", ("web", "code")), ("fix", ("mend",)))


def order(plan: Plan, **options: Any) -> Order:
    return Order(
        plan=plan,
        plan_file=None,
        settings=Settings(),
        options=Options(**options),
        root=Path(),
        environ={},
        masking=Masker({"API_TOKEN": "s3cr3t-value-0123456789"}, MaskingSettings()),
        monotonic=lambda: 0.0,
        rng=random.Random(1),
    )


def here(**environ: str) -> Invocation:
    return Invocation(cwd=Path(), environ=environ, now=0.0)


def after(plan: Plan, ends: dict[str, str], *events: Event) -> Fold:
    """The state after these agents ended so."""
    told = [
        Event(type=EventType.SESSION_START, data={"name": "n"}),
        Event(
            type=EventType.PLAN_CHANGE,
            data={"plan": "0" * 40, "agents": {agent.name: phase.name for phase, agent in plan.in_order()}},
        ),
    ]
    for name, status in ends.items():
        phase = plan.phase_of(name).name
        told.append(Event(type=EventType.AGENT_START, agent=name, phase=phase, attempt=1))
        data = {"status": status, "duration_s": 1.5, "error": FAILURE if status == "failed" else None}
        told.append(Event(type=EventType.AGENT_END, agent=name, phase=phase, attempt=1, data=data))
    return fold(SESSION, chained([*told, *events], step=1_000_000))


def end(plan: Plan, state: Fold, how: End, reason: str = "", **environ: str) -> PlinyError | None:
    try:
        finish(here(**environ), order(plan), Ending(end=how, reason=reason), state, as_json=False)
    except PlinyError as error:
        return error
    return None


def test_what_completed_is_shown_with_its_times_and_how_to_see_the_changes(capsys: pytest.CaptureFixture[str]) -> None:
    state = after(PLAN, {"web": "completed", "code": "completed", "mend": "completed"})
    assert end(PLAN, state, End.COMPLETED) is None
    out, err = capsys.readouterr()
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["PHASE", "AGENT", "STATUS", "ATTEMPTS", "TIME", "COST"],
        ["research", "web", "completed", "1", "1.5s", "-"],
        ["research", "code", "completed", "1", "1.5s", "-"],
        ["fix", "mend", "completed", "1", "1.5s", "-"],
    ]
    assert err == "completed: 3 agents in 7s\nhint: see what changed: git pliny checkpoint diff start\n"


def test_skipped_agents_and_rounds_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    plan = make_plan(("research", ("web",)), ("fix", ("mend",)), rounds=Rounds(verdict="fix"))
    skipped = Event(type=EventType.AGENT_SKIP, agent="web", phase="research", data={"reason": "r"})
    end(plan, after(plan, {"mend": "completed"}, skipped), End.COMPLETED)
    assert capsys.readouterr().err.startswith("completed: 1 agent, 1 skipped, 1 round in 4s\n")


def test_a_failure_is_told_with_its_reason_its_output_and_the_way_on(capsys: pytest.CaptureFixture[str]) -> None:
    error = end(PLAN, after(PLAN, {"web": "completed", "code": "failed"}), End.FAILED)
    assert isinstance(error, AgentFailedError)
    assert error.message == "the session failed: code"
    assert error.hint == "mend it, then: git pliny execute --resume"
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "code failed: tool: no such file",
        "    exit status 1: command failed",
        f"    git show refs/pliny/artifacts/{SESSION}:outputs/code/1-aaaaaaaa.log",
    ]


def test_an_interrupt_says_that_nothing_is_lost_and_how_to_go_on() -> None:
    error = end(PLAN, after(PLAN, {}), End.INTERRUPTED)
    assert isinstance(error, InterruptedRunError)
    assert error.hint == "git pliny execute --resume"


def test_inside_an_agent_the_way_on_names_the_session() -> None:
    error = end(PLAN, after(PLAN, {}), End.INTERRUPTED, PLINY_SESSION="another")
    assert error is not None
    assert error.hint == f"git pliny execute --session {SESSION[:8]}"


def test_of_very_many_agents_the_phases_are_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    names = tuple(f"a{place}" for place in range(100))
    plan = make_plan(("one", names), ("two", ("last",)))
    ends = dict.fromkeys(names[:80], "completed") | dict.fromkeys(names[80:], "failed")
    error = end(plan, after(plan, ends), End.FAILED)
    out = capsys.readouterr().out
    assert error is not None
    assert error.message == "the session failed: a80, a81, a82, a83, a84 and 15 more"
    rows = [line.split() for line in out.splitlines()[1:4]]
    assert rows[0] == ["PHASE", "AGENTS", "TIME", "COST"]
    assert rows[1] == ["one", "80", "completed,", "20", "failed", "2m30s", "-"]
    assert rows[2] == ["two", "1", "pending", "0s", "-"]
    assert out.count(" failed: tool: no such file") == 10
    assert out.endswith(f"\n10 more failures: git pliny session show {SESSION[:8]}\n")


def test_a_part_of_a_plan_says_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    end(PLAN, after(PLAN, {"web": "completed"}), End.PAUSED, "only a part of the plan was asked for")
    assert capsys.readouterr().err == (
        "paused: only a part of the plan was asked for\n"
        "left to do: 2 agents of research, fix\n"
        "hint: go on: git pliny execute --resume\n"
    )


def test_a_manifest_that_is_paused_can_go_on_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    plan = make_plan(("I1", ("I1.T1",)), ("I2", ("I2.T1",)), manifest=ManifestLink(path="plan/plan_manifest.json"))
    end(plan, after(plan, {"I1.T1": "completed"}), End.PAUSED, "the limit of iterations is reached: 1")
    assert capsys.readouterr().err.splitlines()[1:] == [
        "left to do: 1 agent of I2",
        "hint: go on: git pliny execute --resume",
        "hint: to the end: git pliny execute --resume --continuous",
    ]


def test_a_plan_that_asks_for_another_round_is_given_one_more(capsys: pytest.CaptureFixture[str]) -> None:
    plan = make_plan(("context", ("look",)), ("evaluate", ("judge",)), rounds=Rounds(verdict="evaluate"))
    third = Event(type=EventType.ROUND_BEGIN, data={"round": 3})
    again = [
        Event(type=EventType.AGENT_END, agent=name, phase="x", attempt=2, data={"status": "completed"})
        for name in plan.agents
    ]
    end(plan, after(plan, {}, third, *again), End.PAUSED, "the limit of rounds is reached")
    assert capsys.readouterr().err.splitlines()[1:] == [
        "hint: one more round: git pliny execute --resume --iterations 4"
    ]


@pytest.mark.parametrize("how", [End.PAUSED, End.COMPLETED])
def test_where_all_that_was_asked_for_was_done_before_it_is_said_how_to_run_it_again(
    capsys: pytest.CaptureFixture[str], how: End
) -> None:
    state = after(PLAN, {"web": "completed", "code": "completed"})
    chosen = order(PLAN, only=frozenset({"web", "code", "mend"}))
    finish(Invocation(cwd=Path(), environ={}, now=1000.0), chosen, Ending(end=how), state, as_json=True)
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "not run, since done before: web, code",
        "hint: to run again: git pliny execute --only web --rerun web --only code --rerun code",
    ]


@pytest.mark.parametrize("now", [0.0, 4.5])
def test_where_something_ran_of_what_was_asked_for_nothing_more_is_said(
    capsys: pytest.CaptureFixture[str], now: float
) -> None:
    """The first agent starts at 3 s, the second at 5 s."""
    state = after(PLAN, {"web": "completed", "code": "completed"})
    assert state.agents["code"].started_at == "1970-01-01T00:00:05.000000Z"
    chosen = order(PLAN, only=frozenset({"web", "code"}))
    finish(Invocation(cwd=Path(), environ={}, now=now), chosen, Ending(end=End.PAUSED), state, as_json=True)
    assert "not run" not in capsys.readouterr().err


def test_with_json_only_the_last_words_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    state = after(PLAN, {"web": "completed"})
    finish(here(), order(PLAN), Ending(end=End.COMPLETED), state, as_json=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("completed: ")


def planned(capsys: pytest.CaptureFixture[str], plan: Plan, state: Fold | None = None, **options: Any) -> list[str]:
    """The third column, `would`, of the plan as it is shown."""
    show_plan(order(plan, **options), state, as_json=False)
    return [line.split()[2] for line in capsys.readouterr().out.splitlines()[3:]]


def test_a_plan_shows_what_would_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert planned(capsys, PLAN) == ["run", "run", "run"]
    assert planned(capsys, PLAN, after(PLAN, {"web": "completed", "code": "failed"})) == ["skip", "run", "run"]
    assert planned(capsys, PLAN, only=frozenset({"code"})) == ["leave", "run", "leave"]
    done = after(PLAN, dict.fromkeys(PLAN.agents, "completed"))
    assert planned(capsys, PLAN, done, rerun=("code",)) == ["skip", "run", "skip"]


def test_a_plan_skips_what_the_manifest_calls_completed(capsys: pytest.CaptureFixture[str]) -> None:
    link = ManifestLink(path="m.json", completed=("I1.T1",))
    assert planned(capsys, make_plan(("I1", ("I1.T1", "I1.T2")), manifest=link)) == ["skip", "run"]


def test_a_plan_is_shown_without_secrets_and_in_short(capsys: pytest.CaptureFixture[str]) -> None:
    agents = {
        "a": Agent(name="a", run=("curl", "-H", "s3cr3t-value-0123456789", "x" * 200)),
        "b": Agent(name="b", run="a\nb"),
    }
    plan = Plan(name="p", phases=(Phase(name="one", agents=("a", "b")),), agents=agents)
    show_plan(order(plan), None, as_json=True)
    out = capsys.readouterr().out
    assert "s3cr3t-value-0123456789" not in out
    assert "x" * 61 not in out
    assert '"run": "a b"' in out
