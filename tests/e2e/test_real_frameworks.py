"""R-I-S-E by a real coding agent, where it is installed, against a model's server on this machine.

To run it, have `claude` in the PATH, or in the folder that `PLINY_TEST_AGENTS` names.
"""

import json
import os
import shutil

import pytest
from model_server import INPUT, OUTPUT, running
from scratch import Scratch
from told import artifacts, statuses

PLACES = os.pathsep.join(filter(None, (os.environ.get("PLINY_TEST_AGENTS"), os.environ["PATH"])))

installed = pytest.mark.skipif(shutil.which("claude", path=PLACES) is None, reason="claude is not installed here")


@installed
def test_claude_runs_rise_by_one_flag_and_hands_its_answers_on(scratch: Scratch) -> None:
    scratch.write(".claude/settings.json", json.dumps({"permissions": {"allow": ["Bash"]}}))
    scratch.environ["PATH"] = f"{PLACES}{os.pathsep}{scratch.environ['PATH']}"
    with running() as server:
        scratch.environ.update(ANTHROPIC_BASE_URL=server.address, ANTHROPIC_API_KEY="k")
        scratch.pliny("execute", "--framework", "rise", "--use", "claude", "[[run: echo made >> made.txt]]")
    assert set(statuses(scratch).values()) == {"completed"}
    assert (scratch.root / "made.txt").read_text().splitlines() == ["made"] * 4
    assert list(artifacts(scratch, "answers", "research").values()) == ["Done."]
    assert "# What synthesize handed over\n\nDone.\n" in next(iter(artifacts(scratch, "prompts", "execute").values()))
    metrics = scratch.session()["metrics"]["tokens"]
    assert metrics["input"] // INPUT == metrics["output"] // OUTPUT >= 8


@installed
def test_claude_writes_a_plan_on_a_copy_of_the_files(scratch: Scratch) -> None:
    scratch.environ["PATH"] = f"{PLACES}{os.pathsep}{scratch.environ['PATH']}"
    with running() as server:
        scratch.environ.update(ANTHROPIC_BASE_URL=server.address, ANTHROPIC_API_KEY="k")
        task = "Say hello. [[say: agents: {hello: {run: echo hello}}]]"
        done = scratch.pliny("plan", task, "--use", "claude", "-o", "pliny.yaml")
    assert (scratch.root / "pliny.yaml").read_text() == "agents: {hello: {run: echo hello}}\n"
    assert "plan pliny.yaml: 1 agent in 1 phase, written in 1 round ($" in done.stderr
    scratch.pliny("execute")
