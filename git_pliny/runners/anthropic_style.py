"""Models behind an interface in the style of Anthropic: messages."""

from functools import cache

import anthropic
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.settings import ModelSettings

from git_pliny.model.endpoint import Endpoint, ModelCall

CONNECT_S = 30.0

SETTINGS = ModelSettings()


@cache
def model(call: ModelCall, endpoint: Endpoint, key: str) -> Model:
    """The model; those at one address share their connections."""
    client = _client(endpoint.base_url, key, is_near=endpoint.is_near)
    return AnthropicModel(call.name, provider=AnthropicProvider(anthropic_client=client))


@cache
def _client(base_url: str, key: str, *, is_near: bool) -> anthropic.AsyncAnthropic:
    limit = anthropic.Timeout(None, connect=CONNECT_S)
    client = anthropic.DefaultAsyncHttpxClient(trust_env=False, timeout=limit) if is_near else None
    return anthropic.AsyncAnthropic(base_url=base_url, api_key=key, max_retries=0, timeout=limit, http_client=client)
