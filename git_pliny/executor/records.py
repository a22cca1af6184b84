"""How attempts of one phase are told to the trail: their ends, their errors, and what they spent."""

from collections.abc import Mapping
from typing import Any

import msgspec

from git_pliny.executor.attempt import Conclusion, end_data, error_data, spent_data
from git_pliny.executor.desk import Desk
from git_pliny.executor.job import Job
from git_pliny.model.endpoint import ModelCall
from git_pliny.model.events import EventType
from git_pliny.model.failure import Failure
from git_pliny.model.payloads import Spent
from git_pliny.model.visible import visible
from git_pliny.runners.base import Outcome

_WORDS = 200


class Records:
    """Notes entries about attempts; they are written with the next commit."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def end_data(self, job: Job, conclusion: Conclusion) -> dict[str, Any]:
        """The `data` of the attempt's `agent_end`."""
        attempt, state = job.attempt, self._desk.run.state.agents[job.attempt.agent.name]
        self._warn_of_denials(job, conclusion.outcome)
        return end_data(
            conclusion,
            self._desk.order.masking,
            phase=attempt.phase,
            attempts=attempt.number,
            started_at=state.started_at,
            ended_at=self._desk.run.now(),
            before=Spent(tokens=state.tokens, cost_usd=state.cost_usd),
        )

    def _warn_of_denials(self, job: Job, outcome: Outcome) -> None:
        """A coding agent that may not do what it was asked for says so in its answer at best, and succeeds."""
        if outcome.denied:
            name, tools = job.attempt.agent.name, ", ".join(map(visible, outcome.denied))
            words = f"{visible(name)} was not allowed to use {tools}; where it may: `allow: [{tools}]`"
            self._desk.warn_once(self._desk.order.masking.mask_text(words), about=f"denied {name} {tools}")

    def reply(self, job: Job, outcome: Outcome) -> None:
        """What came back, where the attempt was a request to a model."""
        if outcome.reply is not None:
            mask, data = self._desk.order.masking.mask_text, msgspec.to_builtins(outcome.reply)
            told = {key: mask(value)[:_WORDS] if isinstance(value, str) else value for key, value in data.items()}
            self._note(EventType.LLM_RESPONSE, job, told | (spent_data(outcome) or {}))

    def end(self, job: Job, data: dict[str, Any]) -> None:
        """The agent has ended with this attempt."""
        self._note(EventType.AGENT_END, job, data)

    def error(self, job: Job, conclusion: Conclusion, failure: Failure, more: dict[str, Any] | None = None) -> None:
        """The attempt failed, which is not the agent's end."""
        self._note(EventType.ERROR, job, error_data(conclusion, failure, self._desk.order.masking) | (more or {}))

    def retry(self, job: Job, failure: Failure, *, retry: int, delay_s: float) -> None:
        """Another attempt follows after the delay."""
        data = {"delay_s": round(delay_s, 3), "category": failure.category.value, "retry": retry}
        self._note(EventType.RETRY, job, data)

    def cut_off(self, job: Job, outcome: Outcome) -> None:
        """The attempt was cancelled: it has no end, but what it told to have spent is spent."""
        if data := spent_data(outcome):
            self._note(EventType.SPEND, job, data)

    def _note(self, kind: EventType, job: Job, data: dict[str, Any]) -> None:
        attempt = job.attempt
        self._desk.note(kind, agent=attempt.agent.name, phase=attempt.phase, attempt=attempt.number, data=data)


def request_data(call: ModelCall, variables: Mapping[str, str]) -> dict[str, Any]:
    """The `data` of an `llm_request` entry: which model is asked, and where. The prompt has an entry of its own."""
    said = {"max_tokens": call.max_tokens, "temperature": call.temperature}
    asked = {"model": call.full_name, "server": call.endpoint(variables).server}
    return asked | {key: value for key, value in said.items() if value is not None}
