"""Which provider an agent asks, as far as it can be told."""

import pytest

from git_pliny.model.provider import address_in, provider_of


@pytest.mark.parametrize(
    ("preset", "model", "address", "expected"),
    [
        ("anthropic", None, None, "anthropic"),
        ("opencode", "openai/gpt-5", None, "openai"),
        ("opencode", None, None, "opencode"),
        ("aider", "gemini/gemini-2.5-pro", None, "google"),
        ("aider", "openrouter/anthropic/claude-opus-4", None, "openrouter"),
        ("aider", "sonnet", None, "anthropic"),
        ("llm", "gpt-5-mini", None, "openai"),
        ("llm", "o3", None, "openai"),
        ("llm", "claude-opus-4-1", None, "anthropic"),
        ("llm", "gptq-of-mine", None, "llm"),
        ("openai", None, "http://localhost:8080/v1", "openai at localhost:8080"),
        ("openai", None, "https://user:secret@models.example/v1?key=secret", "openai at models.example"),
        ("openai", None, "http://[broken", "openai"),
        ("openai", None, "no address", "openai"),
    ],
)
def test_a_provider_is_told_by_model_and_address(
    preset: str, model: str | None, address: str | None, expected: str
) -> None:
    assert provider_of(preset, model=model, address=address) == expected


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, None),
        ({"ANTHROPIC_API_KEY": "k"}, None),
        ({"ANTHROPIC_BASE_URL": "http://a", "X": "y"}, "http://a"),
        ({"OPENAI_API_BASE": "http://b"}, "http://b"),
    ],
)
def test_the_address_of_a_server_stands_in_an_agent_s_own_variables(env: dict[str, str], expected: str | None) -> None:
    assert address_in(env) == expected
