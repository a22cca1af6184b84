"""Models behind an interface in the style of OpenAI: chat completions, which nearly every server speaks."""

from functools import cache

import openai
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

CONNECT_S = 30.0


@cache
def model(provider: str, name: str, base_url: str, key: str) -> Model:
    """The model; those at one address share their connections."""
    client = _client(base_url, key)
    if provider == "openai":
        return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=client))
    return OpenAIChatModel(name, provider=OpenAICompatibleProvider(provider, openai_client=client))


@cache
def _client(base_url: str, key: str) -> openai.AsyncOpenAI:
    limit = openai.Timeout(None, connect=CONNECT_S)
    return openai.AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=limit)
