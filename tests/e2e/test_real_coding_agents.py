"""The real programs of coding agents, where they are installed, against a model's server on this machine.

Each makes a file by a tool call, and meets a wrong key. To run them, have the programs in the PATH, or in the folder that
`PLINY_TEST_AGENTS` names.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_server import INPUT, OUTPUT, serving
from scratch import Scratch

PLACES = os.pathsep.join(filter(None, (os.environ.get("PLINY_TEST_AGENTS"), os.environ["PATH"])))
PROGRAMS = ("claude", "codex", "gemini", "opencode")
GEMINI = {"security": {"auth": {"selectedType": "gemini-api-key"}}}

installed = pytest.mark.parametrize(
    "program",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(shutil.which(name, path=PLACES) is None, reason=f"{name} is not installed here"),
        )
        for name in PROGRAMS
    ],
)


@pytest.fixture
def server() -> Iterator[str]:
    with serving() as address:
        yield address


def planned(scratch: Scratch, program: str, address: str) -> None:
    """A plan of one agent, whose program knows the server and nothing of the user's."""
    scratch.environ["PATH"] = f"{PLACES}{os.pathsep}{scratch.environ['PATH']}"
    home = Path(scratch.environ["HOME"])
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text(json.dumps(GEMINI))
    provider = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{address}/v1", "apiKey": "k"}}
    config = {"provider": {"here": {**provider, "models": {"m": {"name": "m"}}}}, "small_model": "here/m"}
    agent = {
        "claude": {"allow": "Bash", "env": {"ANTHROPIC_BASE_URL": address, "ANTHROPIC_API_KEY": "k"}},
        "codex": {
            "allow": "danger-full-access",
            "model": "gpt-5",
            "args": ["--config", f'openai_base_url="{address}/v1"'],
            "env": {"CODEX_API_KEY": "k"},
        },
        "gemini": {
            "allow": "run_shell_command",
            "model": "gemini-2.5-pro",
            "env": {"GOOGLE_GEMINI_BASE_URL": address, "GEMINI_API_KEY": "k"},
        },
        "opencode": {
            "model": "here/m",
            "env": {"OPENCODE_CONFIG_CONTENT": json.dumps(config), "OPENCODE_DISABLE_MODELS_FETCH": "1"},
        },
    }[program]
    made = {"use": program, "prompt": "[[run: echo made > made.txt]]", "timeout": "2m", **agent}
    scratch.plan(json.dumps({"execution": {"max_retries": 0}, "agents": {"make": made}}))


@installed
def test_a_real_agent_makes_a_file_and_its_tokens_are_right(scratch: Scratch, server: str, program: str) -> None:
    planned(scratch, program, server)
    scratch.pliny("execute")
    assert (scratch.root / "made.txt").read_text() == "made\n"
    tokens = scratch.session()["agents"]["make"]["tokens"]
    calls = tokens["output"] // OUTPUT
    assert calls >= 2
    assert tokens == {"input": calls * INPUT, "output": calls * OUTPUT}


@installed
def test_a_real_agent_with_a_wrong_key_has_a_config_failure(scratch: Scratch, server: str, program: str) -> None:
    planned(scratch, program, f"{server}/401")
    scratch.pliny("execute", exits=3)
    agent = scratch.session()["agents"]["make"]
    assert (agent["status"], agent["attempts"], agent["error"]["category"]) == ("failed", 1, "config")
