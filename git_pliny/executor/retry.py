"""How often an agent is tried again and how long each wait is, on tenacity's wait and stop strategies.

Whether a failure may be tried again at all is `model.failure`'s answer; this is about how.
"""

import math
import random
from typing import Self

import msgspec
from tenacity import RetryCallState, Retrying
from tenacity.stop import stop_after_attempt
from tenacity.wait import wait_base, wait_exponential, wait_fixed, wait_incrementing

from git_pliny.model.failure import DEFAULT_STRATEGIES
from git_pliny.model.plan import Agent
from git_pliny.model.settings import Backoff, Category, RetryStrategy, Settings

JITTER = 0.1
"""At most this part of a delay is added to it, so that many agents do not come back at one moment."""

_LONGEST_S = 366 * 86_400.0
"""Anything longer is a slip of the pen, or more than the clocks of some systems can wait for."""

_MANY = 1_000_000
"""Retries beyond it wait as long as this one: its delay is over any limit."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How failures of one category are retried. Delays in seconds."""

    max_retries: int
    backoff: Backoff
    initial_s: float
    max_s: float

    @classmethod
    def resolve(cls, category: Category, *, agent: Agent, settings: Settings) -> Self:
        """The policy for `category`: each value from the first layer that gives it.

        The agent's own settings (by category, for all, its bare `max_retries`), then
        `error_handling.retry_strategies`, then `execution.max_retries`, then the table of DESIGN section 6.
        """
        layers = (
            agent.retry_strategies.get(category),
            agent.retry,
            RetryStrategy(max_retries=agent.max_retries),
            settings.error_handling.retry_strategies.get(category),
            RetryStrategy(max_retries=settings.execution.max_retries),
            RetryStrategy(max_delay=settings.error_handling.max_delay),
            DEFAULT_STRATEGIES[category],
        )
        given = [layer for layer in layers if layer is not None]
        return cls(
            max_retries=max(0, next(one.max_retries for one in given if one.max_retries is not None)),
            backoff=next(one.backoff for one in given if one.backoff is not None),
            initial_s=_seconds(next(one.initial_delay for one in given if one.initial_delay is not None)),
            max_s=_seconds(next(one.max_delay for one in given if one.max_delay is not None)),
        )

    def allows(self, retries_done: int) -> bool:
        """Whether one more retry is left after `retries_done` of them."""
        return not stop_after_attempt(self.max_retries + 1)(_after(retries_done + 1))

    def delay_s(self, retry_index: int, *, retry_after_s: float | None, rng: random.Random) -> float:
        """How long to wait before the retry of that index, from 0.

        Jitter only adds. What a server asked for is waited for in full, above `max_s` too.
        """
        delay = _wait(self.backoff, self.initial_s, self.max_s)(_after(retry_index + 1))
        delay = min(delay + delay * JITTER * rng.random(), self.max_s)
        asked = retry_after_s if retry_after_s is not None and math.isfinite(retry_after_s) else 0.0
        return min(max(delay, asked), _LONGEST_S)


def _wait(backoff: Backoff, initial_s: float, max_s: float) -> wait_base:
    match backoff:
        case Backoff.EXPONENTIAL if initial_s > 0:
            return wait_exponential(multiplier=initial_s, exp_base=2.0, max=max_s)
        case Backoff.LINEAR:
            return wait_incrementing(start=initial_s, increment=initial_s, max=max_s)
        case _:
            return wait_fixed(min(initial_s, max_s))


def _after(attempts: int) -> RetryCallState:
    """What tenacity's strategies look at: that many attempts were made."""
    state = RetryCallState(retry_object=_RETRYING, fn=None, args=(), kwargs={})
    state.attempt_number = min(attempts, _MANY)
    return state


_RETRYING = Retrying()


def _seconds(milliseconds: int) -> float:
    return max(0, min(milliseconds, int(_LONGEST_S * 1000))) / 1000
