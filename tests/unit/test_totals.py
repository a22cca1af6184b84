"""All sessions of a repository added up."""

from git_pliny.model.session import (
    AgentRecord,
    AgentStatus,
    AuditHead,
    ErrorRecord,
    Metrics,
    Session,
    SessionStatus,
    Tokens,
)
from git_pliny.model.totals import Totals, add_up

FAILED = AgentRecord(
    phase="p",
    status=AgentStatus.FAILED,
    attempts=2,
    duration_s=1.5,
    cost_usd=0.2,
    error=ErrorRecord(category="network", recoverable=True, reason="r", message="m"),
)
DONE = AgentRecord(phase="p", status=AgentStatus.COMPLETED, attempts=1, duration_s=2.0)


def session(metrics: Metrics, **agents: AgentRecord) -> Session:
    return Session(
        id="i",
        name="n",
        status=SessionStatus.FAILED,
        framework=None,
        created_at="",
        last_activity="",
        current_phase=None,
        completed_agents=[],
        failed_agents=[],
        checkpoints={},
        agents=agents,
        metrics=metrics,
        plan=None,
        base=None,
        audit=AuditHead(),
    )


def test_no_session_adds_up_to_nothing() -> None:
    assert add_up([], []) == Totals()


def test_sessions_are_counted_by_how_they_stand() -> None:
    found = add_up([session(Metrics())] * 3, ["failed", "interrupted", "failed"])
    assert found.sessions == 3
    assert found.statuses == {"failed": 2, "interrupted": 1}


def test_time_attempts_retries_tokens_and_cost_are_summed() -> None:
    one = Metrics(duration_s=1.0, attempts=2, retries=1, tokens=Tokens(input=3, output=1), cost_usd=0.1)
    two = Metrics(duration_s=5.0, attempts=1)
    found = add_up([session(one), session(two)], ["failed", "failed"])
    assert (found.duration_s, found.longest_s, found.attempts, found.retries) == (6.0, 5.0, 3, 1)
    assert (found.tokens, found.cost_usd) == (Tokens(input=3, output=1), 0.1)


def test_cost_that_nobody_knows_stays_unknown() -> None:
    assert add_up([session(Metrics())], ["failed"]).cost_usd is None


def test_an_agent_is_added_up_over_the_sessions_that_have_it() -> None:
    found = add_up([session(Metrics(), fix=FAILED), session(Metrics(), fix=DONE)], ["failed", "completed"])
    fix = found.agents["fix"]
    assert (fix.sessions, fix.attempts, fix.completed, fix.failed) == (2, 3, 1, 1)
    assert (fix.duration_s, fix.cost_usd) == (3.5, 0.2)


def test_final_failures_are_counted_by_category() -> None:
    assert add_up([session(Metrics(), a=FAILED, b=FAILED, c=DONE)], ["failed"]).failures == {"network": 2}
