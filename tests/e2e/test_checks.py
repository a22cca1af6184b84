"""Checks: a command that decides whether what an agent made is right, and tells the next attempt what is not."""

import json

import pytest
from scratch import Scratch
from test_manifests import PATH, manifest, read, task
from told import artifacts, attempts, entries, of_type, statuses

PROMPTS = "cat > prompt.$PLINY_ATTEMPT"
NOW = {"PLINY_CONFIG_ERROR_HANDLING__RETRY_STRATEGIES__VALIDATION__INITIAL_DELAY": "1"}
CHECK = "echo found $(cat made); grep -qx 2 made"


def errors(scratch: Scratch) -> dict[str, str]:
    return {name: agent["error"]["category"] for name, agent in scratch.session()["agents"].items()}


def test_a_failed_check_is_a_failure_that_the_next_attempt_is_told_of(scratch: Scratch) -> None:
    agent = {"run": f"{PROMPTS}; echo $PLINY_ATTEMPT > made", "prompt": "Make {it}.", "check": CHECK}
    scratch.plan(json.dumps({"agents": {"make": agent}}))
    done = scratch.pliny("execute", "--json", env=NOW)
    assert (statuses(scratch), attempts(scratch)) == ({"make": "completed"}, {"make": 2})
    [error] = of_type(entries(done), "error")
    assert (error["data"]["category"], error["data"]["recoverable"]) == ("validation", True)
    said = f"its check `{CHECK}` ended with exit status 1: found 1"
    assert error["data"]["message"] == said
    assert (scratch.root / "prompt.1").read_text() == "Make {it}."
    again = (scratch.root / "prompt.2").read_text()
    assert again.startswith("Make {it}.\n\n# Your previous attempt\n\nIt failed: " + said)
    assert f"```text\n$ {CHECK}\nfound 1\n```" in again
    first = next(text for name, text in artifacts(scratch, "outputs", "make").items() if name.startswith("1-"))
    assert first == f"$ {CHECK}\nfound 1"


def test_a_template_places_the_error_itself(scratch: Scratch) -> None:
    prompt = "{% if error %}{{ error.category }}: {{ error.output }}{% endif %}"
    agent = {"run": f"{PROMPTS}; echo $PLINY_ATTEMPT > made", "prompt": prompt, "check": CHECK}
    scratch.plan(json.dumps({"agents": {"make": agent}}))
    scratch.pliny("execute", env=NOW)
    assert (scratch.root / "prompt.2").read_text() == f"validation: $ {CHECK}\nfound 1\n"


@pytest.mark.parametrize(
    ("agent", "category", "tries"),
    [
        ({"check": "false"}, "validation", 3),
        ({"check": "false", "max_retries": 0}, "validation", 1),
        ({"check": ["no-such-program-here", "x"]}, "config", 1),
        ({"check": "no-such-program-here x"}, "config", 1),
        ({"check": "sleep 30", "timeout": "500ms", "max_retries": 0}, "validation", 1),
        ({"check": "kill -9 $$", "max_retries": 0}, "validation", 1),
        ({"check": "touch checked", "run": "exit 3"}, "tool", 1),
    ],
    ids=["always", "no-retries", "words", "line", "time", "signal", "failed-before"],
)
def test_a_check_that_does_not_pass(scratch: Scratch, agent: dict[str, object], category: str, tries: int) -> None:
    scratch.plan(json.dumps({"agents": {"a": {"run": "true", **agent}}}))
    scratch.pliny("execute", exits=3, env=NOW)
    assert (errors(scratch), attempts(scratch)) == ({"a": category}, {"a": tries})
    assert not (scratch.root / "checked").exists()


def test_a_check_sees_what_its_agent_made_in_a_worktree_of_its_own(scratch: Scratch) -> None:
    agents = {name: {"run": f"echo 2 > {name}.txt", "check": f"grep -qx 2 {name}.txt"} for name in "ab"}
    scratch.plan(json.dumps({"execution": {"parallel": True, "isolation": "worktree"}, "agents": agents}))
    scratch.pliny("execute")
    assert [(scratch.root / f"{name}.txt").read_text() for name in "ab"] == ["2\n", "2\n"]


def test_a_task_of_a_manifest_is_checked_and_told_its_criteria(scratch: Scratch) -> None:
    tasks = [task("I1.T1", metadata={"check": CHECK, "points": 3}), task("I1.T2", "I1.T1", agent_id="coder")]
    scratch.write(PATH, json.dumps(manifest(tasks)))
    scratch.write(
        ".pliny/agents/worker.md", f"---\nrun: {json.dumps(f'{PROMPTS}; echo $PLINY_ATTEMPT > made')}\n---\nWork.\n"
    )
    scratch.write(".claude/agents/coder.md", "---\nname: coder\n---\nYou write code.\n")
    scratch.plan(
        "presets: {mine: {program: sh, args: [-c, 'cat > prompt.coder; echo Done.']}}\nexecution: {use: mine}\n"
    )
    scratch.pliny("execute", env=NOW)
    assert attempts(scratch) == {"I1.T1": 2, "I1.T2": 1}
    for name, text in (("1", "Work."), ("2", "Work."), ("coder", "You write code.")):
        prompt = (scratch.root / f"prompt.{name}").read_text()
        assert prompt.startswith(text)
        assert "Acceptance criteria:\n\n- I1.T" in prompt
    assert "# Your previous attempt" in (scratch.root / "prompt.2").read_text()
    written = read(scratch)["iterations"][0]["tasks"][0]
    assert (written["completed"], written["metadata"]) == (True, {"check": CHECK, "points": 3})


def test_the_agent_of_a_task_may_be_a_preset(scratch: Scratch) -> None:
    scratch.write(PATH, json.dumps(manifest([task("I1.T1", agent_id="mine")])))
    scratch.plan("presets: {mine: {program: sh, args: [-c, 'cat > prompt.txt; echo Done.']}}\n")
    scratch.pliny("execute")
    assert (scratch.root / "prompt.txt").read_text().startswith("# Title of I1.T1\n\nDo I1.T1.")


def test_a_check_that_names_no_program_is_refused(scratch: Scratch) -> None:
    scratch.write(PATH, json.dumps(manifest([task("I1.T1", metadata={"check": []})])))
    scratch.write(".pliny/agents/worker", "#!/bin/sh\n", executable=True)
    assert "`iterations[0].tasks[0].metadata.check` must not be empty" in scratch.pliny("execute", exits=1).stderr
