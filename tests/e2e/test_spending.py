"""Budgets through the installed program: what is spent is shown, and a session that has no more of it is paused."""

import json

import pytest
from scratch import Scratch
from told import attempts, entries, of_type, statuses

TELL = 'echo \'{"cost_usd": 0.5, "tokens": {"input": 10, "output": 5}}\' > $PLINY_RESULT'
PLAN = f"""
execution: {{budget: {{cost_usd: 1}}}}
agents:
  a: {{run: "{TELL.replace('"', chr(92) + '"')}"}}
  b: {{run: "{TELL.replace('"', chr(92) + '"')}"}}
  c: {{run: "{TELL.replace('"', chr(92) + '"')}"}}
phases:
  - {{name: one, agents: [a, b]}}
  - {{name: two, agents: [c]}}
"""


def test_a_session_without_budget_left_is_paused_and_goes_on_by_the_command_that_is_shown(scratch: Scratch) -> None:
    scratch.plan(PLAN)
    done = scratch.pliny("execute", exits=5)
    assert "error: paused: the budget of the session is used up: $1.00 of $1.00\n" in done.stderr
    hint = done.stderr.splitlines()[-1].removeprefix("hint: ")
    assert hint == "git pliny execute --resume --budget-cost-usd 2.00"
    assert (statuses(scratch), scratch.session()["status"]) == (
        {"a": "completed", "b": "completed", "c": "pending"},
        "paused",
    )
    scratch.pliny("execute", exits=5)
    assert attempts(scratch)["c"] == 0
    next_step = f"git pliny execute --session {scratch.session()['id'][:8]} --budget-cost-usd 2.00\n"
    assert f"next: {next_step}" in scratch.pliny("session", "show").stdout
    assert f"next         {next_step}" in scratch.pliny("status").stdout
    scratch.pliny(*hint.split()[2:])
    assert scratch.session()["status"] == "completed"
    assert scratch.session()["metrics"]["cost_usd"] == 1.5


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--budget-tokens", "15"), "15 tokens of 15 tokens"),
        (("--budget-time", "1ms"), " of 1ms"),
        (("--budget-cost-usd=0.25",), "$0.50 of $0.25"),
    ],
)
def test_the_command_line_sets_budgets_over_the_plan(scratch: Scratch, given: tuple[str, ...], words: str) -> None:
    scratch.plan(PLAN)
    assert words in scratch.pliny("execute", *given, exits=5).stderr


def test_a_variable_sets_a_budget_over_the_plan(scratch: Scratch) -> None:
    scratch.plan(PLAN)
    scratch.pliny("execute", env={"PLINY_CONFIG_EXECUTION__BUDGET__COST_USD": "9.5"})
    assert scratch.session()["budget"] == {"cost_usd": 9.5, "tokens": None, "time_s": None}


@pytest.mark.parametrize(
    ("given", "exits", "words"),
    [
        (("--budget-cost-usd", "0"), 1, "must be an amount of US dollars above 0"),
        (("--budget-cost-usd", "much"), 2, "much"),
        (("--budget-tokens", "0"), 2, "0"),
        (("--budget-time", "soon"), 1, "must be a duration"),
    ],
)
def test_a_bad_budget_on_the_command_line_is_refused(
    scratch: Scratch, given: tuple[str, ...], exits: int, words: str
) -> None:
    scratch.plan(PLAN)
    assert words in scratch.pliny("execute", *given, exits=exits).stderr


def test_what_is_spent_is_shown_everywhere_by_attempt_agent_phase_and_session(scratch: Scratch) -> None:
    scratch.plan(PLAN)
    done = scratch.pliny("execute", exits=5)
    assert "a: completed in" in done.stderr
    assert ", $0.50, 10 in, 5 out tokens\n" in done.stderr
    assert "phase one: completed; spent so far: $1.00 of $1.00, tokens: 20 in, 10 out\n" in done.stderr
    assert ["one", "a", "completed", "$0.50", "10", "in,", "5", "out"] in [
        [*line.split()[:3], *line.split()[5:]] for line in done.stdout.splitlines()
    ]
    shown = scratch.pliny("session", "show").stdout
    assert "because      the budget of the session is used up: $1.00 of $1.00\n" in shown
    for command in (("session", "show"), ("status",), ("audit", "summary")):
        assert "spent        $1.00 of $1.00, tokens: 20 in, 10 out\n" in scratch.pliny(*command).stdout
    assert "spent        $1.00, tokens: 20 in, 10 out\n" in scratch.pliny("stats").stdout
    found = json.loads(scratch.pliny("session", "show", "--json").stdout)
    assert found == scratch.session()
    assert (found["phases"]["one"]["cost_usd"], found["agents"]["a"]["tokens"]["output"]) == (1.0, 5)
    view = [json.loads(line) for line in scratch.pliny("audit", "view", "--json").stdout.splitlines()]
    assert [entry["data"]["spent"]["cost_usd"] for entry in of_type(view, "agent_end")] == [0.5, 0.5]


def test_unknown_cost_is_shown_as_unknown_and_said_once_where_a_budget_would_watch_it(scratch: Scratch) -> None:
    scratch.plan("execution: {budget: {cost_usd: 1}}\nagents: {a: {run: 'true'}, b: {run: 'true'}}\n")
    done = scratch.pliny("execute")
    told = "warning: a does not tell its cost: a budget of cost can't be watched for agents that tell none\n"
    assert done.stderr.count("warning") == done.stderr.count(told) == 1
    assert "spent        - of $1.00, tokens: -\n" in scratch.pliny("session", "show").stdout
    assert scratch.session()["metrics"]["cost_usd"] is None


def test_spent_stays_spent_over_a_rollback(scratch: Scratch) -> None:
    scratch.plan(PLAN)
    scratch.pliny("execute", exits=5)
    scratch.pliny("rollback", "start")
    scratch.pliny("execute", "--resume", exits=5)
    assert attempts(scratch) == {"a": 1, "b": 1, "c": 0}


def test_an_agent_is_ended_at_its_budget_of_time_and_goes_on_with_a_higher_one(scratch: Scratch) -> None:
    plan = "agents: {{a: {{run: 'sleep {sleeps}', budget: {{time: {budget}}}}}}}\n"
    scratch.plan(plan.format(sleeps=30, budget="300ms"))
    done = scratch.pliny("execute", exits=5)
    assert "a: attempt 1 failed in" in done.stderr
    assert "ended, since its budget of time is used up: 300ms\n" in done.stderr
    assert "hint: give agent a (pliny.yaml:1) a higher budget, time: " in done.stderr
    scratch.plan(plan.format(sleeps=0, budget="1h"))
    scratch.pliny("execute", "--resume")
    assert attempts(scratch) == {"a": 2}


def test_a_failure_wins_over_a_budget(scratch: Scratch) -> None:
    scratch.plan(PLAN.replace('PLINY_RESULT"}', 'PLINY_RESULT; exit 1"}', 1))
    told = entries(scratch.pliny("execute", "--json", "--budget-cost-usd", "0.5", exits=3))
    assert of_type(told, "session_end")[0]["data"]["reason"] == "failed: a"
