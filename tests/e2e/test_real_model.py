"""An agent that asks a real model, served on this machine."""

import json

import local_model
import pytest
from scratch import Scratch

pytestmark = pytest.mark.skipif(local_model.missing() is not None, reason=local_model.missing() or "")


def test_a_real_model_answers_an_agent(scratch: Scratch) -> None:
    with local_model.serving() as address:
        agent = {
            "model": f"llamacpp/{local_model.NAME}",
            "base_url": f"{address}/v1",
            "prompt": "Say hello.",
            "temperature": 0,
            "deliverables": "hello.txt",
        }
        scratch.plan(json.dumps({"agents": {"greet": agent}}))
        scratch.pliny("execute")
    assert "hello" in (scratch.root / "hello.txt").read_text().lower()
    greeted = scratch.session()["agents"]["greet"]
    assert greeted["tokens"]["input"] > 10
    assert 3 < greeted["tokens"]["output"] < 200
    assert greeted["cost_usd"] is None
