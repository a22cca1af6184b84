"""What all sessions of a repository add up to, from the sessions alone."""

from collections.abc import Iterable, Sequence

import msgspec

from git_pliny.model.session import AgentRecord, AgentStatus, Session, Tokens


class AgentTotals(msgspec.Struct, kw_only=True):
    """One agent by its name, over the sessions that have it; `duration_s` is that of the last attempts."""

    sessions: int = 0
    attempts: int = 0
    completed: int = 0
    failed: int = 0
    duration_s: float = 0.0
    tokens: Tokens | None = None
    cost_usd: float | None = None


class Totals(msgspec.Struct, kw_only=True):
    """`failures`: agents that failed for good, by category."""

    sessions: int = 0
    statuses: dict[str, int] = {}
    duration_s: float = 0.0
    longest_s: float = 0.0
    attempts: int = 0
    retries: int = 0
    tokens: Tokens | None = None
    cost_usd: float | None = None
    failures: dict[str, int] = {}
    agents: dict[str, AgentTotals] = {}


def add_up(sessions: Iterable[Session], states: Sequence[str]) -> Totals:
    """The totals; `states` is how each session stands, as people are told."""
    totals = Totals()
    for session, state in zip(sessions, states, strict=True):
        metrics = session.metrics
        totals.sessions += 1
        totals.statuses[state] = totals.statuses.get(state, 0) + 1
        totals.duration_s = round(totals.duration_s + metrics.duration_s, 6)
        totals.longest_s = max(totals.longest_s, metrics.duration_s)
        totals.attempts += metrics.attempts
        totals.retries += metrics.retries
        totals.cost_usd = _sum(totals.cost_usd, metrics.cost_usd)
        if metrics.tokens is not None:
            totals.tokens = metrics.tokens + (totals.tokens or Tokens())
        for name, record in session.agents.items():
            _add_agent(totals.agents.setdefault(name, AgentTotals()), record)
            if record.error is not None:
                totals.failures[record.error.category] = totals.failures.get(record.error.category, 0) + 1
    return totals


def _add_agent(agent: AgentTotals, record: AgentRecord) -> None:
    agent.sessions += 1
    agent.attempts += record.attempts
    agent.completed += record.status is AgentStatus.COMPLETED
    agent.failed += record.status is AgentStatus.FAILED
    agent.duration_s = round(agent.duration_s + (record.duration_s or 0.0), 6)
    agent.cost_usd = _sum(agent.cost_usd, record.cost_usd)
    if record.tokens is not None:
        agent.tokens = record.tokens + (agent.tokens or Tokens())


def _sum(known: float | None, more: float | None) -> float | None:
    return known if more is None else round((known or 0.0) + more, 9)
