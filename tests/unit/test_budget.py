"""What was spent adds up, unknown stays unknown, and a budget is used up as soon as nothing of it is left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_pliny.model.budget import Resource, UsedUp, used_up
from git_pliny.model.payloads import Spent
from git_pliny.model.session import BudgetRecord, Tokens
from git_pliny.model.settings import Budget
from git_pliny.model.spending import Spending

BUDGETS = st.builds(
    Budget,
    cost_usd=st.none() | st.floats(0.01, 5),
    tokens=st.none() | st.integers(1, 50),
    time=st.none() | st.integers(1, 50).map(lambda seconds: f"{seconds}s"),
)
SPENT = st.builds(
    Spent,
    cost_usd=st.none() | st.floats(0, 2),
    tokens=st.none() | st.builds(Tokens, input=st.integers(0, 20), output=st.integers(0, 20)),
)


def spending(*spent: Spent | None) -> Spending:
    found = Spending()
    for each in spent:
        found.spend(each)
    return found


@pytest.mark.parametrize(
    ("budget", "spent", "worked_s", "found"),
    [
        (Budget(cost_usd=1.0), Spent(cost_usd=0.99), 0.0, None),
        (Budget(cost_usd=1.0), Spent(cost_usd=1.0), 0.0, UsedUp(resource=Resource.COST, spent=1.0, limit=1.0)),
        (Budget(tokens=15), Spent(tokens=Tokens(input=10, output=4)), 0.0, None),
        (
            Budget(tokens=15),
            Spent(tokens=Tokens(input=10, output=5)),
            0.0,
            UsedUp(resource=Resource.TOKENS, spent=15, limit=15),
        ),
        (Budget(time="1m"), None, 59.9, None),
        (Budget(time="1m"), None, 60.5, UsedUp(resource=Resource.TIME, spent=60.5, limit=60.0)),
        (Budget(cost_usd=1.0, tokens=1), Spent(), 0.0, None),
        (Budget(), Spent(cost_usd=1e6, tokens=Tokens(input=10**9)), 1e9, None),
    ],
)
def test_a_budget_is_used_up_when_nothing_of_it_is_left(
    budget: Budget, spent: Spent | None, worked_s: float, found: UsedUp | None
) -> None:
    assert used_up(budget.record(), spending(spent), worked_s) == found


def test_what_nobody_told_is_unknown_and_not_nothing() -> None:
    assert spending(None, Spent(tokens=Tokens(input=1))) == Spending(tokens=Tokens(input=1), cost_usd=None)


def test_amounts_add_up_without_the_dust_of_binary_fractions() -> None:
    assert spending(*[Spent(cost_usd=0.1)] * 3).cost_usd == 0.3


def test_the_record_of_a_budget_has_its_time_in_seconds() -> None:
    assert Budget(cost_usd=2.5, tokens=7, time="1m30s").record() == BudgetRecord(cost_usd=2.5, tokens=7, time_s=90.0)


@given(BUDGETS, st.lists(SPENT, max_size=5), st.floats(0, 100), SPENT, st.floats(0, 10))
def test_a_budget_that_is_used_up_stays_so_whatever_is_spent_next(
    budget: Budget, spent: list[Spent], worked_s: float, more: Spent, longer_s: float
) -> None:
    if used_up(budget.record(), spending(*spent), worked_s):
        assert used_up(budget.record(), spending(*spent, more), worked_s + longer_s)


@given(BUDGETS, st.lists(SPENT, max_size=5), st.floats(0, 100))
def test_while_it_is_not_used_up_all_that_is_known_lies_below_it(
    budget: Budget, spent: list[Spent], worked_s: float
) -> None:
    known, limits = spending(*spent), budget.record()
    if used_up(budget.record(), known, worked_s) is None:
        assert limits.cost_usd is None or (known.cost_usd or 0.0) < limits.cost_usd
        assert limits.tokens is None or (known.tokens or Tokens()).total < limits.tokens
        assert limits.time_s is None or worked_s < limits.time_s
