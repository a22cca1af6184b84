import msgspec
from hypothesis import given
from trails import SESSION, chained, event, trails

from git_pliny.model.events import Event, EventType, Line, union
from git_pliny.model.fold import Fold, fold
from git_pliny.model.session import (
    AgentStatus,
    BudgetRecord,
    PhaseRecord,
    Session,
    SessionStatus,
    Tokens,
    decode_session,
    encode_session,
)

OID = "a" * 40
OTHER = "b" * 40
PLAN = event(EventType.PLAN_CHANGE, plan=OID, agents={"a": "p", "b": "p"})


def folded(*events: Event) -> Fold:
    return fold(SESSION, chained([event(EventType.SESSION_START, name="n", base=OID), *events]))


def end(agent: str, attempt: int = 1, status: str = "completed", **data: object) -> Event:
    return event(EventType.AGENT_END, agent, attempt, status=status, **data)


def start(agent: str, attempt: int = 1) -> Event:
    return event(EventType.AGENT_START, agent, attempt)


def test_a_new_session_is_in_progress_and_knows_its_name_and_base() -> None:
    session = folded().session()
    assert (session.name, session.base, session.status) == ("n", OID, SessionStatus.IN_PROGRESS)


def test_agents_of_the_plan_are_pending_until_they_start() -> None:
    session = folded(PLAN, start("a")).session()
    assert {name: agent.status for name, agent in session.agents.items()} == {"a": "running", "b": "pending"}


def test_completed_agents_stand_in_the_order_in_which_they_ended() -> None:
    assert folded(PLAN, start("a"), start("b"), end("b"), end("a")).session().completed_agents == ["b", "a"]


def test_a_failed_agent_shows_its_error() -> None:
    error = {"category": "tool", "recoverable": False, "reason": "r", "message": "m"}
    session = folded(PLAN, start("a"), end("a", status="failed", error=error, exit_code=2)).session()
    assert session.failed_agents == ["a"]
    assert session.agents["a"].exit_code == 2
    assert msgspec.to_builtins(session.agents["a"].error) == error


def test_resuming_sets_agents_that_never_ended_and_blocked_ones_to_pending() -> None:
    state = folded(PLAN, start("a"), event(EventType.AGENT_BLOCK, "b", by="a"), event(EventType.SESSION_RESUME))
    assert {agent.status for agent in state.agents.values()} == {AgentStatus.PENDING}


def test_costs_and_tokens_add_up_over_attempts_and_unknown_stays_none() -> None:
    spent = {"cost_usd": 0.25, "tokens": {"input": 10, "output": 5}}
    failed = event(EventType.ERROR, "a", 1, category="ai", spent=spent)
    session = folded(
        PLAN, start("a"), failed, event(EventType.RETRY, "a", 1), start("a", 2), end("a", 2, spent=spent)
    ).session()
    assert session.agents["a"].cost_usd == session.metrics.cost_usd == 0.5
    assert session.metrics.tokens == Tokens(input=20, output=10)
    assert session.agents["b"].cost_usd is None
    assert (session.metrics.attempts, session.metrics.retries) == (2, 1)


def test_a_rollback_sets_back_the_attempts_it_lists_and_no_other() -> None:
    back = [["b", "aaaaaaaa", 1]]
    rolled = event(EventType.ROLLBACK, name="x", commit=OID, before="y", set_back=back)
    session = folded(PLAN, start("a"), end("a"), start("b"), end("b"), rolled).session()
    assert session.completed_agents == ["a"]
    assert session.agents["b"].status is AgentStatus.ROLLED_BACK
    assert session.status is SessionStatus.PAUSED


def test_undoing_a_rollback_lets_the_ends_count_again() -> None:
    key = [["b", "aaaaaaaa", 1]]
    back = event(EventType.ROLLBACK, name="x", commit=OID, before="y", set_back=key)
    undo = event(EventType.ROLLBACK, name="y", commit=OID, before="z", restored=key, status="completed", undo=True)
    session = folded(PLAN, start("b"), end("b"), back, undo).session()
    assert session.completed_agents == ["b"]
    assert session.status is SessionStatus.COMPLETED


def test_a_rollback_goes_back_to_the_round_of_its_checkpoint_and_to_what_was_done_in_it() -> None:
    def kept(name: str, oid: str) -> Event:
        return event(EventType.CHECKPOINT, name=name, commit=oid * 40)

    one = [start("a"), end("a"), kept("a", "a"), start("b"), end("b"), kept("b", "b")]
    two = [
        event(EventType.ROUND_BEGIN, round=2),
        start("a", 2),
        end("a", 2),
        kept("a.2", "c"),
        start("b", 2),
        end("b", 2),
    ]
    keys = {name: [name[0], "aaaaaaaa", int(name[1])] for name in ("a2", "b1", "b2")}

    def back(name: str, oid: str, *names: str) -> Event:
        set_back = [keys[each] for each in names]
        return event(EventType.ROLLBACK, name=name, commit=oid * 40, before="z", set_back=set_back)

    def standing(state: Fold) -> tuple[int, list[str]]:
        return state.round, state.session().completed_agents

    assert standing(folded(PLAN, *one, *two, kept("z", "d"))) == (2, ["a", "b"])
    assert standing(folded(PLAN, *one, *two, back("a.2", "c", "b2"))) == (2, ["a"])
    assert standing(folded(PLAN, *one, *two, back("b", "b", "a2", "b2"))) == (1, ["a", "b"])
    assert standing(folded(PLAN, *one, *two, back("a", "a", "a2", "b1", "b2"))) == (1, ["a"])
    undo = event(EventType.ROLLBACK, name="z", commit="d" * 40, before="y", restored=[keys["b2"]], undo=True)
    assert standing(folded(PLAN, *one, *two, kept("z", "d"), back("a.2", "c", "b2"), undo)) == (2, ["a", "b"])


def test_an_attempt_after_a_rollback_counts() -> None:
    back = event(EventType.ROLLBACK, name="x", commit=OID, before="y", set_back=[["b", "aaaaaaaa", 1]])
    session = folded(PLAN, start("b"), end("b"), back, start("b", 2), end("b", 2)).session()
    assert session.agents["b"].status is AgentStatus.COMPLETED
    assert session.agents["b"].attempts == 2


def test_of_two_checkpoints_of_one_name_the_first_keeps_it() -> None:
    state = folded(
        event(EventType.CHECKPOINT, name="x", commit=OID),
        event(EventType.CHECKPOINT, name="x", commit=OTHER),
        event(EventType.CHECKPOINT, name="x", commit=OID),
    )
    assert state.session().checkpoints == {"x": OID, f"x.{OTHER[:12]}": OTHER}


def test_a_deleted_checkpoint_is_gone_and_its_name_free() -> None:
    state = folded(
        event(EventType.CHECKPOINT, name="x", commit=OID),
        event(EventType.CHECKPOINT_DELETE, name="x", commit=OID),
        event(EventType.CHECKPOINT, name="x", commit=OTHER),
    )
    assert state.session().checkpoints == {"x": OTHER}


def test_a_changed_definition_is_to_be_run_again_and_an_unchanged_one_is_not() -> None:
    change = event(EventType.PLAN_CHANGE, plan=OTHER, agents={"a": "p", "b": "p"}, reset=["a"])
    session = folded(PLAN, start("a"), end("a"), start("b"), end("b"), change).session()
    assert session.completed_agents == ["b"]
    assert session.agents["a"].status is AgentStatus.PENDING


def test_an_agent_that_left_the_plan_stays_only_if_it_ran() -> None:
    change = event(EventType.PLAN_CHANGE, plan=OTHER, agents={"c": "p"})
    assert list(folded(PLAN, start("a"), end("a"), change).session().agents) == ["c", "a"]


def test_the_audit_head_names_the_last_line_of_each_run() -> None:
    lines = chained([event(EventType.SESSION_START, name="n"), event(EventType.SESSION_RESUME)])
    head = fold(SESSION, lines).session().audit
    assert head.entries == 2
    assert head.heads == {"aaaaaaaa": f"2:{lines[-1].digest}"}


@given(trails())
def test_the_fold_takes_any_trail_and_its_session_survives_the_codec(runs: list[list[Line]]) -> None:
    lines = union(*runs)
    session = fold(SESSION, lines).session()
    assert session.audit.entries == len(lines)
    assert decode_session(encode_session(session)) == session
    assert encode_session(session).endswith(b"}\n")


@given(trails(), trails())
def test_two_clones_that_know_the_same_entries_hold_the_same_bytes(
    one: list[list[Line]], two: list[list[Line]]
) -> None:
    here, there = union(*one), union(*two)
    assert encode_session(fold(SESSION, union(here, there)).session()) == encode_session(
        fold(SESSION, union(there, here, there)).session()
    )


@given(trails())
def test_an_agent_is_listed_as_completed_exactly_if_it_is(runs: list[list[Line]]) -> None:
    session: Session = fold(SESSION, union(*runs)).session()
    completed = {name for name, agent in session.agents.items() if agent.status is AgentStatus.COMPLETED}
    assert set(session.completed_agents) == completed


def test_a_phase_lasts_over_its_runs_without_the_pauses_and_knows_what_was_spent_in_it() -> None:
    opened = [event(EventType.SESSION_START, name="n"), PLAN, event(EventType.PHASE_BEGIN), start("a")]
    again = [event(EventType.SESSION_RESUME), event(EventType.PHASE_BEGIN), start("a", 2)]
    again += [end("a", 2, spent={"cost_usd": 0.5}), event(EventType.PHASE_END), event(EventType.SESSION_END)]
    first = chained(opened, run="aaaaaaaa", start=0, step=1_000_000)
    second = chained(again, run="bbbbbbbb", start=3_600_000_000, step=1_000_000)
    session = fold(SESSION, [*first, *second]).session()
    assert session.phases == {"p": PhaseRecord(duration_s=4.0, cost_usd=0.5)}
    assert 7.9 < session.metrics.duration_s < 8.1


def test_an_agent_worked_for_all_its_attempts_and_a_cut_off_one_until_its_run_fell_silent() -> None:
    failed = event(EventType.ERROR, "a", 1, category="ai", duration_s=2.5)
    lines = chained([PLAN, start("a"), failed, start("a", 2), start("b")], run="aaaaaaaa", start=0, step=1_000_000)
    resumed = chained([event(EventType.SESSION_RESUME)], run="bbbbbbbb", start=60_000_000)
    state = fold(SESSION, [*lines, *resumed])
    assert {name: agent.worked_s for name, agent in state.agents.items()} == {"a": 3.5, "b": 0.0}


def test_what_a_rollback_sets_back_stays_spent() -> None:
    back = event(EventType.ROLLBACK, name="x", commit=OID, before="y", set_back=[["a", "aaaaaaaa", 1]])
    over = event(EventType.SESSION_END, status="paused", reason="r")
    session = folded(PLAN, start("a"), end("a", spent={"cost_usd": 0.5}), over, back).session()
    assert session.reason is None
    assert session.metrics.cost_usd == session.agents["a"].cost_usd == session.phases["p"].cost_usd == 0.5


def test_what_a_cut_off_attempt_told_is_spent_and_its_agent_did_not_end() -> None:
    told = event(EventType.SPEND, "a", 1, spent={"cost_usd": 0.5}, duration_s=1.5)
    state = folded(PLAN, start("a"), told)
    assert (state.agents["a"].cost_usd, state.agents["a"].worked_s) == (0.5, 1.5)
    assert state.agents["a"].status is AgentStatus.RUNNING


def test_the_session_tells_its_budget_and_why_it_is_paused_until_it_goes_on() -> None:
    paused = [event(EventType.BUDGET, cost_usd=1.0), event(EventType.SESSION_END, status="paused", reason="r")]
    session = folded(PLAN, *paused).session()
    assert (session.budget, session.reason) == (BudgetRecord(cost_usd=1.0), "r")
    resumed = folded(PLAN, *paused, event(EventType.SESSION_RESUME), event(EventType.BUDGET)).session()
    assert (resumed.budget, resumed.reason) == (None, None)
