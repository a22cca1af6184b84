"""Models behind an interface in the style of Anthropic: messages."""

from functools import cache

import anthropic
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider

CONNECT_S = 30.0


@cache
def model(_provider: str, name: str, base_url: str, key: str) -> Model:
    """The model; those at one address share their connections."""
    return AnthropicModel(name, provider=AnthropicProvider(anthropic_client=_client(base_url, key)))


@cache
def _client(base_url: str, key: str) -> anthropic.AsyncAnthropic:
    limit = anthropic.Timeout(None, connect=CONNECT_S)
    return anthropic.AsyncAnthropic(base_url=base_url, api_key=key, max_retries=0, timeout=limit)
