"""An agent that only waits for a server that is not there is ended, with real processes."""

import json
from pathlib import Path
from typing import Any

import pytest
from attempt_maker import attempt_of

from git_pliny.executor.attempt import conclude
from git_pliny.model.plan import Agent
from git_pliny.model.preset import OutputForm, Use
from git_pliny.model.settings import Category
from git_pliny.runners import patience
from git_pliny.runners.base import Running
from git_pliny.runners.forms import codex, gemini, opencode
from git_pliny.runners.registry import runner_for

WAITING = '{"type":"error","message":"Reconnecting... waiting for network (Connection failed: error sending request)"}'
DONE = '{"type":"turn.completed","usage":{"input_tokens":5,"output_tokens":2}}'


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LOOKS_S", 0.05)


def started(root: Path, script: str, **of: Any) -> tuple[Agent, Running]:
    use = Use(preset="codex", output=OutputForm.CODEX)
    agent = Agent(name="a", run=("/bin/sh", "-c", script), use=use)
    attempt = attempt_of(agent, root, prompt="x", **of)
    return agent, runner_for(agent).start(attempt)


def test_an_agent_that_waits_for_ever_is_ended_and_has_met_a_failure_of_the_network(tmp_path: Path) -> None:
    agent, running = started(tmp_path, f"while :; do echo '{WAITING}'; sleep 0.1; done", timeout_s=60)
    outcome = running.wait()
    assert not outcome.cancelled
    assert not outcome.timed_out
    assert outcome.duration_s < 30
    failure = conclude(outcome, agent, rules=(), leftovers=(), judges=False).failure
    assert failure is not None
    assert (failure.category, failure.recoverable) == (Category.NETWORK, True)


def test_an_agent_that_gets_over_it_goes_on(tmp_path: Path) -> None:
    _, running = started(tmp_path, f"echo '{WAITING}'; sleep 0.1; echo '{{\"type\":\"x\"}}'; sleep 1; echo '{DONE}'")
    outcome = running.wait()
    assert (outcome.exit_code, outcome.error) == (0, None)


def test_who_is_cancelled_while_it_waits_was_cancelled(tmp_path: Path) -> None:
    _, running = started(tmp_path, f"echo '{WAITING}'; sleep 60")
    running.cancel()
    assert running.wait().cancelled


def test_a_timeout_that_ends_a_wait_leaves_the_reason_to_the_output(tmp_path: Path) -> None:
    agent, running = started(tmp_path, f"echo '{WAITING}'; sleep 60", timeout_s=0.2)
    outcome = running.wait()
    assert outcome.timed_out
    failure = conclude(outcome, agent, rules=(), leftovers=(), judges=False).failure
    assert failure is not None
    assert failure.category is Category.NETWORK


def test_only_a_wait_without_an_end_counts() -> None:
    others = [{"type": "error", "message": "Reconnecting... 1/5 (connection refused)"}, {"type": "turn.started"}]
    assert codex.waits(f"{WAITING}\nnoise\n".encode())
    assert not any(codex.waits(f"{WAITING}\n{json.dumps(other)}\n".encode()) for other in others)
    assert not codex.waits(b"")


def test_gemini_waits_once_it_has_tried_often() -> None:
    line = "Attempt {} failed with status 429. Retrying with backoff... _ApiError: {{}}\n    at somewhere\n"
    assert gemini.waits("".join(line.format(number) for number in range(1, 6)).encode())
    assert not gemini.waits("".join(line.format(number) for number in (1, 2, 1)).encode())
    assert not gemini.waits(b"")


def test_opencode_asks_in_vain_after_some_empty_answers() -> None:
    step = {"type": "step_finish", "part": {"reason": "unknown", "tokens": {"input": 0, "output": 0}}}
    lines = [json.dumps(event) for event in [{"type": "step_start"}, step] * 5]
    text = json.dumps({"type": "text", "part": {"text": "Hello."}})
    assert opencode.waits("\n".join(lines).encode())
    assert not opencode.waits("\n".join(lines[2:]).encode())
    assert not opencode.waits("\n".join([*lines, text]).encode())


@pytest.mark.parametrize("what", ["missing", "folder"])
def test_an_output_that_cannot_be_read_tells_of_no_wait(tmp_path: Path, what: str) -> None:
    (tmp_path / "folder").mkdir()
    assert patience._end_of(tmp_path / what) == b""
