"""What to type where a budget is used up."""

import math
from shlex import quote

from git_pliny.executor.budgets import OverBudget
from git_pliny.executor.options import Order
from git_pliny.model.budget import Resource, UsedUp
from git_pliny.model.duration import render_duration


def way_on(order: Order, over: OverBudget, resume: str) -> str:
    """The command that goes on with a higher budget: as much again as there was, above what is spent."""
    found = over.used_up
    if over.agent is None and over.phase is None:
        return f"{resume} --budget-{found.resource.replace('_', '-')} {_higher(found)}"
    if over.agent is not None:
        source = order.plan.agents[over.agent].source
        owner = f"agent {over.agent}" + (f" ({source})" if source else "")
    else:
        owner = f"phase {over.phase}"
    return f"give {owner} a higher budget, {found.resource.value}: {_higher(found)}, then: {resume}"


def _higher(found: UsedUp) -> str:
    amount = max(found.spent, found.limit) + found.limit
    match found.resource:
        case Resource.COST:
            return f"{math.ceil(round(amount * 100, 6)) / 100:.2f}"
        case Resource.TOKENS:
            return f"{amount:.0f}"
        case Resource.TIME:
            return quote(render_duration(amount if amount < 1 else math.ceil(amount)))
