"""Sessions through the installed program: a plan that runs, is killed, is looked at, resumed, verified and removed."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from scratch import Scratch

from git_pliny.store import sessions

PLAN = """
task: {name: Tidy the parser}
execution: {parallel: true}
agents:
  quick: {run: "echo quick >> quick.txt"}
  slow: {run: "echo begun >> slow.txt; echo $$ >> .git/pids; test -e go || sleep 60; git pliny checkpoint create by-hand"}
  last: {run: "echo last > last.txt"}
phases:
  - {name: research, agents: [quick, slow]}
  - {name: fix, agents: [last]}
"""


@pytest.fixture(autouse=True)
def agents_end(scratch: Scratch) -> Iterator[None]:
    """No agent that a killed coordinator left lives on after its test."""
    yield
    pids = scratch.root / ".git" / "pids"
    for pid in pids.read_text().split() if pids.exists() else ():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(pid), signal.SIGKILL)


def begun(scratch: Scratch) -> "subprocess.Popen[bytes]":
    """An execution whose agent slow is under way."""
    scratch.plan(PLAN)
    process = subprocess.Popen(
        ["git", "pliny", "execute"],
        cwd=scratch.root,
        env=scratch.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not ((scratch.root / "slow.txt").exists() and _statuses(scratch).get("quick") == "completed"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def _statuses(scratch: Scratch) -> dict[str, str]:
    repository = scratch.repository
    agents = sessions.load(repository, sessions.session_ids(repository)[0]).agents
    return {name: str(state.status) for name, state in agents.items()}


def kill(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def killed(scratch: Scratch) -> Scratch:
    """A repository with a session whose coordinator was killed."""
    kill(begun(scratch))
    return scratch


def test_while_a_session_runs_every_command_tells_what_it_does(scratch: Scratch) -> None:
    process = begun(scratch)
    try:
        assert "in-progress" in scratch.pliny("session", "list").stdout
        shown = json.loads(scratch.pliny("session", "show", "--json").stdout)
        assert (shown["status"], shown["agents"]["slow"]["status"]) == ("in-progress", "running")
        assert scratch.pliny("audit", "verify").stdout.endswith(": ok\n")
        assert "running      slow" in scratch.pliny("status").stdout
        refused = scratch.pliny("session", "delete", shown["id"], exits=1)
        assert f"error: session {shown['id'][:8]} is being worked on" in refused.stderr
        scratch.pliny("doctor")
    finally:
        kill(process)


def test_a_killed_session_is_interrupted_verifies_and_can_be_resumed(killed: Scratch) -> None:
    assert "interrupted" in killed.pliny("session", "list").stdout
    killed.pliny("audit", "verify")
    killed.pliny("doctor", exits=1)  # a process of the agent still lives
    killed.write("go", "")
    session = json.loads(killed.pliny("session", "show", "--json").stdout)["id"]
    killed.pliny("session", "resume", session[:6])
    assert killed.session()["status"] == "completed"
    assert (killed.root / "quick.txt").read_text() == "quick\n"
    assert (killed.root / "slow.txt").read_text() == "begun\nbegun\n"
    assert "by-hand" in killed.session()["checkpoints"]
    assert killed.pliny("audit", "verify").stdout.endswith(": ok\n")
    killed.pliny("doctor")


def test_a_checkpoint_that_an_agent_makes_says_which_agent(killed: Scratch) -> None:
    killed.write("go", "")
    killed.pliny("session", "resume")
    [made] = [it for it in json.loads(killed.pliny("checkpoint", "list", "--json").stdout) if it["name"] == "by-hand"]
    assert (made["agent"], made["phase"], made["attempt"]) == ("slow", "research", 2)


def test_a_session_is_followed_to_its_end(scratch: Scratch) -> None:
    process = begun(scratch)
    follower = subprocess.Popen(
        ["git", "pliny", "audit", "view", "--follow", "--json"],
        cwd=scratch.root,
        env=scratch.environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    assert json.loads(follower.stdout.readline())["type"] == "session_start"
    kill(process)
    types = [json.loads(line)["type"] for line in follower.stdout]
    assert follower.wait(30) == 0
    assert types.count("agent_start") == 2


def test_everything_is_gone_after_a_session_was_deleted(killed: Scratch) -> None:
    session = killed.session()["id"]
    killed.pliny("session", "delete", session)
    assert (
        killed.git("for-each-ref", "--format=%(refname)", "refs/pliny", "refs/notes")
        == f"refs/pliny/tombstones/{session}"
    )
    assert not list(Path(killed.root, ".git", "pliny").rglob(f"*{session}*"))
    assert killed.git("fsck", "--no-dangling") == ""
    assert "no sessions yet" in killed.pliny("session", "list").stderr
    killed.write("go", "")
    killed.pliny("execute")
    assert killed.session()["id"] != session


def test_a_session_that_was_started_by_name_is_the_one_that_executes(scratch: Scratch) -> None:
    scratch.plan(PLAN)
    scratch.write("go", "")
    session = scratch.pliny("session", "start", "By name").stdout.strip()
    scratch.pliny("execute")
    assert (scratch.session()["id"], scratch.session()["name"]) == (session, "By name")
    scratch.pliny("session", "archive")
    assert scratch.pliny("session", "list", "--json").stdout == "[]\n"
    scratch.pliny("session", "prune", "--older-than", "0s")
    assert scratch.git("for-each-ref", "refs/pliny/sessions") == ""


def test_usage_errors_exit_2_with_a_hint(scratch: Scratch) -> None:
    for arguments in (
        ["session", "start"],
        ["session", "list", "--number", "-1"],
        ["session", "list", "-n", "many"],
        ["audit", "view", "--type", "eror"],
        ["audit", "view", "--since", "soon"],
        ["checkpoint", "diff"],
        ["session", "delete"],
    ):
        assert "hint: " in scratch.pliny(*arguments, exits=2).stderr


def test_output_to_a_closed_pipe_ends_quietly(scratch: Scratch) -> None:
    scratch.pliny("session", "start", "x")
    done = scratch.run("sh", "-c", "git pliny audit view | true; git pliny session show --json | head -1")
    assert (done.returncode, done.stderr) == (0, "")
