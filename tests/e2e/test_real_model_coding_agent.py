"""A real coding agent with a real model behind it, both on this machine. What the model answers is its own affair."""

import json
import os
from pathlib import Path

import coding_agents
import local_model
import pytest
from scratch import Scratch

PLACES = coding_agents.places()

pytestmark = [
    pytest.mark.skipif(local_model.missing() is not None, reason=local_model.missing() or ""),
    pytest.mark.skipif(not coding_agents.is_installed("opencode"), reason="opencode is not installed here"),
]


def test_a_real_model_answers_a_real_coding_agent(scratch: Scratch) -> None:
    scratch.environ["PATH"] = f"{PLACES}{os.pathsep}{scratch.environ['PATH']}"
    coding_agents.settle(Path(scratch.environ["HOME"]))
    with local_model.serving(context=16384) as address:
        options = {"baseURL": f"{address}/v1", "apiKey": "k"}
        models = {local_model.NAME: {"limit": {"context": 16384, "output": 64}}}
        config = {
            "provider": {"here": {"npm": "@ai-sdk/openai-compatible", "options": options, "models": models}},
            "small_model": f"here/{local_model.NAME}",
            # Its own words and tools are more than so small a model reads in a reasonable time.
            "agent": {"build": {"prompt": "Answer in one sentence.", "tools": {"*": False}}},
        }
        agent = {
            "use": "opencode",
            "model": f"here/{local_model.NAME}",
            "prompt": "Say hello.",
            "timeout": "2m",
            "env": {"OPENCODE_CONFIG_CONTENT": json.dumps(config), "OPENCODE_DISABLE_MODELS_FETCH": "1"},
        }
        scratch.plan(json.dumps({"agents": {"greet": agent}}))
        done = scratch.pliny("execute")
    greeted = scratch.session()["agents"]["greet"]
    assert greeted["tokens"]["input"] > 10
    assert greeted["tokens"]["output"] > 1
    assert greeted["cost_usd"] is None
    assert "greet: " in done.stdout
