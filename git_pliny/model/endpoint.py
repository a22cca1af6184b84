"""Models that are asked directly: who provides them, in which style they are spoken to, and what decides their address.

A provider is data. The address and the key of a request follow from the agent, its variables and the user's, as the
provider's own programs read them.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import urlsplit

import msgspec


class Style(StrEnum):
    """The two interfaces that nearly everybody offers."""

    OPENAI = "openai"
    """Chat completions below the address: `<base_url>/chat/completions`."""
    ANTHROPIC = "anthropic"
    """Messages below `/v1`: `<base_url>/v1/messages`."""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a model belongs to. The first variable that is set counts; without `keys`, none is needed."""

    base_url: str
    style: Style = Style.OPENAI
    addresses: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    priced_as: str | None = None
    """Its name where prices are listed."""
    newer_limit: bool = False
    """Whether the limit of an answer is `max_completion_tokens` there: others refuse that word, or pass it over."""


PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider(
        base_url="https://api.openai.com/v1",
        addresses=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        keys=("OPENAI_API_KEY",),
        priced_as="openai",
        newer_limit=True,
    ),
    "anthropic": Provider(
        base_url="https://api.anthropic.com",
        style=Style.ANTHROPIC,
        addresses=("ANTHROPIC_BASE_URL",),
        keys=("ANTHROPIC_API_KEY",),
        priced_as="anthropic",
    ),
    "google": Provider(
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        priced_as="google",
    ),
    "openrouter": Provider(
        base_url="https://openrouter.ai/api/v1", keys=("OPENROUTER_API_KEY",), priced_as="openrouter"
    ),
    "mistral": Provider(base_url="https://api.mistral.ai/v1", keys=("MISTRAL_API_KEY",), priced_as="mistral"),
    "groq": Provider(
        base_url="https://api.groq.com/openai/v1", keys=("GROQ_API_KEY",), priced_as="groq", newer_limit=True
    ),
    "deepseek": Provider(base_url="https://api.deepseek.com", keys=("DEEPSEEK_API_KEY",), priced_as="deepseek"),
    "xai": Provider(base_url="https://api.x.ai/v1", keys=("XAI_API_KEY",), priced_as="x-ai", newer_limit=True),
    "together": Provider(base_url="https://api.together.xyz/v1", keys=("TOGETHER_API_KEY",), priced_as="together"),
    "fireworks": Provider(
        base_url="https://api.fireworks.ai/inference/v1", keys=("FIREWORKS_API_KEY",), priced_as="fireworks"
    ),
    "cerebras": Provider(
        base_url="https://api.cerebras.ai/v1", keys=("CEREBRAS_API_KEY",), priced_as="cerebras", newer_limit=True
    ),
    "ollama": Provider(base_url="http://localhost:11434/v1", addresses=("OLLAMA_BASE_URL",)),
    "lmstudio": Provider(base_url="http://localhost:1234/v1"),
    "llamacpp": Provider(base_url="http://localhost:8080/v1"),
    "vllm": Provider(base_url="http://localhost:8000/v1"),
}
"""By the word before the first `/` of `model:`."""

_OPENAIS = re.compile(r"(?:ft:|openai/)?(?:gpt-(?!oss)|chatgpt-|codex-|o\d)")
_LOOPBACK = re.compile(r"127(?:\.\d{1,3}){3}")

DEFAULT_TIMEOUT_S = 600.0
"""How long an answer may take where neither the agent nor the settings say it."""


class ModelCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The model that an agent asks; `api_key_env` names the variable that holds the key."""

    provider: str
    name: str
    base_url: str | None = None
    api_key_env: str | None = None
    max_tokens: int | None = None
    """The limit of an answer; else the provider's."""
    temperature: float | None = None

    @property
    def full_name(self) -> str:
        """As it stands in the plan: `openai/gpt-5`."""
        return f"{self.provider}/{self.name}"

    def key_variables(self) -> tuple[str, ...]:
        """The variables of which the first that is set holds the key."""
        return (self.api_key_env,) if self.api_key_env else PROVIDERS[self.provider].keys

    def has_newer_limit(self, base_url: str) -> bool:
        """Whether the limit of an answer has its newer name at that address: OpenAI's own models insist on it."""
        provider = PROVIDERS[self.provider]
        return provider.newer_limit and (base_url == provider.base_url or _OPENAIS.match(self.name) is not None)

    def endpoint(self, variables: Mapping[str, str]) -> "Endpoint":
        """Where it is asked, given the agent's variables above the user's."""
        provider = PROVIDERS[self.provider]
        told = next((variables[name] for name in provider.addresses if variables.get(name)), None)
        base_url = (self.base_url or told or provider.base_url).rstrip("/")
        if provider.style is Style.ANTHROPIC:  # its style has the version in the path, others in the address
            base_url = base_url.removesuffix("/v1")
        key = next((variables[name].strip() for name in self.key_variables() if variables.get(name, "").strip()), None)
        is_own = base_url != provider.base_url
        needs_key = self.api_key_env is not None or (bool(provider.keys) and not is_own)
        return Endpoint(style=provider.style, base_url=base_url, key=key, lacks_key=needs_key and key is None)


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model is asked. At an address of the user's own there may be no key: many servers want none."""

    style: Style
    base_url: str
    key: str | None = None
    lacks_key: bool = False

    @property
    def _place(self) -> tuple[str, str, str]:
        """Login, `@` and server; nothing of an address that is none, which a variable may hold."""
        try:
            return urlsplit(self.base_url).netloc.rpartition("@")
        except ValueError:
            return "", "", ""

    @property
    def is_near(self) -> bool:
        """Whether it is this very machine: no proxy leads there."""
        try:
            host = urlsplit(self.base_url).hostname or ""
        except ValueError:
            return False
        return host in {"localhost", "::1"} or host.endswith(".localhost") or _LOOPBACK.fullmatch(host) is not None

    @property
    def server(self) -> str:
        """The host, and the port where it is told: nothing secret."""
        return self._place[2]

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be told to anybody else."""
        login = self._place[0]
        return tuple(each for each in (self.key, login, login.partition(":")[2]) if each)


def split_model(text: str) -> tuple[str, str] | None:
    """Provider and name of `provider/name`; None where no provider stands in it (`sonnet`)."""
    provider, slash, name = text.strip().partition("/")
    return (provider, name) if slash and provider and name else None
