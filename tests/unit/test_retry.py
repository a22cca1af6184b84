"""How often and after which delays agents are tried again."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from git_pliny.executor.retry import RetryPolicy
from git_pliny.model.plan import Agent
from git_pliny.model.settings import (
    Backoff,
    Category,
    ErrorHandling,
    ExecutionSettings,
    RetryStrategy,
    Settings,
)

PLAIN = Agent(name="a", run="true")


class _Still(random.Random):
    """Gives the same number each time."""

    def __init__(self, number: float) -> None:
        super().__init__(0)
        self._number = number

    def random(self) -> float:
        return self._number


NONE, MOST = _Still(0.0), _Still(1.0)


def _policy(
    backoff: Backoff = Backoff.EXPONENTIAL, *, initial_s: float = 1.0, max_s: float = 300.0, max_retries: int = 3
) -> RetryPolicy:
    return RetryPolicy(max_retries=max_retries, backoff=backoff, initial_s=initial_s, max_s=max_s)


def _delays(policy: RetryPolicy, rng: random.Random = NONE) -> list[float]:
    return [policy.delay_s(index, retry_after_s=None, rng=rng) for index in range(4)]


def _resolved(category: Category, *, agent: Agent = PLAIN, settings: Settings | None = None) -> RetryPolicy:
    return RetryPolicy.resolve(category, agent=agent, settings=settings or Settings())


def test_exponential_delays_double() -> None:
    assert _delays(_policy()) == [1.0, 2.0, 4.0, 8.0]


def test_linear_delays_grow_by_the_first() -> None:
    assert _delays(_policy(Backoff.LINEAR, initial_s=2.0)) == [2.0, 4.0, 6.0, 8.0]


def test_fixed_delays_stay() -> None:
    assert _delays(_policy(Backoff.FIXED, initial_s=2.0)) == [2.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize("backoff", list(Backoff))
def test_jitter_adds_at_most_a_tenth(backoff: Backoff) -> None:
    without, most = _delays(_policy(backoff)), _delays(_policy(backoff), MOST)
    assert most == pytest.approx([1.1 * delay for delay in without])


@pytest.mark.parametrize("backoff", list(Backoff))
def test_no_delay_is_longer_than_the_cap(backoff: Backoff) -> None:
    policy = _policy(backoff, initial_s=5.0, max_s=5.0)
    assert policy.delay_s(9, retry_after_s=None, rng=MOST) == 5.0


@pytest.mark.parametrize("backoff", list(Backoff))
def test_an_initial_delay_of_nothing_stays_nothing(backoff: Backoff) -> None:
    assert _policy(backoff, initial_s=0.0).delay_s(10**9, retry_after_s=None, rng=MOST) == 0.0


@pytest.mark.parametrize("backoff", list(Backoff))
def test_a_huge_number_of_retries_does_not_overflow(backoff: Backoff) -> None:
    assert _policy(backoff, max_s=60.0).delay_s(10**400, retry_after_s=None, rng=NONE) in (1.0, 60.0)


def test_what_a_server_asks_is_waited_for_above_the_cap_too() -> None:
    assert _policy(max_s=5.0).delay_s(0, retry_after_s=90.0, rng=MOST) == 90.0


def test_a_server_that_asks_for_less_does_not_shorten_the_delay() -> None:
    assert _policy().delay_s(2, retry_after_s=1.0, rng=NONE) == 4.0


@pytest.mark.parametrize("asked", [math.nan, math.inf, -5.0])
def test_a_senseless_wish_of_a_server_is_not_obeyed(asked: float) -> None:
    assert _policy().delay_s(0, retry_after_s=asked, rng=NONE) == 1.0


@pytest.mark.parametrize(("max_retries", "allowed"), [(0, 0), (1, 1), (3, 3)])
def test_as_many_retries_are_allowed_as_said(max_retries: int, allowed: int) -> None:
    policy = _policy(max_retries=max_retries)
    assert [done for done in range(6) if policy.allows(done)] == list(range(allowed))


def test_the_table_is_what_counts_where_nothing_is_set() -> None:
    network, ai, tool = (_resolved(category) for category in (Category.NETWORK, Category.AI, Category.TOOL))
    assert (network.max_retries, network.backoff, network.initial_s) == (3, Backoff.EXPONENTIAL, 1.0)
    assert (ai.max_retries, ai.backoff, ai.initial_s) == (5, Backoff.EXPONENTIAL, 5.0)
    assert (tool.max_retries, tool.backoff, tool.initial_s) == (2, Backoff.LINEAR, 2.0)


def test_execution_max_retries_wins_over_the_table() -> None:
    settings = Settings(execution=ExecutionSettings(max_retries=9))
    assert _resolved(Category.AI, settings=settings).max_retries == 9


def test_a_retry_strategy_wins_over_execution_max_retries() -> None:
    settings = Settings(
        execution=ExecutionSettings(max_retries=9),
        error_handling=ErrorHandling(retry_strategies={Category.AI: RetryStrategy(max_retries=4)}),
    )
    assert _resolved(Category.AI, settings=settings).max_retries == 4
    assert _resolved(Category.NETWORK, settings=settings).max_retries == 9


def test_an_agents_own_number_wins_over_the_settings() -> None:
    settings = Settings(error_handling=ErrorHandling(retry_strategies={Category.AI: RetryStrategy(max_retries=4)}))
    agent = Agent(name="a", run="true", max_retries=0)
    assert _resolved(Category.AI, agent=agent, settings=settings).max_retries == 0


def test_the_most_special_setting_of_an_agent_wins() -> None:
    agent = Agent(
        name="a",
        run="true",
        max_retries=1,
        retry=RetryStrategy(max_retries=2),
        retry_strategies={Category.AI: RetryStrategy(max_retries=3)},
    )
    assert _resolved(Category.AI, agent=agent).max_retries == 3
    assert _resolved(Category.TOOL, agent=agent).max_retries == 2


def test_each_value_comes_from_the_first_layer_that_gives_it() -> None:
    settings = Settings(
        error_handling=ErrorHandling(
            max_delay=7000, retry_strategies={Category.NETWORK: RetryStrategy(backoff=Backoff.FIXED, max_retries=8)}
        )
    )
    agent = Agent(name="a", run="true", retry=RetryStrategy(initial_delay=500))
    assert _resolved(Category.NETWORK, agent=agent, settings=settings) == _policy(
        Backoff.FIXED, initial_s=0.5, max_s=7.0, max_retries=8
    )


def test_a_strategy_can_lower_the_cap() -> None:
    strategies = {Category.NETWORK: RetryStrategy(max_delay=1500)}
    settings = Settings(error_handling=ErrorHandling(retry_strategies=strategies))
    assert _resolved(Category.NETWORK, settings=settings).max_s == 1.5


@examples(deadline=None, max_examples=60)
@given(
    category=st.sampled_from(list(Category)),
    number=st.integers(-(10**400), 10**400),
    index=st.integers(0, 10**30),
    asked=st.one_of(st.none(), st.floats()),
)
def test_no_setting_makes_a_delay_that_cannot_be_waited_for(
    category: Category, number: int, index: int, asked: float | None
) -> None:
    strategy = RetryStrategy(max_retries=number, initial_delay=number, max_delay=number)
    policy = _resolved(category, agent=Agent(name="a", run="true", retry=strategy))
    delay = policy.delay_s(index, retry_after_s=asked, rng=random.Random(1))
    assert 0 <= delay <= 366 * 86_400
    assert policy.allows(0) is (number > 0)
