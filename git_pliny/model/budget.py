"""Which budget is used up. Pure: what was spent, and how long was worked, comes in."""

from enum import StrEnum

import msgspec

from git_pliny.model.session import BudgetRecord
from git_pliny.model.spending import Spending


class Resource(StrEnum):
    """What a budget limits, by the word that a plan has for it."""

    COST = "cost_usd"
    TOKENS = "tokens"
    TIME = "time"


class UsedUp(msgspec.Struct, frozen=True, kw_only=True):
    """A budget that is spent: dollars, tokens or seconds."""

    resource: Resource
    spent: float
    limit: float


def used_up(budget: BudgetRecord, spending: Spending, worked_s: float) -> UsedUp | None:
    """The first part of the budget of which nothing is left; None while there is something of all of them."""
    limits = (
        (Resource.COST, budget.cost_usd, spending.cost_usd),
        (Resource.TOKENS, budget.tokens, spending.tokens.total if spending.tokens else None),
        (Resource.TIME, budget.time_s, worked_s),
    )
    for resource, limit, spent in limits:
        if limit is not None and spent is not None and spent >= limit:
            return UsedUp(resource=resource, spent=spent, limit=limit)
    return None
