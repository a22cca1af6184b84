"""`audit export`, end to end: what other programs get of a session."""

import csv
import io
import json
from typing import Any

import pytest
from scratch import Scratch

PLAN = r"""
execution: {max_retries: 1}
agents:
  priced:
    run: "printf '{\"cost_usd\": 0.25, \"tokens\": {\"input\": 10, \"output\": 5}}' > $PLINY_RESULT; test $PLINY_ATTEMPT -gt 1"
    retry_on_exit: 1
    retry: {initial_delay: 1}
  silent: {run: "true"}
phases:
  - {name: one, agents: [priced]}
  - {name: two, agents: [silent]}
"""


@pytest.fixture
def done(scratch: Scratch) -> Scratch:
    scratch.plan(PLAN)
    scratch.pliny("execute")
    return scratch


def exported(scratch: Scratch, *arguments: str) -> str:
    return scratch.pliny("audit", "export", *arguments).stdout


def table(scratch: Scratch, subject: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported(scratch, "--of", subject, "--format", "csv"))))


def test_entries_are_the_lines_that_are_stored(done: Scratch) -> None:
    text = exported(done)
    assert text == done.pliny("audit", "view", "--json").stdout
    stored = done.git("log", "--all", "--notes=pliny/*", "--format=%N")
    assert set(text.splitlines()) <= set(stored.splitlines())


@pytest.mark.parametrize("subject", ["entries", "attempts", "agents", "phases", "session"])
def test_all_forms_have_the_same_records(done: Scratch, subject: str) -> None:
    lines = [json.loads(line) for line in exported(done, "--of", subject).splitlines()]
    assert lines
    assert json.loads(exported(done, "--of", subject, "--format", "json")) == lines
    assert json.loads(exported(done, "--of", subject, "--json")) == lines
    rows = table(done, subject)
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        assert {name: value for name, value in row.items() if value} == {
            name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
            for name, value in line.items()
            if value is not None
        }


def test_cost_and_tokens_are_told_by_attempt_agent_phase_and_session(done: Scratch) -> None:
    spent: list[Any] = [
        (row["agent"], row["attempt"], row["status"], row["cost_usd"], row["input_tokens"], row["output_tokens"])
        for row in table(done, "attempts")
    ]
    assert spent == [
        ("priced", "1", "failed", "0.25", "10", "5"),
        ("priced", "2", "completed", "0.25", "10", "5"),
        ("silent", "1", "completed", "", "", ""),
    ]
    assert [(row["agent"], row["phase"], row["cost_usd"]) for row in table(done, "agents")] == [
        ("priced", "one", "0.5"),
        ("silent", "two", ""),
    ]
    assert [(row["phase"], row["cost_usd"], row["output_tokens"]) for row in table(done, "phases")] == [
        ("one", "0.5", "10"),
        ("two", "", ""),
    ]
    (session,) = table(done, "session")
    assert (session["attempts"], session["retries"], session["cost_usd"]) == ("3", "1", "0.5")


def test_what_is_unknown_is_null_and_never_nothing(done: Scratch) -> None:
    *_, silent = map(json.loads, exported(done, "--of", "attempts").splitlines())
    assert (silent["cost_usd"], silent["input_tokens"], silent["output_tokens"]) == (None, None, None)


def test_no_text_of_an_agent_is_a_formula_in_csv(scratch: Scratch) -> None:
    scratch.plan("""{agents: {'=a': {run: "echo '=HYPERLINK(1)'; exit 3"}}}""")
    scratch.pliny("execute", exits=3)
    assert [row["agent"] for row in table(scratch, "attempts")] == ["'=a"]
    (record,) = map(json.loads, exported(scratch, "--of", "attempts").splitlines())
    assert record["agent"] == "=a"


def test_a_session_may_be_named_and_mistakes_are_told(done: Scratch) -> None:
    assert exported(done, done.session()["id"][:8]) == exported(done)
    clash = done.pliny("audit", "export", "--json", "--format", "csv", exits=2)
    assert "--json and --format csv can't both be meant" in clash.stderr
    assert "attempts" in done.pliny("audit", "export", "--of", "nonsense", exits=2).stderr
    assert "no session" in done.pliny("audit", "export", "ffffffff", exits=1).stderr
