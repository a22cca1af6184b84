"""Agents that do what no agent should: the session goes on, or can be resumed, and no entry is lost."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from scratch import Scratch

PLAN = """
agents:
  before: {{run: "echo before >before.txt"}}
  wild: {{run: "./wild.sh"}}
  after: {{run: "echo after >after.txt"}}
phases:
  - {{name: one, agents: [{first}]}}
  - {{name: two, agents: [{second}]}}
  - {{name: three, agents: [after]}}
"""


def wild(scratch: Scratch, script: str, *, first: bool = False) -> Scratch:
    """A repository with a plan in which one agent is wild; with `first`, before the first checkpoint of a phase."""
    order = ("wild", "before") if first else ("before", "wild")
    scratch.plan(PLAN.format(first=order[0], second=order[1]))
    scratch.write("wild.sh", f"#!/bin/sh\n{script}\n", executable=True)
    scratch.commit("plan")
    return scratch


def is_whole(scratch: Scratch, session: str | None = None) -> None:
    """The session is completed and verifies, and so does the repository."""
    found = json.loads(scratch.pliny("session", "show", *([session] if session else []), "--json").stdout)
    assert found["status"] == "completed"
    assert sorted(found["completed_agents"]) == ["after", "before", "wild"]
    scratch.pliny("audit", "verify", found["id"])
    assert scratch.git("fsck", "--no-dangling", "--no-progress") == ""
    assert scratch.git("rev-parse", f"refs/pliny/artifacts/{found['id']}:plan.json") == found["plan"]


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(
    "script",
    [
        "echo x >x; git add x; git commit -q -m x",
        "git checkout -q -b other; echo x >x; git add x; git commit -q -m x",
        "git checkout -q --detach; git commit -q --allow-empty -m x",
        "echo x >>README; git stash -q",
        "echo x >x; git add x",
        "git rm -q README; git commit -q -m x; git reset -q --hard HEAD~1",
        "git gc --quiet --prune=now",
        "git repack -adq; git prune --expire=now; git pack-refs --all",
        "rm -rf .git/pliny",
        "rm -f .git/index",
        "git update-ref -d PLINY_HEAD",
        "rm -rf ./* .gitignore",
        "chmod -R a-w .",
        "git config core.hooksPath /nowhere; git config core.fsync none; git config core.autocrlf true",
        "exec >&- 2>&-; exit 0",
        "head -c 3000000 /dev/urandom; printf '\\033[2J'",
        "mkfifo pipe; ln -s /nowhere dangling; ln -s . loop",
    ],
)
def test_a_session_goes_on_after(scratch: Scratch, script: str, *, first: bool) -> None:
    wild(scratch, script, first=first)
    try:
        scratch.pliny("execute", "task")
        session = json.loads(scratch.pliny("session", "list", "--json").stdout)[0]["id"]
        is_whole(scratch, session)
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(scratch.root)], check=True)


def test_an_agent_that_kills_its_coordinator_runs_again(scratch: Scratch) -> None:
    wild(scratch, 'test "$PLINY_ATTEMPT" -gt 1 || { kill -KILL $PPID; sleep 0.2; }')
    killed = scratch.run("git-pliny", "execute")
    assert killed.returncode == -9
    assert "interrupted" in scratch.pliny("session", "list").stdout
    scratch.pliny("execute", "--resume")
    assert scratch.session()["agents"]["wild"]["attempts"] == 2
    assert "interrupted" in scratch.session()["checkpoints"]
    is_whole(scratch)


def test_an_agent_that_kills_its_own_group_fails_and_nobody_else_does(scratch: Scratch) -> None:
    wild(scratch, 'test "$PLINY_ATTEMPT" -gt 1 || kill -KILL 0')
    failed = scratch.pliny("execute", exits=3)
    assert "wild" in failed.stderr
    scratch.pliny("execute", "--resume")
    is_whole(scratch)


def test_an_agent_that_removes_the_repository_is_a_clear_error(scratch: Scratch) -> None:
    wild(scratch, "rm -rf .git")
    assert "not a git repository" in scratch.pliny("execute", exits=1).stderr


def test_an_execution_inside_an_agent_has_a_session_of_its_own(scratch: Scratch) -> None:
    wild(scratch, "git pliny execute inner --plan inner.yaml")
    scratch.write("inner.yaml", "agents: {inner: {run: 'echo inner >inner.txt'}}\n")
    scratch.pliny("execute", "outer")
    listed = json.loads(scratch.pliny("session", "list", "--json").stdout)
    assert {session["name"]: session["completed_agents"] for session in listed} == {
        "outer": ["before", "wild", "after"],
        "inner": ["inner"],
    }
    assert scratch.session()["name"] == "outer"
    is_whole(scratch)


def test_an_execution_of_its_own_session_inside_an_agent_is_refused(scratch: Scratch) -> None:
    wild(scratch, 'git pliny execute --session "$PLINY_SESSION" 2>refusal.txt && exit 1; exit 0')
    scratch.pliny("execute")
    assert "is held by process" in (scratch.root / "refusal.txt").read_text()
    is_whole(scratch)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks at processes in /proc")
def test_a_daemon_that_outlives_its_killed_coordinator_is_waited_for(scratch: Scratch) -> None:
    """It got away into a session of its own: it is never killed, and its agent starts only when it has ended."""
    wild(
        scratch,
        'test "$PLINY_ATTEMPT" -gt 1 && { test -e late && exit 0; exit 1; }\n'
        "setsid sh -c 'echo $$ >pid.new; mv pid.new pid; sleep 3; echo late >late' &\n"
        "while ! test -e pid; do sleep 0.05; done; kill -KILL $PPID; sleep 0.1",
    )
    assert scratch.run("git-pliny", "execute").returncode == -9
    pid = int((scratch.root / "pid").read_text())
    assert is_alive(pid)
    scratch.pliny("execute", "--resume")
    assert not is_alive(pid)
    assert scratch.session()["agents"]["wild"]["attempts"] == 2
    is_whole(scratch)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks at processes in /proc")
def test_a_daemon_can_be_left_alone(scratch: Scratch) -> None:
    wild(
        scratch,
        'test "$PLINY_ATTEMPT" -gt 1 && exit 0\n'
        "setsid sh -c 'echo $$ >pid.new; mv pid.new pid; sleep 60' &\n"
        "while ! test -e pid; do sleep 0.05; done; kill -KILL $PPID; sleep 0.1",
    )
    assert scratch.run("git-pliny", "execute").returncode == -9
    pid = int((scratch.root / "pid").read_text())
    try:
        begun = time.monotonic()
        scratch.pliny("execute", "--resume", "--ignore-leftovers")
        assert time.monotonic() - begun < 30
        assert is_alive(pid)
        is_whole(scratch)
    finally:
        os.kill(pid, 9)


def test_what_a_killed_coordinator_left_running_is_ended_before_its_agent_starts_again(scratch: Scratch) -> None:
    wild(
        scratch,
        'echo $$ >>pids; test "$PLINY_ATTEMPT" -gt 1 && exit 0\n'
        'trap "" HUP INT; kill -KILL $PPID; while :; do sleep 0.1; done',
    )
    assert scratch.run("git-pliny", "execute").returncode == -9
    scratch.pliny("execute", "--resume")
    first, second = map(int, (scratch.root / "pids").read_text().split())
    assert first != second
    assert not is_alive(first)
    is_whole(scratch)
