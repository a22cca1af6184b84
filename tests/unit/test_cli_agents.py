"""`git pliny agents list` shows what a plan can name, wherever it stands."""

import json

import pytest
from scratch import Scratch

from git_pliny.cli.main import run


@pytest.fixture
def workspace(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> Scratch:
    """A repository with an agent in its plan and two in files, one of them not runnable."""
    scratch.write("pliny.yaml", "agents:\n  lint: {run: ruff check, title: Look for mistakes}\n")
    scratch.write(".pliny/agents/review.sh", "#!/bin/sh\n", executable=True)
    scratch.write(".pliny/agents/broken", "#!/bin/sh\n")
    monkeypatch.chdir(scratch.root)
    return scratch


def call(*arguments: str) -> int:
    return run(["agents", "list", *arguments], program_name="git pliny")


def test_agents_of_the_plan_stand_before_those_in_files(workspace: Scratch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call() == 0
    heading, *rows = (line.split() for line in capsys.readouterr().out.splitlines())
    assert heading[:3] == ["NAME", "KIND", "WHERE"]
    assert rows[0] == ["lint", "plan", "pliny.yaml:2", "Look", "for", "mistakes"]
    assert rows[1][:4] == ["broken", "program", ".pliny/agents/broken", "can't"]
    assert rows[2] == ["review", "program", ".pliny/agents/review.sh"]


def test_json_has_the_problem_of_an_agent_that_cannot_run(
    workspace: Scratch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("--json") == 0
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert "is not executable" in found["broken"]["problem"]
    assert found["lint"] == {
        "name": "lint",
        "kind": "plan",
        "source": "pliny.yaml:2",
        "phase": None,
        "description": "Look for mistakes",
        "problem": None,
    }


def test_no_agents_print_nothing(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(scratch.root)
    assert call() == 0
    assert capsys.readouterr().out == ""


def test_a_wrong_plan_file_is_an_error_with_its_place(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scratch.write("pliny.yaml", "agents:\n  lint: {rum: x}\n")
    monkeypatch.chdir(scratch.root)
    assert call() == 1
    assert capsys.readouterr().err.startswith("error: pliny.yaml:2:")
