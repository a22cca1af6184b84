"""`git pliny execute` and `rollback` in every kind of repository, and where there is none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from places import PLACES, Make
from scratch import Scratch
from told import checkpoints

PLAN = "agents: {a: {run: 'pwd > where.txt; echo made > made.txt'}}\n"


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_a_plan_runs_at_the_root_and_can_be_rolled_back(
    make_scratch: Make, place: Callable[..., tuple[Scratch, Path]]
) -> None:
    scratch, cwd = place(make_scratch)
    scratch.plan(PLAN)
    before = scratch.git("status", "--porcelain=v2", "--branch")
    head = scratch.run("git", "rev-parse", "HEAD").stdout
    scratch.pliny("execute", cwd=cwd)
    assert (scratch.root / "where.txt").read_text() == f"{scratch.root}\n"
    session = scratch.session()
    assert (session["status"], checkpoints(scratch)) == ("completed", ["start", "main"])
    assert scratch.git("show", f"refs/pliny/checkpoints/{session['id']}/main:made.txt") == "made"
    scratch.pliny("rollback", "start", cwd=cwd)
    assert scratch.git("status", "--porcelain=v2", "--branch") == before
    assert scratch.run("git", "rev-parse", "HEAD").stdout == head
    scratch.pliny("rollback", "--undo", cwd=cwd)
    assert (scratch.root / "made.txt").read_text() == "made\n"
    assert scratch.git("fsck", "--strict", "--no-dangling") in ("", "notice: HEAD points to an unborn branch (main)")


def test_each_worktree_has_a_current_session_of_its_own(make_scratch: Make) -> None:
    main = make_scratch()
    main.plan(PLAN)
    main.pliny("execute", "in main")
    main.git("worktree", "add", "-q", "../linked")
    linked = replace(main, root=main.root.parent / "linked")
    linked.plan(PLAN)
    linked.pliny("execute", "in linked")
    assert (main.session()["name"], linked.session()["name"]) == ("in main", "in linked")
    listed = linked.pliny("session", "list").stdout
    assert [line[:1] for line in listed.splitlines()[1:]] == ["*", " "]
    linked.pliny("rollback", "start")
    assert (main.root / "made.txt").exists()
    assert not (linked.root / "made.txt").exists()


@pytest.fixture
def nowhere(make_scratch: Make, tmp_path: Path) -> tuple[Scratch, dict[str, str]]:
    """Folders that are no worktree, by name, and what to read there."""
    scratch = make_scratch()
    scratch.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    (tmp_path / "outside").mkdir()
    return (
        scratch,
        {
            "outside": "is not inside a git repository\nhint: git init\n",
            "bare.git": "is in a repository without a work tree\nhint: cd to a worktree of it (git worktree list)\n",
            "repo/.git": "is in a repository without a work tree\nhint: cd to a worktree of it (git worktree list)\n",
        },
    )


def test_where_there_is_no_worktree_it_says_so(nowhere: tuple[Scratch, dict[str, str]], tmp_path: Path) -> None:
    scratch, places = nowhere
    for folder, message in places.items():
        refused = scratch.pliny("execute", cwd=tmp_path / folder, exits=1).stderr
        assert refused == f"error: {tmp_path / folder} {message}"
