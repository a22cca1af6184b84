"""What tokens cost, by the list of prices that genai-prices brings along: nothing is fetched.

What stands in no list has no price here, which is not the same as costing nothing.
"""

from collections.abc import Iterator
from functools import cache
from importlib import metadata, util

import msgspec

from git_pliny.model.endpoint import PROVIDERS


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one request, or of several; the cached ones are among those of the input."""

    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None


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


@cache
def has_prices() -> bool:
    """Whether there is a list on this machine."""
    return util.find_spec("genai_prices") is not None


@cache
def _source() -> str:
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
