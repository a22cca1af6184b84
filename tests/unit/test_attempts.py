"""What entries tell of the attempts of a session."""

from typing import Any

import pytest

from git_pliny.model.attempts import attempts
from git_pliny.model.events import Entry, EventType, Line

RUN = "0" * 8
Told = tuple[EventType, int | None, dict[str, Any]]


def lines(*told: Told, agent: str = "a") -> list[Line]:
    """Entries about an agent, one a second."""
    found = []
    for second, (kind, attempt, data) in enumerate(told):
        entry = Entry(
            ts=f"2026-01-31T12:00:{second:02}.000000Z",
            run=RUN,
            seq=second + 1,
            type=kind,
            phase="p",
            agent=agent if attempt else None,
            attempt=attempt,
            data=data,
            prev="0" * 64,
        )
        found.append(Line(b"", entry))
    return found


ERROR = {"category": "network", "recoverable": True, "reason": "r", "message": "refused", "exit_code": 7}
SPENT = {"tokens": {"input": 10, "output": 5}, "cost_usd": 0.5}


def test_each_attempt_has_its_own_end_time_and_cost() -> None:
    first, second = attempts(
        lines(
            (EventType.AGENT_START, 1, {}),
            (EventType.ERROR, 1, {**ERROR, "spent": SPENT, "cost_from": "a list", "duration_s": 0.9}),
            (EventType.RETRY, 1, {}),
            (EventType.AGENT_START, 2, {}),
            (EventType.AGENT_END, 2, {"status": "completed", "exit_code": 0, "duration_s": 0.5, "error": None}),
        )
    )
    assert (first.status, first.category, first.message, first.exit_code) == ("failed", "network", "refused", 7)
    assert (first.input_tokens, first.output_tokens, first.cost_usd, first.cost_from) == (10, 5, 0.5, "a list")
    assert (first.started_at[17:19], first.ended_at and first.ended_at[17:19]) == ("00", "01")
    assert (second.attempt, second.status, second.duration_s) == (2, "completed", 0.5)
    assert (second.input_tokens, second.cost_usd, second.category) == (None, None, None)


def test_the_last_failure_is_that_of_its_end() -> None:
    end = {"status": "failed", "exit_code": 1, "error": {k: ERROR[k] for k in ("category", "recoverable", "reason")}}
    (found,) = attempts(lines((EventType.AGENT_START, 1, {}), (EventType.AGENT_END, 1, end)))
    assert (found.status, found.category, found.recoverable, found.reason) == ("failed", "network", True, "r")


def test_what_was_cut_off_is_unfinished_and_has_its_cost() -> None:
    (found,) = attempts(lines((EventType.AGENT_START, 1, {}), (EventType.SPEND, 1, {"spent": SPENT})))
    assert (found.status, found.ended_at, found.cost_usd) == ("unfinished", None, 0.5)


def test_a_rollback_and_its_undoing_are_told() -> None:
    start: Told = (EventType.AGENT_START, 1, {})
    end: Told = (EventType.AGENT_END, 1, {"status": "completed"})
    back: dict[str, Any] = {"name": "start", "commit": "0" * 40, "before": "b"}
    keys = [["a", RUN, 1], ["nobody", RUN, 1]]
    set_back: Told = (EventType.ROLLBACK, None, {**back, "set_back": keys})
    restored: Told = (EventType.ROLLBACK, None, {**back, "restored": keys})
    assert [each.rolled_back for each in attempts(lines(start, end, set_back))] == [True]
    assert [each.rolled_back for each in attempts(lines(start, end, set_back, restored))] == [False]


@pytest.mark.parametrize("kind", [EventType.AGENT_END, EventType.ERROR, EventType.SPEND, EventType.ROLLBACK])
def test_data_of_a_wrong_shape_are_passed_over(kind: EventType) -> None:
    bad = {"spent": 5, "status": [], "category": 1, "set_back": "x"}
    attempt = None if kind is EventType.ROLLBACK else 1
    (found,) = attempts(lines((EventType.AGENT_START, 1, {}), (kind, attempt, bad)))
    assert (found.cost_usd, found.category) == (None, None)


def test_an_end_without_a_start_is_no_attempt() -> None:
    assert attempts(lines((EventType.AGENT_END, 1, {"status": "completed"}))) == []
