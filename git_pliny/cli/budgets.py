"""Budgets on the command line: the options that set the session's, and the one that goes on where it is used up."""

import math
from typing import Annotated

from git_pliny.cli.declare import option
from git_pliny.model.budget import Resource, UsedUp
from git_pliny.model.duration import render_duration

Cost = Annotated[
    float | None,
    option("--budget-cost-usd", metavar="USD", help="What the session may cost in US dollars before it is paused."),
]
TokenCount = Annotated[
    int | None,
    option("--budget-tokens", metavar="N", min=1, help="How many tokens it may use before it is paused."),
]
Time = Annotated[
    str | None,
    option("--budget-time", metavar="TIME", help="How long it may work, as in 1h30m, before it is paused."),
]


def higher(found: UsedUp) -> str:
    """The option for a budget with which the session goes on."""
    return f"--budget-{found.resource.replace('_', '-')} {higher_amount(found)}"


def higher_amount(found: UsedUp) -> str:
    """As much again as there was, above what is spent."""
    amount = max(found.spent, found.limit) + found.limit
    match found.resource:
        case Resource.COST:
            return f"{math.ceil(round(amount * 100, 6)) / 100:.2f}"
        case Resource.TOKENS:
            return f"{amount:.0f}"
        case Resource.TIME:
            return render_duration(amount if amount < 1 else math.ceil(amount))
