"""What tokens cost, by the list of prices that genai-prices brings along: nothing is fetched.

What stands in no list has no price here, which is not the same as costing nothing.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import util

import msgspec

from git_pliny.model.endpoint import PROVIDERS, split_model
from git_pliny.runners.usage import Usage, Used


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """An amount, and whose list it is from."""

    cost_usd: float
    source: str


def price(usage: Usage, *, models: tuple[str | None, ...], provider: str | None) -> Price | None:
    """The cost of `usage` by the first of `models` that is listed; None where none is, or no list is installed.

    `provider` is one of `model.endpoint`; without it, whoever is known for the model.
    """
    known = PROVIDERS.get(provider or "")
    if not has_prices() or (known is not None and known.priced_as is None):
        return None
    for model in filter(None, models):
        for amount in _amounts(usage, model, known.priced_as if known else provider):
            return Price(cost_usd=round(amount, 9), source=_source())
    return None


def price_of(used: Sequence[Used], *, model: str | None, provider: str | None) -> Price | None:
    """What a coding agent's models cost together; None where one of them has no price.

    `model` is what the agent was told to work with, `provider` whose models its program works with; a provider in the
    name of a model counts more.
    """
    parts = []
    for each in used:
        named = each.model or model
        if named is None or (provider is None and split_model(named) is None):
            return None
        whose, name = split_model(named) or (provider, named)
        parts.append(price(each.usage, models=(name,), provider=whose))
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    return Price(cost_usd=round(sum(part.cost_usd for part in known), 9), source=known[0].source)


@cache
def has_prices() -> bool:
    """Whether there is a list on this machine."""
    return util.find_spec("genai_prices") is not None


@cache
def _source() -> str:
    from importlib import metadata  # noqa: PLC0415 - it imports a good part of the standard library

    return f"genai-prices {metadata.version('genai-prices')}"


def _amounts(usage: Usage, model: str, provider: str | None) -> Iterator[float]:
    from genai_prices import calc_price  # noqa: PLC0415 - an extra

    try:
        found = calc_price(usage, model_ref=model, provider_id=provider)
    except (LookupError, ValueError):
        return
    amount = float(found.total_price)
    if amount > 0:  # a free model is listed at 0, and so is what nobody has filled in
        yield amount
