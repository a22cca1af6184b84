"""Plans that came with a fetched session: shown in full, asked for, refused; and sessions that another clone executes."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scratch import Scratch
from terminal import show
from told import noted

PLAN = """
agents:
  x: {run: echo x >> x.txt}
  y: {run: '[ -e go ] && echo y >> y.txt'}
phases:
  - {name: one, agents: [x]}
  - {name: two, agents: [y]}
"""
Cloning = Callable[[str], Scratch]


@pytest.fixture
def clones(scratch: Scratch, tmp_path: Path) -> Cloning:
    """Clones of a bare remote without a plan file, each by its name."""
    scratch.write("readme", "hello\n")
    scratch.commit()
    remote = tmp_path / "remote.git"
    scratch.git("clone", "-q", "--bare", ".", str(remote))

    def clone(name: str) -> Scratch:
        scratch.git("clone", "-q", str(remote), str(tmp_path / name))
        return Scratch(root=tmp_path / name, environ=scratch.environ)

    return clone


def shared(clones: Cloning, plan: str = PLAN, *arguments: str, exits: int = 3) -> tuple[Scratch, Scratch, str]:
    """A session that one clone executed and another one fetched."""
    ada, bob = clones("ada"), clones("bob")
    ada.plan(plan)
    ada.pliny("execute", *arguments, exits=exits)
    ada.pliny("push")
    bob.pliny("fetch")
    return ada, bob, str(ada.session()["id"])


def trail(clone: Scratch, session: str, kind: str = "") -> list[dict[str, Any]]:
    """The entries of a session, or those of a type."""
    found = [json.loads(line) for line in noted(clone, session)]
    return [entry for entry in found if kind in ("", entry["type"])]


def digest_in(text: str) -> str:
    found = re.search(r"--approve-plan ([0-9a-f]{12})\b", text)
    assert found, text
    return found[1]


def test_a_stored_plan_is_refused_shown_and_executed_once_it_is_approved(clones: Cloning) -> None:
    _, bob, session = shared(clones)
    bob.write("go", "")
    refused = bob.pliny("execute", "--session", session, exits=1)
    assert "run: [ -e go ] && echo y >> y.txt" in refused.stderr
    digest = digest_in(refused.stderr)
    assert not (bob.root / "y.txt").exists()
    wrong = bob.pliny("execute", "--session", session, "--approve-plan", "0" * 12, exits=1)
    assert digest_in(wrong.stderr) == digest
    bob.pliny("execute", "--session", session, "--approve-plan", "me", exits=2)
    bob.pliny("execute", "--session", session, "--approve-plan", digest)
    assert (bob.root / "y.txt").read_text() == "y\n"
    assert not (bob.root / "x.txt").exists()
    bob.pliny("execute", "--session", session, "--rerun", "y")
    assert "approved" not in bob.git("for-each-ref")


def test_a_user_at_a_terminal_is_asked(clones: Cloning) -> None:
    _, bob, session = shared(clones)
    bob.write("go", "")
    command = ["git", "pliny", "execute", "--session", session]
    for answer, code in (("n", 1), ("y", 0)):
        shown = show(command, cwd=bob.root, environ=bob.environ, width=200)
        shown.read(lambda terminal: "[y/N]" in terminal.lines[-1])
        assert not (bob.root / "y.txt").exists()
        shown.type(f"{answer}\r")
        assert shown.finish() == code, shown.raw
    assert (bob.root / "y.txt").exists()


def test_a_plan_file_that_only_the_trail_names_is_not_executed(clones: Cloning) -> None:
    ada, bob = clones("ada"), clones("bob")
    ada.write("ci/other.yaml", "agents: {z: {run: '[ -e go ]'}}")
    ada.pliny("execute", "--plan", "ci/other.yaml", exits=3)
    ada.pliny("push")
    bob.pliny("fetch")
    session = ada.session()["id"]
    bob.write("ci/other.yaml", "agents: {z: {run: touch other}}")
    bob.plan("agents: {z: {run: touch own}}")
    refused = bob.pliny("execute", "--session", session, exits=1)
    assert "run: [ -e go ]" in refused.stderr
    assert not (bob.root / "other").exists()
    bob.pliny("execute", "--session", session, "--plan", "ci/other.yaml")
    assert (bob.root / "other").exists()


def test_the_users_own_plan_file_needs_no_approval(clones: Cloning) -> None:
    _, bob, session = shared(clones)
    bob.plan(PLAN)
    bob.write("go", "")
    bob.pliny("execute", "--session", session)
    assert (bob.root / "y.txt").exists()
    assert not (bob.root / "x.txt").exists()
    bob.plan(PLAN.replace("echo y", "echo z"))
    bob.pliny("execute", "--session", session)
    assert (bob.root / "y.txt").read_text() == "y\nz\n"


def test_a_strangers_task_for_agents_that_listen_is_approved_like_a_plan(clones: Cloning) -> None:
    plan = "agents: {a: {run: 'cat > told; [ -e go ]', prompt: 'Do this: {{ task }}'}}"
    _, bob, session = shared(clones, plan, "Delete everything")
    bob.plan(plan)
    bob.write("go", "")
    refused = bob.pliny("execute", "--session", session, exits=1)
    assert "task: Delete everything" in refused.stderr
    bob.pliny("execute", "--session", session, "--approve-plan", digest_in(refused.stderr))
    assert "Delete everything" in (bob.root / "told").read_text()


def test_ones_own_session_is_executed_with_the_plan_file_that_it_was_begun_with(clones: Cloning) -> None:
    ada = clones("ada")
    ada.write("other.yaml", PLAN)
    ada.pliny("execute", "--plan", "other.yaml", exits=3)
    ada.write("go", "")
    dry = ada.pliny("execute", "--dry-run")
    assert "elsewhere" not in dry.stderr
    ada.pliny("execute", "--approve-plan", "0" * 12, exits=1)
    ada.pliny("execute", "--resume")
    assert (ada.root / "y.txt").exists()


def test_a_copy_of_a_clone_is_another_clone(clones: Cloning, tmp_path: Path) -> None:
    ada, _, session = shared(clones)
    shutil.copytree(ada.root, tmp_path / "copy", symlinks=True)
    copy = Scratch(root=tmp_path / "copy", environ=ada.environ)
    for clone in (ada, copy):
        clone.pliny("execute", "--rerun", "x", exits=3)
    first, second = (trail(clone, session, "session_resume")[-1]["data"]["clone"] for clone in (ada, copy))
    assert first == trail(ada, session, "session_start")[0]["data"]["clone"]
    assert first != second


def killed(clone: Scratch) -> str:
    """A session whose run was killed while its agent ran; gives its id."""
    with subprocess.Popen(
        ["git", "pliny", "execute"], cwd=clone.root, env=clone.environ, start_new_session=True, stderr=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 30
        while not (clone.root / "begun").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    return str(clone.session()["id"])


SLOW = """
agents:
  x: {run: 'echo x >> x.txt'}
  y: {run: 'touch begun; while [ ! -e go ]; do sleep 0.05; done; echo y >> y.txt'}
phases:
  - {name: one, agents: [x]}
  - {name: two, agents: [y]}
"""


def test_a_session_that_another_clone_executes_is_taken_over_only_when_told_so(clones: Cloning) -> None:
    ada, bob = clones("ada"), clones("bob")
    for clone in (ada, bob):
        clone.plan(SLOW)
    session = killed(ada)
    (ada.root / "go").touch()
    ada.pliny("push")
    bob.pliny("fetch")
    bob.write("go", "")
    refused = bob.pliny("execute", "--session", session, exits=1)
    assert re.search(r"by Ada Tester <ada@example.com> on \S+ since 20\d\d-\S+ \(run [0-9a-f]{8}\)", refused.stderr)
    assert "--take-over" in refused.stderr
    assert not (bob.root / "y.txt").exists()
    taken = bob.pliny("execute", "--session", session, "--take-over")
    assert "taking over from Ada Tester" in taken.stderr
    over = trail(bob, session, "session_resume")[-1]["data"]["took_over"]
    assert over == [trail(bob, session, "session_start")[0]["run"]]
    bob.pliny("execute", "--session", session, "--rerun", "y")
    ada.pliny("execute", "--resume")  # the late one goes on, knowing nothing of it
    for clone in (ada, bob, ada):
        clone.pliny("sync")
    for clone in (ada, bob):
        assert clone.pliny("audit", "verify", session).stdout.endswith(": ok\n")
    assert trail(ada, session) == trail(bob, session)
    bob.pliny("execute", "--session", session, "--rerun", "x")


def test_a_session_whose_runs_have_ended_elsewhere_needs_no_flag(clones: Cloning) -> None:
    ada, bob, session = shared(clones)
    bob.plan(PLAN)
    bob.pliny("execute", "--session", session, exits=3)
    bob.pliny("push")
    ada.pliny("fetch")
    ada.write("go", "")
    ada.pliny("execute", "--resume")
    assert json.loads(ada.pliny("session", "show", session, "--json").stdout)["status"] == "completed"
