"""Where an execution stands, as the displays show it: always what the fold says, and what the entries said beyond that."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trails import chained

from git_pliny.cli.board import Board, Row, Standing, Tally, View
from git_pliny.model.events import Event, EventType
from git_pliny.model.fold import Fold, apply
from git_pliny.model.plan import Agent, Phase, Plan, Rounds
from git_pliny.model.session import AgentStatus

NAMES = ("a", "b", "c", "d")
PLAN = Plan(
    name="p",
    phases=(Phase(name="one", agents=("a", "b", "c")), Phase(name="two", agents=("d",), title="The second")),
    agents={
        "a": Agent(name="a", run=":"),
        "b": Agent(name="b", run=":", needs=("a",), title="Count"),
        "c": Agent(name="c", run=":", title="Sum up"),
        "d": Agent(name="d", run=":", needs=("a",)),
    },
)
OID = "0" * 40
FAILURE: dict[str, Any] = {"category": "tool", "recoverable": False, "reason": "r", "message": "no such\n file"}


def event(kind: EventType, agent: str | None = None, *, phase: str | None = None, **data: Any) -> Event:
    attempt = data.pop("attempt", 1) if agent else None
    place = phase or (PLAN.phase_of(agent).name if agent else None)
    return Event(type=kind, phase=place, agent=agent, attempt=attempt, data=data)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Shown:
    """A board with its fold and a clock that stands still."""

    def __init__(self, plan: Plan = PLAN) -> None:
        self.clock = Clock()
        self.board = Board(plan, self.clock)
        self.state = Fold("s")
        self.told: list[Event] = []
        self.after(
            0, event(EventType.PLAN_CHANGE, plan=OID, agents={name: plan.phase_of(name).name for name in plan.agents})
        )

    def after(self, seconds: float, *events: Event) -> None:
        self.clock.now += seconds
        before = len(self.told)
        self.told += events
        lines = chained(self.told)[before:]
        for line in lines:
            apply(self.state, line)
        for line in lines:
            self.board.take(line.entry, self.state)

    def view(self, room: int = 20) -> View:
        return self.board.view(room)

    def row(self, name: str) -> Row:
        return next(row for row in self.view().rows if row.name == name)


_NAME = st.sampled_from(NAMES)
_EVENTS = st.one_of(
    st.builds(lambda name: event(EventType.AGENT_START, name), _NAME),
    st.builds(
        lambda name, status: event(EventType.AGENT_END, name, status=status),
        _NAME,
        st.sampled_from(("completed", "failed")),
    ),
    st.builds(lambda name: event(EventType.AGENT_BLOCK, name, by="x"), _NAME),
    st.builds(lambda name: event(EventType.AGENT_SKIP, name, reason="x"), _NAME),
    st.builds(lambda name: event(EventType.ERROR, name, **FAILURE), _NAME),
    st.builds(lambda names: event(EventType.AGENT_RERUN, agents=names), st.lists(_NAME, max_size=3)),
    st.builds(lambda: event(EventType.ROUND_BEGIN, round=2)),
    st.builds(lambda: event(EventType.SESSION_RESUME)),
    st.builds(lambda status: event(EventType.SESSION_END, status=status), st.sampled_from(("paused", "failed"))),
    st.builds(
        lambda names: event(EventType.PLAN_CHANGE, plan=OID, agents=dict.fromkeys(NAMES, "one"), reset=names),
        st.lists(_NAME, max_size=3),
    ),
    st.builds(lambda: event(EventType.PROMPT, "a", text="x")),
)
_MEANS = {AgentStatus.PENDING: Standing.WAITING, AgentStatus.ROLLED_BACK: Standing.WAITING}


@given(st.lists(_EVENTS, max_size=25))
@settings(deadline=None, max_examples=60)
def test_a_tally_says_of_every_agent_what_the_fold_says(events: list[Event]) -> None:
    tally, state = Tally(NAMES), Fold("s")
    for line in chained(events):
        apply(state, line)
        tally.take(line.entry, state)
        for name in NAMES:
            status = state.agents[name].status if name in state.agents else AgentStatus.PENDING
            standing = tally.of(name)
            assert standing == _MEANS.get(status, status)
            assert name in tally.group(standing)
    assert sum(tally.counts().values()) == tally.total == len(NAMES)
    assert tally.done == sum(agent.status.done for agent in state.agents.values())


@pytest.mark.parametrize(("names", "percent"), [((), 100), (("a", "b", "c"), 33)])
def test_the_percentage_is_rounded_down(names: tuple[str, ...], percent: int) -> None:
    tally = Tally(names)
    tally.take(chained([event(EventType.AGENT_END, "a", status="completed")])[0].entry, Fold("s"))
    assert tally.percent == percent


def test_agents_that_the_plan_does_not_have_are_not_counted() -> None:
    tally = Tally(["a"])
    tally.take(chained([event(EventType.AGENT_START, "b")])[0].entry, Fold("s"))
    assert tally.counts() == {Standing.WAITING: 1}


def test_at_first_all_agents_of_the_first_phase_wait() -> None:
    view = Shown().view()
    assert (view.phase, view.place, view.percent, view.checkpoint, view.round) == ("one", (1, 2), 0, "", None)
    assert [(row.name, row.standing, row.detail) for row in view.rows] == [
        ("a", Standing.WAITING, ""),
        ("b", Standing.WAITING, "needs a"),
        ("c", Standing.WAITING, "Sum up"),
    ]


def test_a_plan_without_phases_has_nothing_to_show() -> None:
    view = Shown(Plan(name="empty", phases=(), agents={})).view()
    assert (view.place, view.rows, view.percent) == ((0, 0), (), 100)


def test_a_running_agent_shows_how_long_it_has_worked_and_its_title() -> None:
    shown = Shown()
    shown.after(1, event(EventType.AGENT_START, "c"))
    shown.clock.now += 12
    assert shown.row("c") == Row(name="c", standing=Standing.RUNNING, seconds=12, detail="Sum up")


def test_a_retrying_agent_shows_how_long_it_waits_for_which_attempt_and_why() -> None:
    shown = Shown()
    shown.after(0, event(EventType.AGENT_START, "a"))
    shown.after(3, event(EventType.ERROR, "a", **FAILURE), event(EventType.RETRY, "a", delay_s=5.0))
    shown.clock.now += 2
    waiting = Row(name="a", standing=Standing.RETRYING, attempt=2, seconds=3, detail="tool: no such file")
    assert shown.row("a") == waiting
    assert shown.view().counts == {Standing.RETRYING: 1, Standing.WAITING: 3}
    shown.clock.now += 20
    assert shown.row("a").seconds == 0
    shown.after(0, event(EventType.AGENT_START, "a", attempt=2))
    assert shown.row("a") == Row(name="a", standing=Standing.RUNNING, attempt=2, seconds=0)


def test_an_agent_that_ended_shows_how_long_it_took_and_what_failed() -> None:
    shown = Shown()
    shown.after(
        0,
        event(EventType.AGENT_START, "a"),
        event(EventType.AGENT_END, "a", status="failed", duration_s=4.5, error=FAILURE),
        event(EventType.AGENT_BLOCK, "b", by="a"),
        event(EventType.AGENT_END, "c", status="completed", duration_s=1, attempt=2),
    )
    shown.clock.now += 100
    assert shown.view().rows == (
        Row(name="a", standing=Standing.FAILED, seconds=4.5, detail="tool: no such file"),
        Row(name="b", standing=Standing.BLOCKED, detail="needs a"),
        Row(name="c", standing=Standing.COMPLETED, attempt=2, seconds=1, detail="Sum up"),
    )


def test_an_agent_that_is_run_again_waits_without_what_was_said_of_it() -> None:
    shown = Shown()
    shown.after(0, event(EventType.AGENT_END, "c", status="completed", duration_s=1.0))
    shown.after(0, event(EventType.AGENT_RERUN, agents=["c"]))
    assert shown.row("c") == Row(name="c", standing=Standing.WAITING, detail="Sum up")


def test_the_phase_under_way_is_shown_with_what_was_done_of_it_before() -> None:
    shown = Shown()
    shown.after(
        7,
        event(EventType.AGENT_SKIP, "d", reason="r"),
        event(EventType.CHECKPOINT, phase="one", name="one", commit=OID),
        event(EventType.PHASE_BEGIN, phase="two", agents=1),
    )
    view = shown.view()
    assert (view.phase, view.title, view.place) == ("two", " (The second)", (2, 2))
    assert (view.checkpoint, view.seconds, view.done, view.total, view.percent) == ("one", 7, 1, 4, 25)
    assert view.rows == (Row(name="d", standing=Standing.SKIPPED),)


def test_a_phase_that_the_plan_does_not_have_is_not_shown() -> None:
    shown = Shown()
    shown.after(0, event(EventType.PHASE_BEGIN, phase="gone"))
    assert shown.view().phase == "one"


def test_a_resumed_session_shows_its_newest_checkpoint_and_its_round() -> None:
    shown = Shown(Plan(name="p", phases=PLAN.phases, agents=PLAN.agents, rounds=Rounds(verdict="two")))
    shown.after(0, event(EventType.CHECKPOINT, name="start", commit=OID), event(EventType.ROUND_BEGIN, round=3))
    resumed = Board(Plan(name="p", phases=PLAN.phases, agents=PLAN.agents, rounds=Rounds(verdict="two")), shown.clock)
    resumed.take(chained([event(EventType.SESSION_RESUME)])[0].entry, shown.state)
    view = resumed.view(9)
    assert (view.checkpoint, view.round) == ("start", 3)


def big(number: int) -> Plan:
    names = tuple(f"a{place}" for place in range(number))
    agents = {name: Agent(name=name, run=":") for name in names}
    return Plan(name="big", phases=(Phase(name="all", agents=names),), agents=agents)


def test_where_there_is_no_room_for_all_those_that_need_an_eye_come_first() -> None:
    shown = Shown(big(100))

    def tell(kind: EventType, agent: str, **data: Any) -> None:
        shown.after(0, Event(type=kind, phase="all", agent=agent, attempt=1, data=data))

    tell(EventType.AGENT_END, "a1", status="completed")
    tell(EventType.AGENT_END, "a2", status="failed", error=FAILURE)
    tell(EventType.AGENT_BLOCK, "a3", by="a2")
    for name in ("a9", "a8", "a7"):
        tell(EventType.AGENT_START, name)
    tell(EventType.RETRY, "a8", delay_s=1.0)
    view = shown.view(10)
    assert [row.name for row in view.rows] == ["a9", "a7", "a8", "a2", "a3"]
    assert view.hidden == {Standing.WAITING: 94, Standing.COMPLETED: 1}


@given(
    st.integers(1, 40),
    st.integers(0, 45),
    st.lists(st.tuples(st.integers(0, 39), st.sampled_from(("completed", "failed", None)))),
)
@settings(deadline=None, max_examples=60)
def test_every_agent_of_the_phase_has_a_row_or_is_counted_in_the_last_line(
    number: int, room: int, moves: list[tuple[int, str | None]]
) -> None:
    shown = Shown(big(number))
    for place, status in moves:
        kind = EventType.AGENT_END if status else EventType.AGENT_START
        data = {"status": status} if status else {}
        shown.after(0, Event(type=kind, phase="all", agent=f"a{place % number}", attempt=1, data=data))
    view = shown.view(room)
    assert len(view.rows) + bool(view.hidden) <= max(room, 1)
    assert len(view.rows) + sum(view.hidden.values()) == number
    counts = dict.fromkeys(Standing, 0)
    for row in view.rows:
        counts[row.standing] += 1
    for standing, count in view.hidden.items():
        counts[standing] += count
    assert {standing: count for standing, count in counts.items() if count} == view.counts


def test_what_is_spent_is_shown_for_an_agent_that_ended_and_for_the_session() -> None:
    shown = Shown()
    spent = {"cost_usd": 0.5, "tokens": {"input": 3, "output": 4}}
    shown.after(1, event(EventType.BUDGET, cost_usd=2.0), event(EventType.AGENT_START, "a"))
    assert shown.board.view(9).spent == "- of $2.00, tokens: -"
    shown.after(1, event(EventType.AGENT_END, "a", status="completed", duration_s=1.0, spent=spent))
    view = shown.board.view(9)
    assert view.spent == "$0.50 of $2.00, tokens: 3 in, 4 out"
    assert view.rows[0].detail == "$0.50, 3 in, 4 out tokens"


def of_providers() -> Plan:
    agents = {name: Agent(name=name, run=":", provider="one") for name in ("a", "b")}
    agents |= {"c": Agent(name="c", run=":", provider="one", needs=("a",)), "d": Agent(name="d", run=":")}
    return Plan(name="p", phases=(Phase(name="one", agents=tuple(agents)),), agents=agents)


def test_agents_of_a_held_provider_show_how_long_they_wait_for_it() -> None:
    shown = Shown(of_providers())
    shown.after(
        1,
        event(EventType.AGENT_START, "a"),
        event(EventType.ERROR, "a", **FAILURE),
        event(EventType.HOLD, "a", provider="one", delay_s=12.0, until="2026-01-31T12:00:00.000000Z"),
        event(EventType.RETRY, "a", delay_s=5.0),
    )
    shown.clock.now += 2
    waits = "waiting for one"
    assert shown.row("a") == Row(name="a", standing=Standing.RETRYING, attempt=2, seconds=10, detail=waits)
    assert shown.row("b") == Row(name="b", standing=Standing.WAITING, seconds=10, detail=waits)
    assert shown.row("c").detail == "needs a"
    assert shown.row("d").detail == ""
    shown.clock.now += 10
    assert shown.row("b").detail == ""


def test_a_retry_that_is_later_than_the_hold_shows_its_own_time() -> None:
    shown = Shown(of_providers())
    hold = event(EventType.HOLD, "a", provider="one", delay_s=1.0, until="2026-01-31T12:00:00.000000Z")
    shown.after(1, event(EventType.AGENT_START, "a"), event(EventType.ERROR, "a", **FAILURE), hold)
    shown.after(0, event(EventType.RETRY, "a", delay_s=5.0))
    assert shown.row("a").seconds == 5
    assert shown.row("a").detail.startswith("tool: ")
