"""What tokens cost: listed prices of known models, and nothing else."""

import pytest

from git_pliny.runners.prices import price, price_of
from git_pliny.runners.usage import Usage, Used

USAGE = Usage(input_tokens=1000, output_tokens=100)
COST = (1000 * 1.25 + 100 * 10) / 1e6


def test_a_listed_model_has_a_price_and_its_source() -> None:
    found = price(USAGE, models=("gpt-5",), provider="openai")
    assert found is not None
    assert found.cost_usd == pytest.approx(COST)
    assert found.source.startswith("genai-prices ")


def test_the_first_name_that_is_listed_counts() -> None:
    found = price(USAGE, models=(None, "no-such-thing", "gpt-5"), provider="openai")
    assert found is not None
    assert found.cost_usd == pytest.approx(COST)


def test_cached_tokens_cost_less() -> None:
    cached = Usage(input_tokens=1000, cache_read_tokens=800, output_tokens=100)
    found = price(cached, models=("gpt-5",), provider="openai")
    assert found is not None
    assert found.cost_usd < COST


@pytest.mark.parametrize(
    ("model", "provider"), [("no-such-thing", "openai"), ("gpt-5", "ollama"), ("gpt-5", "no-such-provider")]
)
def test_what_nobody_lists_is_unknown(model: str, provider: str) -> None:
    assert price(USAGE, models=(model,), provider=provider) is None


def test_several_models_cost_their_sum_or_nothing_is_known() -> None:
    known = Used(model="gpt-5", usage=USAGE)
    both = price_of([known, known], model=None, provider="openai")
    assert both is not None
    assert both.cost_usd == pytest.approx(2 * COST)
    assert price_of([known, Used(model="mine", usage=USAGE)], model=None, provider="openai") is None


def test_a_provider_in_the_name_counts_more_and_without_any_there_is_no_price() -> None:
    used = [Used(usage=USAGE)]
    found = price_of(used, model="openai/gpt-5", provider="google")
    assert found is not None
    assert found.cost_usd == pytest.approx(COST)
    assert price_of(used, model="gpt-5", provider=None) is None
    assert price_of(used, model=None, provider="openai") is None
