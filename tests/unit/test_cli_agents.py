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
        "needs_use": False,
        "version": None,
    }


def test_presets_are_listed_with_what_is_installed(
    workspace: Scratch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.write("bin/claude", "#!/bin/sh\necho '2.1.197 (Claude Code)'\n", executable=True)
    workspace.write(
        "bin/codex", "#!/bin/sh\n[ $1 = --version ] && echo codex-cli 0.169.0-alpha.2; cat\n", executable=True
    )
    workspace.write("bin/mine", "#!/bin/sh\nexit 3\n", executable=True)
    workspace.write("pliny.yaml", "presets: {mine: {program: mine, title: My own}, qwen: {program: no-such}}\n")
    monkeypatch.setenv("PATH", f"{workspace.root}/bin:/bin:/usr/bin")
    assert call("--json") == 0
    every = json.loads(capsys.readouterr().out)
    found = {each["name"]: each for each in every if each["kind"] == "preset"}
    assert {"aider", "claude", "codex", "gemini", "llm", "mini-swe-agent", "mine", "opencode", "qwen"} == set(found)
    assert [found["claude"][key] for key in ("source", "version", "problem")] == ["built in", "2.1.197", None]
    assert found["codex"]["version"] == "0.169.0-alpha.2"
    assert [found["mine"][key] for key in ("source", "version", "problem")] == ["pliny.yaml:1", None, None]
    assert found["qwen"]["problem"] == "no-such is not installed"
    assert found["aider"]["problem"] == "aider is not installed: pipx install aider-chat"


def test_a_preset_s_version_stands_in_the_table(
    workspace: Scratch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.write("bin/claude", "#!/bin/sh\necho '2.1.197 (Claude Code)'\n", executable=True)
    monkeypatch.setenv("PATH", f"{workspace.root}/bin:/bin:/usr/bin")
    assert call() == 0
    row = next(line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("claude"))
    assert row == ["claude", "preset", "built", "in", "Claude", "Code", "2.1.197"]


def test_a_wrong_plan_file_is_an_error_with_its_place(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scratch.write("pliny.yaml", "agents:\n  lint: {rum: x}\n")
    monkeypatch.chdir(scratch.root)
    assert call() == 1
    assert capsys.readouterr().err.startswith("error: pliny.yaml:2:")


def test_an_agent_that_waits_for_a_coding_agent_is_told_from_one_that_can_not_run(
    workspace: Scratch, capsys: pytest.CaptureFixture[str]
) -> None:
    about = "Use it " + "so " * 99
    workspace.write(".claude/agents/reviewer.md", f"---\nname: reviewer\ndescription: {about}\n---\nReview it.\n")
    workspace.write(".claude/agents/notes.md", "Nothing but notes.\n")
    assert call("--json") == 0
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert (found["reviewer"]["needs_use"], found["reviewer"]["problem"]) == (True, None)
    assert (found["notes"]["needs_use"], "has no front matter" in found["notes"]["problem"]) == (False, True)
    assert call() == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("reviewer"))
    assert row.endswith("… (by --use)")


def test_a_preset_of_the_plan_is_looked_for_below_the_root_and_listing_does_not_run_it(
    workspace: Scratch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.write(
        "pliny.yaml", "presets: {mine: {program: tools/mine, version: [now]}, lost: {program: tools/lost}}\n"
    )
    workspace.write("tools/mine", "#!/bin/sh\ntouch ran\necho 1.2.3\n", executable=True)
    workspace.write("sub/file", "")
    monkeypatch.chdir(workspace.root / "sub")
    assert call("--json") == 0
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert (found["mine"]["problem"], found["mine"]["version"]) == (None, None)
    assert found["lost"]["problem"] == "tools/lost is not installed"
    assert not list(workspace.root.rglob("ran"))
