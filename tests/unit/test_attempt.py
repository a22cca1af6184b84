"""What outcomes mean, and what entries say of them."""

import math

import pytest

from git_pliny.executor.attempt import conclude, end_data, error_data
from git_pliny.model.payloads import Spent
from git_pliny.model.plan import Agent
from git_pliny.model.session import Tokens
from git_pliny.model.settings import Category, ErrorRule
from git_pliny.runners.base import Outcome, Result, Verdict
from git_pliny.runners.leftovers import Leftover

AGENT = Agent(name="a", run="true")


class Masked:
    def mask_text(self, text: str) -> str:
        return text.replace("secret", "***")


def meaning(outcome: Outcome, *, judges: bool = False) -> tuple[Category | None, Verdict | None]:
    found = conclude(outcome, AGENT, rules=(), leftovers=(), judges=judges)
    return (found.failure.category if found.failure else None), found.verdict


@pytest.mark.parametrize(
    ("outcome", "category"),
    [
        (Outcome(exit_code=0), None),
        (Outcome(exit_code=1), Category.TOOL),
        (Outcome(exit_code=10), Category.TOOL),
        (Outcome(exit_code=0, missing_deliverables=("x",)), Category.VALIDATION),
        (Outcome(exit_code=0, invalid_result="bad"), Category.VALIDATION),
        (Outcome(exit_code=0, timed_out=True), Category.TOOL),
        (Outcome(launch_errno=2, launch_error="cannot start: x"), Category.CONFIG),
    ],
)
def test_an_outcome_counts_as(outcome: Outcome, category: Category | None) -> None:
    assert meaning(outcome) == (category, None)


@pytest.mark.parametrize(
    ("outcome", "category", "verdict"),
    [
        (Outcome(exit_code=0), None, Verdict.DONE),
        (Outcome(exit_code=10), None, Verdict.AGAIN),
        (Outcome(exit_code=0, result=Result(verdict=Verdict.AGAIN)), None, Verdict.AGAIN),
        (Outcome(exit_code=10, result=Result(verdict=Verdict.DONE)), None, Verdict.DONE),
        (Outcome(exit_code=10, result=Result(score=1.0)), None, Verdict.AGAIN),
        (Outcome(exit_code=1), Category.TOOL, None),
        (Outcome(exit_code=1, result=Result(verdict=Verdict.DONE)), Category.TOOL, None),
        (Outcome(exit_code=10, timed_out=True), Category.TOOL, None),
        (Outcome(exit_code=10, missing_deliverables=("x",)), Category.TOOL, None),
        (Outcome(exit_code=0, missing_deliverables=("x",)), Category.VALIDATION, None),
        (Outcome(exit_code=0, invalid_result="bad"), Category.VALIDATION, None),
    ],
)
def test_the_verdict_of_an_evaluate_agent_is(
    outcome: Outcome, category: Category | None, verdict: Verdict | None
) -> None:
    assert meaning(outcome, judges=True) == (category, verdict)


def test_processes_of_an_earlier_attempt_are_a_failure_that_names_them() -> None:
    alive = [Leftover(pid=number, pgid=1, command="x", escaped=True) for number in range(1, 12)]
    failure = conclude(Outcome(), AGENT, rules=(), leftovers=alive, judges=True).failure
    assert failure is not None
    assert (failure.category, failure.recoverable) == (Category.SYSTEM, False)
    assert "1, 2, 3, 4, 5, 6, 7, 8, 9, 10; end them, or pass --ignore-leftovers" in failure.message


def test_rules_and_exit_statuses_of_the_plan_are_heard() -> None:
    rules = [ErrorRule(category=Category.NETWORK, match="gremlins")]
    failure = conclude(Outcome(exit_code=1, tail="gremlins"), AGENT, rules=rules, leftovers=(), judges=False).failure
    assert failure is not None
    assert failure.category is Category.NETWORK
    patient = Agent(name="a", run="true", retry_on_exit=(7,))
    failure = conclude(Outcome(exit_code=7), patient, rules=(), leftovers=(), judges=False).failure
    assert failure is not None
    assert failure.recoverable


def test_an_end_holds_the_whole_record_with_what_all_attempts_cost() -> None:
    result = Result(cost_usd=0.5, tokens=Tokens(input=1, output=2), score=3.0, summary="a secret " + "x" * 3000)
    conclusion = conclude(
        Outcome(exit_code=0, duration_s=1.23456789, result=result), AGENT, rules=(), leftovers=(), judges=True
    )
    before = Spent(tokens=Tokens(input=10, output=20), cost_usd=0.25)
    data = end_data(conclusion, Masked(), phase="p", attempts=2, started_at="s", ended_at="e", before=before)
    assert data.pop("summary") == "a *** " + "x" * 1994
    assert data == {
        "phase": "p",
        "status": "completed",
        "attempts": 2,
        "started_at": "s",
        "ended_at": "e",
        "duration_s": 1.234568,
        "exit_code": 0,
        "tokens": {"input": 11, "output": 22},
        "cost_usd": 0.75,
        "error": None,
        "spent": {"tokens": {"input": 1, "output": 2}, "cost_usd": 0.5},
        "verdict": "done",
        "score": 3.0,
    }


def test_what_nobody_told_is_unknown_and_not_nothing() -> None:
    conclusion = conclude(Outcome(exit_code=0), AGENT, rules=(), leftovers=(), judges=False)
    data = end_data(conclusion, Masked(), phase="p", attempts=1, started_at=None, ended_at="e", before=Spent())
    assert (data["tokens"], data["cost_usd"], "spent" in data) == (None, None, False)


def test_an_error_is_told_without_secrets_and_with_its_signal() -> None:
    outcome = Outcome(signal=9, duration_s=math.nan, tail="fatal: the secret is out", result=Result(cost_usd=0.1))
    conclusion = conclude(outcome, AGENT, rules=(), leftovers=(), judges=False)
    assert conclusion.failure is not None
    data = error_data(conclusion, conclusion.failure, Masked())
    assert (data["signal"], data["exit_code"], data["duration_s"]) == (9, None, 0.0)
    assert data["spent"] == {"tokens": None, "cost_usd": 0.1}
    assert "secret" not in data["message"] + data["reason"]
    ended = end_data(conclusion, Masked(), phase="p", attempts=1, started_at=None, ended_at="e", before=None)
    assert (ended["status"], ended["signal"]) == ("failed", 9)
    assert ended["error"]["category"] == data["category"]
