"""The verdict at the end of an answer, and what an agent that was to judge and gave none has done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_pliny.executor.attempt import conclude
from git_pliny.model.plan import Agent
from git_pliny.model.settings import Category
from git_pliny.runners.base import Outcome, Result, Verdict
from git_pliny.runners.results import read_verdict

AGENT = Agent(name="a", run="true")


@pytest.mark.parametrize(
    "answer",
    [
        '{"verdict": "again", "score": 7}',
        'Not yet.\n\n  {"verdict": "again", "score": 7, "why": [1]}  \n\n',
        'Not yet.\n```json\n{"verdict": "again",\n "score": 7}\n```\n',
        'First `{"verdict": "done"}`, no.\n```\n{"verdict": "again", "score": 7}\n```',
        '```\n{"verdict": "done"}\n```\nOr rather:\n```json\n{"verdict": "again", "score": 7}\n```',
    ],
)
def test_a_verdict_stands_at_the_end_of_an_answer(answer: str) -> None:
    assert read_verdict(answer) == (Result(verdict=Verdict.AGAIN, score=7.0), None)


@pytest.mark.parametrize("answer", ["", "done", 'It is {"verdict": "done"}', '{"verdict": "done"}\nThat is it.'])
def test_what_stands_elsewhere_is_none(answer: str) -> None:
    assert read_verdict(answer) == (None, None)


@pytest.mark.parametrize(
    "answer",
    [
        '{"score": 7}',
        '{"verdict": "Done"}',
        '{"verdict": "perhaps"}',
        '{"verdict": "done", "score": "7"}',
        '{"verdict": "done", "score": 1e99}',
        '{"verdict": "done"',
        '{"verdict": "done"} {"verdict": "again"}',
        '```json\n{"verdict": null}\n```',
    ],
)
def test_one_that_can_not_be_used_is_refused(answer: str) -> None:
    found, problem = read_verdict(answer)
    assert found is None
    assert (problem or "").startswith("the verdict at the end of its answer cannot be used: ")


@given(st.text())
def test_any_answer_can_be_read(answer: str) -> None:
    found, problem = read_verdict(answer)
    assert found is None or problem is None


def judged(outcome: Outcome) -> tuple[Verdict | None, float | None, bool | None]:
    """The verdict, the score, and whether a failure may be tried again."""
    found = conclude(outcome, AGENT, rules=(), leftovers=(), judges=True)
    score = found.outcome.result.score if found.outcome.result else None
    if found.failure is not None:
        assert found.failure.category is Category.VALIDATION
    return found.verdict, score, found.failure.recoverable if found.failure else None


def test_the_answer_of_a_coding_agent_decides_where_its_result_file_does_not() -> None:
    answer = '{"verdict": "again", "score": 7}'
    assert judged(Outcome(exit_code=0, answer=answer)) == (Verdict.AGAIN, 7.0, None)
    own = Result(verdict=Verdict.DONE)
    assert judged(Outcome(exit_code=0, answer=answer, result=own)) == (Verdict.DONE, None, None)
    assert judged(Outcome(exit_code=0, answer=answer, result=Result(score=2.0))) == (Verdict.AGAIN, 2.0, None)


@pytest.mark.parametrize("answer", ["", "It is done.", '{"verdict": "fine"}'])
def test_a_coding_agent_that_was_to_judge_and_did_not_may_try_again(answer: str) -> None:
    assert judged(Outcome(exit_code=0, answer=answer)) == (None, None, True)


def test_the_verdict_of_an_answer_counts_only_where_the_agent_judges() -> None:
    found = conclude(Outcome(exit_code=0, answer="{}"), AGENT, rules=(), leftovers=(), judges=False)
    assert (found.failure, found.verdict) == (None, None)
