"""`git pliny plan`: an agent writes a plan, and is told what is wrong with it. The agents here are small programs."""

import json
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest
from scratch import Scratch

GOOD = """\
task: Port the tests
agents:
  look: {run: "echo look > look.txt"}
  port: {use: ada, prompt: "Port {{ outputs.look }}", needs: [look]}
  tell: {run: "true", needs: [port]}
phases:
  - {name: first, agents: [look]}
  - {name: then, agents: [port, tell]}
"""
CYCLE = "agents: {a: {run: x, needs: [b]}, b: {run: x, needs: [a]}}\n"
STRANGER = "phases: [{name: p, agents: [nobody]}]\n"
PRESET = "agents: {a: {use: nobody, prompt: x}}\n"
MANIFEST = {
    "requirement_id": "R",
    "project_name": "Port",
    "iterations": [
        {"id": "I1", "name": "One", "tasks": [{"id": "I1.T1", "agent_id": "ada", "metadata": {"check": "true"}}]}
    ],
}


@pytest.fixture
def workspace(scratch: Scratch) -> Scratch:
    scratch.environ["PATH"] = f"{scratch.root.parent}/programs:{scratch.environ['PATH']}"
    presets = Path(scratch.environ["XDG_CONFIG_HOME"]) / "pliny" / "presets"
    presets.mkdir(parents=True)
    (presets / "ada.yaml").write_text("program: ada\n")
    return scratch


def planner(scratch: Scratch, *answers: str, before: str = "true") -> None:
    """Install `ada`, who answers in turn, the last one again and again, and keeps what it is told as `told.N`."""
    home = scratch.root.parent / "programs"
    home.mkdir(exist_ok=True)
    for number, answer in enumerate(answers, 1):
        (home / f"answer.{number}").write_text(answer)
    told, answer = shlex.quote(str(home / "told")), shlex.quote(str(home / "answer"))
    last = len(answers)
    (home / "ada").write_text(
        f"#!/bin/sh\ncat > {told}.$PLINY_ATTEMPT\n{before}\n"
        f"n=$PLINY_ATTEMPT; [ $n -le {last} ] || n={last}; cat {answer}.$n\n"
    )
    (home / "ada").chmod(0o755)


def told(scratch: Scratch, number: int) -> str:
    return (scratch.root.parent / "programs" / f"told.{number}").read_text()


def fenced(text: str, form: str = "yaml") -> str:
    return f"This is the plan:\n\n```{form}\n{text}```\n\nIt has what you asked for.\n"


def test_a_plan_is_printed_with_its_graph_beside_it(workspace: Scratch) -> None:
    planner(workspace, fenced(GOOD))
    done = workspace.pliny("plan", "Port the tests to pytest", "--use", "ada")
    assert done.stdout == GOOD
    rows = [line.split() for line in done.stderr.splitlines()]
    assert ["first", "1", "look", "echo", "look", ">", "look.txt"] in rows
    assert ["then", "1", "port", "look", "use", "ada"] in rows
    assert ["then", "2", "tell", "port", "true"] in rows
    assert "ada: round 1 of at most 3: a valid plan\n" in done.stderr
    assert "Port the tests to pytest" in told(workspace, 1)
    assert "- `ada`: ada" in told(workspace, 1)
    assert "refused" not in told(workspace, 1)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (CYCLE, "pliny.yaml:1:"),
        (STRANGER, "pliny.yaml:1:29: nobody defines agent `nobody`"),
        (PRESET, "pliny.yaml:1:19: there is no preset `nobody`"),
        ("agents: {a: {run: x, neds: [b]}}\n", "unknown key `neds`"),
        ("agents: [\n", "pliny.yaml:2:1"),
        ("", "the answer has no plan in it"),
    ],
    ids=["cycle", "agent", "preset", "key", "syntax", "empty"],
)
def test_what_is_wrong_goes_back_to_the_agent_with_its_place(workspace: Scratch, bad: str, words: str) -> None:
    planner(workspace, fenced(bad), fenced(GOOD))
    done = workspace.pliny("plan", "Port it", "--use", "ada", "-o", "pliny.yaml")
    assert (workspace.root / "pliny.yaml").read_text() == GOOD
    assert "round 1 of at most 3: refused: " in done.stderr
    assert "round 2 of at most 3: a valid plan" in done.stderr
    again = told(workspace, 2)
    assert words in again
    assert f"```\n{bad or chr(10)}```" in again
    assert "tmp" not in again.partition("# Your previous plan was refused")[2]
    workspace.git("add", "-A")
    assert workspace.git("diff", "--cached", "--name-only") == "pliny.yaml"


def test_after_three_rounds_nothing_is_written_and_the_last_draft_is_kept(workspace: Scratch) -> None:
    planner(workspace, fenced(CYCLE), fenced(STRANGER), fenced(PRESET))
    refused = workspace.pliny("plan", "Port it", "--use", "ada", "-o", "pliny.yaml", exits=3)
    assert "error: the plan is still not valid after 3 rounds" in refused.stderr
    assert not (workspace.root / "pliny.yaml").exists()
    draft = refused.stderr.rpartition("by hand: ")[2].strip()
    assert (workspace.root / draft).read_text() == PRESET
    assert not (workspace.root.parent / "programs" / "told.4").exists()


def test_a_manifest_is_written_where_the_file_is_json(workspace: Scratch) -> None:
    planner(workspace, fenced(json.dumps(MANIFEST, indent=2) + "\n", "json"))
    workspace.write("plan/spec.md", "Port every test.\n")
    workspace.pliny("plan", "plan/spec.md", "--use", "ada", "--output", "plan/plan_manifest.json")
    assert json.loads((workspace.root / "plan" / "plan_manifest.json").read_text()) == MANIFEST
    assert "Port every test." in told(workspace, 1)
    assert '"agent_id"' in told(workspace, 1)
    workspace.pliny("execute", "--dry-run")


def test_whatever_the_agent_changes_is_left_behind_nowhere(workspace: Scratch) -> None:
    workspace.write("mine.txt", "not committed\n")
    before = workspace.git("status", "--porcelain"), workspace.git("for-each-ref")
    spoil = "cat mine.txt > seen.txt; echo spoiled > README; rm mine.txt; echo new > new.txt; git add -A"
    planner(workspace, fenced(GOOD), before=spoil)
    workspace.pliny("plan", "Port it", "--use", "ada")
    assert (workspace.git("status", "--porcelain"), workspace.git("for-each-ref")) == before
    assert (workspace.root / "mine.txt").read_text() == "not committed\n"
    assert (workspace.root / "README").read_text() == "scratch\n"
    workspace.git("fsck", "--strict")


def test_a_file_that_is_there_is_not_replaced_unless_told_to(workspace: Scratch) -> None:
    planner(workspace, GOOD)
    workspace.write("pliny.yaml", "agents: {mine: {run: 'true'}}\n")
    refused = workspace.pliny("plan", "Port it", "--use", "ada", "-o", "pliny.yaml", exits=4)
    assert refused.stderr == "error: pliny.yaml is there already\nhint: name another file, or add --force\n"
    assert not (workspace.root.parent / "programs" / "told.1").exists()
    workspace.pliny("plan", "Port it", "--use", "ada", "-o", "pliny.yaml", "--force")
    assert (workspace.root / "pliny.yaml").read_text() == GOOD


def test_json_tells_the_plan_its_graph_and_its_cost(workspace: Scratch) -> None:
    said = json.dumps(
        {
            "type": "result",
            "result": fenced(GOOD),
            "total_cost_usd": 0.25,
            "modelUsage": {"claude-sonnet-4-5": {"inputTokens": 7}},
        }
    )
    planner(workspace, said)
    presets = Path(workspace.environ["XDG_CONFIG_HOME"]) / "pliny" / "presets"
    (presets / "ada.yaml").write_text("program: ada\noutput: claude\n")
    found = json.loads(workspace.pliny("plan", "Port it", "--use", "ada", "--json", "-o", "-").stdout)
    assert (found["plan"], found["file"], found["rounds"]) == (GOOD, None, 1)
    assert (found["cost_usd"], found["tokens"]) == (0.25, {"input": 7, "output": 0})
    assert [(row["agent"], row["level"]) for row in found["agents"]] == [("look", 1), ("port", 1), ("tell", 2)]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["x", "--use", "zoe"], 1, "there is no preset `zoe`"),
        (["x", "--use", "ada", "-o", "plan.txt"], 2, "plan.txt is neither"),
        (["x", "--use", "ada", "-o", "no/pliny.yaml"], 1, "there is no folder"),
        (["  ", "--use", "ada"], 2, "there is nothing to plan"),
        (["Port", "it"], 2, "unexpected argument: it\nhint: git pliny plan 'Port it'"),
    ],
)
def test_what_can_not_be_done_is_refused_before_the_agent_is_asked(
    workspace: Scratch, arguments: list[str], code: int, message: str
) -> None:
    planner(workspace, GOOD)
    assert message in workspace.pliny("plan", *arguments, exits=code).stderr
    assert not (workspace.root.parent / "programs" / "told.1").exists()


def test_an_agent_that_fails_is_told_and_nothing_is_written(workspace: Scratch) -> None:
    planner(workspace, GOOD, before="echo 'no luck today' >&2; exit 7")
    refused = workspace.pliny("plan", "Port it", "--use", "ada", "-o", "pliny.yaml", exits=3)
    assert "error: the agent failed: tool: " in refused.stderr
    assert "hint: nothing was written; the same command tries again\n" in refused.stderr
    assert not (workspace.root / "pliny.yaml").exists()


def test_an_interrupt_ends_the_agent_and_leaves_nothing(workspace: Scratch) -> None:
    pid = workspace.root.parent / "pid"
    planner(workspace, GOOD, before=f"echo $$ > {shlex.quote(str(pid))}; exec sleep 60")
    with subprocess.Popen(
        ["git-pliny", "plan", "Port it", "--use", "ada", "-o", "pliny.yaml"],
        cwd=workspace.root,
        env=workspace.environ,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        until = time.monotonic() + 30
        while not (pid.exists() and pid.read_text().strip()) and time.monotonic() < until:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "interrupted; no plan was written" in said
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert workspace.git("status", "--porcelain") == ""


def test_the_name_of_a_file_that_is_not_there_is_not_taken_for_the_task(workspace: Scratch) -> None:
    planner(workspace, fenced(GOOD))
    refused = workspace.pliny("plan", "docs/spec.md", "--use", "ada", exits=1)
    assert "error: docs/spec.md does not exist" in refused.stderr
    assert not (workspace.root.parent / "programs" / "told.1").exists()
