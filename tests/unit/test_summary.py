"""A trail adds up to time, attempts, failures, cost and rollbacks."""

from typing import Any

import pytest
from hypothesis import given, settings
from trails import SESSION, chained, event, trails

from git_pliny.model.events import Event, EventType, union
from git_pliny.model.session import BudgetRecord, Tokens
from git_pliny.model.summary import Summary, summarize

COMMIT = "a" * 40
SECOND = 1_000_000


def summary_of(*events: Event, step: int = SECOND) -> Summary:
    return summarize(SESSION, chained(list(events), step=step))


def start(agent: str, attempt: int = 1) -> Event:
    return event(EventType.AGENT_START, agent, attempt)


def end(agent: str, attempt: int = 1, **data: Any) -> Event:
    return event(EventType.AGENT_END, agent, attempt, **{"status": "completed", **data})


def test_an_empty_trail_adds_up_to_nothing() -> None:
    assert summarize(SESSION, []) == Summary(session=SESSION)


def test_attempts_are_counted_for_their_agent_their_phase_and_in_all() -> None:
    found = summary_of(start("a"), end("a"), start("b"), end("b"), start("b", 2), end("b", 2))
    assert (found.agents["a"].attempts, found.agents["b"].attempts) == (1, 2)
    assert found.phases["p"].attempts == found.total.attempts == 3


def test_an_agents_time_is_that_of_its_attempts_and_not_of_the_pauses_between() -> None:
    found = summary_of(start("a"), event(EventType.ERROR, "a", 1, category="network"), start("a", 2), end("a", 2))
    assert found.agents["a"].duration_s == 2.0
    assert found.total.duration_s == 3.0


def test_a_phase_lasts_from_its_begin_to_its_end() -> None:
    found = summary_of(event(EventType.PHASE_BEGIN), start("a"), end("a"), event(EventType.PHASE_END))
    assert found.phases["p"].duration_s == 3.0


def test_a_phase_that_a_kill_cut_off_lasts_until_the_last_entry_of_its_run() -> None:
    found = summary_of(event(EventType.PHASE_BEGIN), start("a"))
    assert found.phases["p"].duration_s == 1.0


def test_failed_attempts_are_counted_by_category_with_the_last_one_of_an_agent() -> None:
    failed = {"status": "failed", "error": {"category": "tool"}}
    found = summary_of(
        start("a"),
        event(EventType.ERROR, "a", 1, category="network"),
        event(EventType.RETRY, "a", 1),
        start("a", 2),
        end("a", 2, **failed),
    )
    assert found.errors == {"network": 1, "tool": 1}
    assert (found.agents["a"].failures, found.agents["a"].retries) == (2, 1)


def test_cost_and_tokens_of_failed_attempts_count_too() -> None:
    found = summary_of(
        start("a"),
        event(EventType.ERROR, "a", 1, category="ai", spent={"cost_usd": 0.1, "tokens": {"input": 5, "output": 1}}),
        start("a", 2),
        end("a", 2, spent={"cost_usd": 0.2, "tokens": {"input": 7, "output": 2}}),
    )
    assert found.total.cost_usd == pytest.approx(0.3)
    assert found.agents["a"].tokens == Tokens(input=12, output=3)


def test_unknown_cost_is_not_zero() -> None:
    assert summary_of(start("a"), end("a")).total.cost_usd is None


def test_attempts_that_a_rollback_set_back_are_counted_for_their_agent_and_phase() -> None:
    back = [["a", "aaaaaaaa", 1]]
    found = summary_of(
        start("a"), end("a"), event(EventType.ROLLBACK, name="x", commit=COMMIT, before="y", set_back=back)
    )
    assert found.rollbacks == 1
    assert found.agents["a"].rolled_back == found.phases["p"].rolled_back == found.total.rolled_back == 1


def test_checkpoints_and_runs_are_counted() -> None:
    one = chained([event(EventType.CHECKPOINT, name="x", commit=COMMIT)])
    two = chained([event(EventType.SESSION_RESUME)], run="bbbbbbbb", start=5_000_000)
    found = summarize(SESSION, union(one, two))
    assert (found.checkpoints, found.runs, found.entries) == (1, 2, 2)


def test_an_error_of_a_wrong_shape_is_a_failure_of_unknown_category() -> None:
    found = summary_of(start("a"), event(EventType.ERROR, "a", 1, category=["network"]))
    assert found.errors == {"unknown": 1}


@given(trails())
@settings(deadline=None, max_examples=60)
def test_whatever_a_trail_holds_is_summed_up_and_every_entry_counted(parts: list[Any]) -> None:
    lines = union(*parts)
    found = summarize(SESSION, lines)
    assert found.entries == len(lines)
    assert found.total.attempts >= sum(tally.attempts for tally in found.agents.values())


def test_a_cut_off_attempt_that_told_what_it_spent_counts_and_did_not_fail() -> None:
    told = event(EventType.SPEND, "a", 1, spent={"cost_usd": 0.5})
    found = summary_of(event(EventType.BUDGET, cost_usd=2.0), start("a"), told)
    assert (found.total.cost_usd, found.phases["p"].cost_usd, found.agents["a"].cost_usd) == (0.5, 0.5, 0.5)
    assert (found.total.failures, found.agents["a"].duration_s) == (0, 1.0)
    assert found.budget == BudgetRecord(cost_usd=2.0)
