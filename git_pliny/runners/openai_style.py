"""Models behind an interface in the style of OpenAI: chat completions, which nearly every server speaks."""

from functools import cache

import openai
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

from git_pliny.model.endpoint import Endpoint, ModelCall

CONNECT_S = 30.0

SETTINGS = OpenAIChatModelSettings(
    openai_continuous_usage_stats=True, extra_body={"stream_options": {"include_usage": True}}
)
"""Some servers (Google, xAI) tell with every chunk what was used so far: the last one counts, never their sum.

The library understands that where it asks for it, which others refuse: so it is told, and does not ask.
"""


@cache
def model(call: ModelCall, endpoint: Endpoint, key: str) -> Model:
    """The model; those at one address share their connections."""
    client = _client(endpoint.base_url, key, is_near=endpoint.is_near)
    profile = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=call.has_newer_limit(endpoint.base_url))
    if call.provider == "openai":
        return OpenAIChatModel(call.name, provider=OpenAIProvider(openai_client=client), profile=profile)
    provider = OpenAICompatibleProvider(call.provider, openai_client=client)
    return OpenAIChatModel(call.name, provider=provider, profile=profile)


@cache
def _client(base_url: str, key: str, *, is_near: bool) -> openai.AsyncOpenAI:
    limit = openai.Timeout(None, connect=CONNECT_S)
    client = openai.DefaultAsyncHttpxClient(trust_env=False, timeout=limit) if is_near else None
    return openai.AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=limit, http_client=client)
