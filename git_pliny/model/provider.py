"""Whose model an agent works with: agents of one provider meet the same rate limits, so they wait for it together.

A guess where nobody says it: two names for one provider cost a request that is refused, one name for two some waiting.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

_OTHER_NAMES = {"gemini": "google", "google-gla": "google", "openai-responses": "openai"}
"""How programs call a provider that others call otherwise."""

_FAMILIES = (
    ("anthropic", ("claude", "opus", "sonnet", "haiku")),
    ("openai", ("gpt", "chatgpt", "codex", "o1", "o3", "o4")),
    ("google", ("gemini",)),
)
_ADDRESS = ("_BASE_URL", "_API_BASE")


def provider_of(preset: str, *, model: str | None, address: str | None = None) -> str:
    """The provider of a model that `preset`, or a name of a provider, gives: `openai/gpt-5`, `claude-opus-4-1`.

    With the address of a server (a URL) it is that server's: `openai at localhost:8080`.
    """
    named, slash, _ = (model or "").lower().partition("/")
    name = _OTHER_NAMES.get(named, named) if slash else _of_family(named) or preset
    server = _server(address or "")
    return f"{name} at {server}" if server else name


def address_in(env: Mapping[str, str]) -> str | None:
    """The address of a model's server that an agent's own variables give."""
    return next((value for name, value in sorted(env.items()) if name.endswith(_ADDRESS)), None)


def _of_family(model: str) -> str | None:
    word = model.partition("-")[0]
    return next((provider for provider, words in _FAMILIES if word in words), None)


def _server(address: str) -> str:
    """Host and port, without what may be secret in a URL; empty where it is none."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    return f"{host}:{port}" if host and port else host
