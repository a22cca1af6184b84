"""Where a model is asked, and with which key, as it follows from the agent and from variables."""

import pytest

from git_pliny.model.endpoint import PROVIDERS, ModelCall, Style, split_model


def call(provider: str = "openai", **more: str) -> ModelCall:
    return ModelCall(provider=provider, name="m", base_url=more.get("base_url"), api_key_env=more.get("api_key_env"))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("openai/gpt-5", ("openai", "gpt-5")),
        ("openrouter/google/gemini-2.5-pro", ("openrouter", "google/gemini-2.5-pro")),
        ("sonnet", None),
        ("/gpt-5", None),
        ("openai/", None),
    ],
)
def test_the_provider_stands_before_the_first_slash(text: str, parts: tuple[str, str] | None) -> None:
    assert split_model(text) == parts


def test_the_address_is_the_agents_then_a_variables_then_the_providers() -> None:
    variables = {"OPENAI_BASE_URL": "http://told/v1"}
    assert call(base_url="http://own/v1/").endpoint(variables).base_url == "http://own/v1"
    assert call().endpoint(variables).base_url == "http://told/v1"
    assert call().endpoint({}).base_url == PROVIDERS["openai"].base_url


def test_an_address_in_the_style_of_anthropic_may_end_in_the_version() -> None:
    found = call("anthropic", base_url="http://own/v1").endpoint({})
    assert (found.style, found.base_url) == (Style.ANTHROPIC, "http://own")


def test_the_first_variable_that_is_set_holds_the_key() -> None:
    assert call("google").endpoint({"GOOGLE_API_KEY": " b "}).key == "b"
    assert call("google").endpoint({"GEMINI_API_KEY": "a", "GOOGLE_API_KEY": "b"}).key == "a"


@pytest.mark.parametrize(
    ("asked", "lacks"),
    [
        (call(), True),
        (call("ollama"), False),
        (call(base_url="http://own/v1"), False),
        (call(base_url="http://own/v1", api_key_env="MINE"), True),
    ],
)
def test_a_key_is_missing_at_the_providers_own_address_or_where_it_is_named(asked: ModelCall, lacks: bool) -> None:
    assert asked.endpoint({}).lacks_key is lacks


def test_an_address_that_is_none_has_no_server() -> None:
    found = call().endpoint({"OPENAI_BASE_URL": "http://[broken"})
    assert (found.server, found.secrets) == ("", ())


def test_a_login_in_the_address_is_a_secret_and_no_part_of_the_server() -> None:
    found = call(base_url="https://ada:pw@host:8443/v1").endpoint({"OPENAI_API_KEY": "key"})
    assert found.server == "host:8443"
    assert set(found.secrets) == {"key", "ada:pw", "pw"}


@pytest.mark.parametrize(
    ("address", "is_near"),
    [
        ("http://localhost:1/v1", True),
        ("http://LOCALHOST/v1", True),
        ("http://ada:pw@127.0.0.1:1/v1", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:80/v1", True),
        ("http://models.localhost", True),
        ("http://127.0.0.1.example.com", False),
        ("http://mylocalhost", False),
        ("http://127.0.0.1@example.com", False),
        ("http://[broken", False),
    ],
)
def test_a_server_is_near_on_this_machine_only(address: str, *, is_near: bool) -> None:
    assert call(base_url=address).endpoint({}).is_near is is_near


@pytest.mark.parametrize(
    ("provider", "name", "address", "is_newer"),
    [
        ("openai", "anything", None, True),
        ("openai", "o3-mini", "http://own/v1", True),
        ("openai", "ft:gpt-4o:x", "http://own/v1", True),
        ("openai", "gpt-oss:20b", "http://own/v1", False),
        ("openai", "olmo-2", "http://own/v1", False),
        ("groq", "x", None, True),
        ("mistral", "gpt-5", None, False),
        ("ollama", "gpt-5", None, False),
    ],
)
def test_the_limit_has_its_newer_name_where_that_is_known(
    provider: str, name: str, address: str | None, *, is_newer: bool
) -> None:
    asked = ModelCall(provider=provider, name=name, base_url=address)
    assert asked.has_newer_limit(asked.endpoint({}).base_url) is is_newer
