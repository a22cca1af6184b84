"""Waiting for providers of models: what attempts met of their limits, told to the trail and to those that come next."""

from collections.abc import Iterator
from contextlib import suppress

import msgspec

from git_pliny.executor.attempt import Conclusion
from git_pliny.executor.desk import Desk
from git_pliny.executor.job import Job
from git_pliny.model.duration import parse_duration, render_duration
from git_pliny.model.events import EventType, parse_time, render_time
from git_pliny.model.failure import Failure
from git_pliny.model.settings import Category
from git_pliny.runners.base import Outcome

_TOO_MANY_REQUESTS = 429
_UNANSWERED = (Category.NETWORK, Category.AI)


class Waiting:
    """What the attempts of one execution meet; an agent without a provider holds back nobody."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._longest_s = _longest_s(desk)

    def heed(self, job: Job, conclusion: Conclusion) -> Conclusion:
        """The conclusion, in words for a server that wants to be left alone for too long.

        An answer lets the others of the provider follow.
        """
        agent, failure = job.attempt.agent, conclusion.failure
        if conclusion.outcome.exit_code is not None and (failure is None or failure.category not in _UNANSWERED):
            self._desk.holds.got_through(agent.provider, agent.name)
        if failure is None or not self.is_too_long(failure):
            return conclusion
        asked = render_duration(failure.retry_after_s or 0.0)
        words = f"{failure.message}; to be asked again in {asked}, which is over error_handling.max_wait"
        return msgspec.structs.replace(conclusion, failure=msgspec.structs.replace(failure, message=words))

    def is_too_long(self, failure: Failure) -> bool:
        """Whether a server asks to wait longer than the settings allow."""
        return failure.retry_after_s is not None and failure.retry_after_s > self._longest_s

    def hold(self, job: Job, failure: Failure, delay_s: float) -> None:
        """Have others of the provider wait as long as it asks; as this agent itself does, where it does not say."""
        attempt, now = job.attempt, self._desk.order.monotonic()
        provider, seconds = attempt.agent.provider, failure.retry_after_s or delay_s
        if not provider or not failure.is_throttled:
            return
        if self.is_too_long(failure):
            self._desk.holds.close(provider, now + seconds)
        elif self._desk.holds.hold(provider, now, seconds):
            data = _data(provider, seconds, parse_time(self._desk.run.now()) + round(seconds * 1e6))
            name, phase = attempt.agent.name, attempt.phase
            self._desk.note(EventType.HOLD, agent=name, phase=phase, attempt=attempt.number, data=data)


def refusal(desk: Desk, provider: str) -> Outcome | None:
    """The outcome of an attempt that asks a provider which is known to refuse it, for longer than anybody waits."""
    left = desk.holds.closed_s(provider, desk.order.monotonic())
    if left is None or left <= _longest_s(desk):
        return None
    words = f"rate limit of {provider}: not asked again"
    return Outcome(error=words, tail=words, http_status=_TOO_MANY_REQUESTS, retry_after_s=left)


def restore(desk: Desk) -> None:
    """Hold back what an earlier run of the session was told to hold back, as long as it is to be."""
    for provider, until in _still_held(desk):
        seconds = (until - parse_time(desk.run.now())) / 1e6
        if 0 < seconds <= _longest_s(desk) and desk.holds.hold(provider, desk.order.monotonic(), seconds):
            desk.note(EventType.HOLD, data=_data(provider, seconds, until))


def _still_held(desk: Desk) -> Iterator[tuple[str, int]]:
    for provider, until in desk.run.state.holds.items():
        with suppress(ValueError):  # a time that there is not, of a trail from elsewhere
            yield provider, parse_time(until)


def _data(provider: str, seconds: float, until: int) -> dict[str, str | float]:
    return {"provider": provider, "delay_s": round(seconds, 3), "until": render_time(until)}


def _longest_s(desk: Desk) -> float:
    return parse_duration(desk.order.settings.error_handling.max_wait)
