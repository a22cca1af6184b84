"""Agents that ask a model, against servers as they are in the wild: each has its own reading of the style that it speaks."""

import json
import socket
import time
from typing import Any

import pytest
from canned import Canned, chunk, counts, saying
from scratch import Scratch

KEY = "sk-test-4f9Kq2mXv7Lw8RtZ1bYc"
WELL = chunk("Done.") + chunk("", finish="stop", usage=counts(100, 30)) + "data: [DONE]\n\n"
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY")


def asks(scratch: Scratch, server: Canned, model: str = "openai/gpt-5", **more: Any) -> None:
    """A plan of one agent that asks the server."""
    agent = {"model": model, "prompt": "Say it.", "base_url": f"{server.address}/v1", **more}
    scratch.plan(json.dumps({"execution": {"max_retries": 0}, "agents": {"ask": agent}}))
    scratch.environ.update(dict.fromkeys(KEYS, KEY))


def told(scratch: Scratch, exits: int = 0) -> dict[str, Any]:
    """The agent's record, once it was executed."""
    scratch.pliny("execute", exits=exits)
    agent = scratch.session()["agents"]["ask"]
    assert isinstance(agent, dict)
    return agent


@pytest.mark.parametrize("model", ["openai/gpt-5", "google/gemini-2.5-pro", "ollama/tiny"])
def test_tokens_that_are_told_so_far_with_every_chunk_are_not_added_up(scratch: Scratch, model: str) -> None:
    body = chunk("a", usage=counts(100, 10)) + chunk("b", usage=counts(100, 20)) + WELL
    with saying(body) as server:
        asks(scratch, server, model)
        assert told(scratch)["tokens"] == {"input": 100, "output": 30}
    assert server.asked[0].body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("usage", [{"prompt_tokens": 10**30, "completion_tokens": 1}, counts(-5, 1), counts(1, -5)])
def test_tokens_that_nothing_can_have_used_are_unknown(scratch: Scratch, usage: dict[str, int]) -> None:
    with saying(chunk("Done.", finish="stop", usage=usage)) as server:
        asks(scratch, server)
        agent = told(scratch)
    assert agent["status"] == "completed"
    assert (agent["tokens"], agent["cost_usd"]) == (None, None)


def test_half_a_character_is_replaced(scratch: Scratch) -> None:
    with saying(chunk("a\ud83db") + WELL) as server:
        asks(scratch, server, deliverables="said.md")
        assert told(scratch)["status"] == "completed"
    assert (scratch.root / "said.md").read_text() == "a?bDone.\n"


def test_half_a_character_in_an_error_is_replaced(scratch: Scratch) -> None:
    with saying('{"error": {"message": "no \\ud83d here"}}', status=400, kind="application/json") as server:
        asks(scratch, server)
        assert "no ? here" in told(scratch, exits=3)["error"]["message"]


@pytest.mark.parametrize(
    ("model", "word"),
    [
        ("openai/gpt-5", "max_completion_tokens"),
        ("openai/gpt-oss:20b", "max_tokens"),
        ("openai/my-own", "max_tokens"),
        ("ollama/tiny", "max_tokens"),
        ("mistral/mistral-large-latest", "max_tokens"),
        ("google/gemini-2.5-pro", "max_tokens"),
    ],
)
def test_the_limit_of_an_answer_has_the_name_that_the_server_knows(scratch: Scratch, model: str, word: str) -> None:
    with saying(WELL) as server:
        asks(scratch, server, model, max_tokens=70)
        told(scratch)
    found = {name: value for name, value in server.asked[0].body.items() if name.startswith("max")}
    assert found == {word: 70}


def google(status: int, message: str, **detail: Any) -> dict[str, Any]:
    """An answer with an error as Google's endpoint in the style of OpenAI sends it: in a list."""
    error = {"code": status, "message": message, "status": "X", "details": [detail] if detail else []}
    return {"body": json.dumps([{"error": error}]), "status": status, "kind": "application/json"}


USED_UP = "You exceeded your current quota, please check your plan and billing details."


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (google(400, "API key not valid.", reason="API_KEY_INVALID"), ("config", False)),
        (google(429, USED_UP, violations=[{"quotaId": "GenerateRequestsPerMinutePerProject"}]), ("ai", True)),
        (google(429, USED_UP, violations=[{"quotaId": "GenerateRequestsPerDayPerProject"}]), ("ai", False)),
        (google(404, "models/gemini-0 is not found for API version v1main"), ("ai", False)),
        (google(503, "The model is overloaded. Please try again later."), ("network", True)),
    ],
)
def test_an_error_of_googles_has_its_category_and_its_words(
    scratch: Scratch, answer: dict[str, Any], expected: tuple[str, bool]
) -> None:
    with saying(**answer) as server:
        asks(scratch, server, "google/gemini-2.5-pro")
        error = told(scratch, exits=3)["error"]
    assert (error["category"], error["recoverable"]) == expected, error
    words = json.loads(answer["body"])[0]["error"]["message"]
    assert error["message"].startswith(f"127.0.0.1:{server.server_port} answered with HTTP status")
    assert error["message"].endswith(f": {words} (X)")


def test_a_rate_limit_of_googles_is_waited_for_as_long_as_its_details_say(scratch: Scratch) -> None:
    with saying(**google(429, USED_UP, retryDelay="1.2s")) as server:
        asks(scratch, server, "google/gemini-2.5-pro", max_retries=1, retry={"initial_delay": 10})
        begun = time.monotonic()
        assert told(scratch, exits=3)["attempts"] == 2
    assert time.monotonic() - begun >= 1.2


@pytest.mark.parametrize("model", ["openai/gpt-5", "anthropic/claude-sonnet-4-5"])
def test_a_key_does_not_follow_a_redirect_to_another_server(scratch: Scratch, model: str) -> None:
    with saying(WELL) as other:
        target = other.address.replace("127.0.0.1", "localhost")
        with saying("", status=307, headers={"location": f"{target}/v1/x"}) as server:
            asks(scratch, server, model, base_url=server.address.replace("http://", "http://ada:pw-77Rq3x@"))
            scratch.run("git", "pliny", "execute")
    assert server.asked
    assert len(other.asked) == 1
    sent = json.dumps([dict(each.headers) for each in other.asked])
    assert KEY not in sent
    assert "authorization" not in sent


def closed() -> str:
    """The address of nobody."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_no_proxy_is_asked_for_a_server_on_this_machine(scratch: Scratch, name: str) -> None:
    with saying(WELL) as server:
        asks(scratch, server)
        scratch.environ[name] = closed()
        assert told(scratch)["status"] == "completed"


def test_a_proxy_is_asked_for_any_other_server(scratch: Scratch) -> None:
    with saying(WELL) as proxy:
        asks(scratch, proxy, base_url="http://models.invalid/v1")
        scratch.environ["HTTP_PROXY"] = proxy.address
        assert told(scratch)["status"] == "completed"
    assert proxy.asked[0].path == "http://models.invalid/v1/chat/completions"


def test_a_proxy_that_the_libraries_have_no_words_for_is_a_setting(scratch: Scratch) -> None:
    with saying(WELL) as server:
        asks(scratch, server, base_url="http://models.invalid/v1")
        scratch.environ["ALL_PROXY"] = "socks5://127.0.0.1:9"
        error = told(scratch, exits=3)["error"]
    assert (error["category"], error["recoverable"]) == ("config", False)
    assert "git-pliny[llm]" not in error["message"]


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-a b", "sk-ä", "sk-a\x7fb"])
def test_a_key_that_no_header_can_have_is_refused_before_anything_runs(scratch: Scratch, key: str) -> None:
    with saying(WELL) as server:
        asks(scratch, server)
        done = scratch.pliny("execute", exits=1, env={"OPENAI_API_KEY": key})
    assert "what OPENAI_API_KEY holds is no key" in done.stderr
    assert key not in done.stderr
    assert not server.asked


@pytest.mark.parametrize(
    "address",
    [
        "http://ada:pw-77Rq3x@127.0.0.1:99999/v1",
        "htp://ada:pw-77Rq3x@127.0.0.1/v1",
        "http://ada:pw-77R?q#3/x@[::1/v1",
        "http://ada:a@pw-77Rq3x@h:99999/v1",
        "ada:pw-77Rq3x@127.0.0.1:80/v1",
        "http://127.0.0.1/v1?key=pw-77Rq3x",
        "http://127.0.0.1/v1#pw-77Rq3x",
    ],
)
def test_a_login_in_an_address_that_is_refused_is_not_shown(scratch: Scratch, address: str) -> None:
    scratch.environ["OPENAI_API_KEY"] = KEY
    plan: dict[str, Any] = {"model": "openai/gpt-5", "prompt": "Say it."}
    scratch.plan(json.dumps({"agents": {"ask": {**plan, "base_url": address}}}))
    done = scratch.pliny("execute", exits=1)
    assert "`agents.ask.base_url` must be an address" in done.stderr
    scratch.plan(json.dumps({"agents": {"ask": plan}}))
    other = scratch.pliny("execute", exits=1, env={"OPENAI_BASE_URL": address})
    assert "what OPENAI_BASE_URL or OPENAI_API_BASE holds is not an address" in other.stderr
    for part in ("pw-77R", "3x"):
        assert part not in done.stderr + other.stderr
