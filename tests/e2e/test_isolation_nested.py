"""Submodules and repositories of their own that isolated agents work in: their commits are in no tree."""

import pytest
from places import Make
from scratch import Scratch

COMMIT = "git add -A && git -c user.name=A -c user.email=a@b commit -qm work"
FILES = "git -c protocol.file.allow=always submodule --quiet"


@pytest.fixture
def outer(make_scratch: Make) -> Scratch:
    """A repository with a submodule that is checked out."""
    make_scratch("library")
    scratch = make_scratch("outer")
    scratch.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../library", "sub")
    scratch.commit("add sub")
    return scratch


def plan(scratch: Scratch, run: str) -> None:
    scratch.plan(f"execution: {{parallel: true, isolation: worktree}}\nagents:\n  a: {{run: '{run}'}}\n")
    scratch.git("config", "remote.origin.url", str(scratch.root))


def test_a_commit_inside_a_submodule_comes_along(outer: Scratch) -> None:
    plan(outer, f"{FILES} update --init && cd sub && echo more > more && {COMMIT}")
    outer.pliny("execute")
    assert (outer.root / "sub/more").read_text() == "more\n"
    assert outer.git("status", "--short", "sub") == "M sub"
    tree = outer.git("ls-tree", f"refs/pliny/checkpoints/{outer.session()['id']}/main", "sub").split()
    assert tree[2] == outer.git("-C", "sub", "rev-parse", "HEAD")


def test_edits_of_the_user_inside_a_submodule_are_never_overwritten(outer: Scratch) -> None:
    plan(outer, f"{FILES} update --init && cd sub && echo theirs > README && {COMMIT}")
    outer.write("sub/README", "mine\n")
    done = outer.pliny("execute")
    assert (outer.root / "sub/README").read_text() == "mine\n"
    assert "what a committed inside sub is not checked out" in done.stderr
    (kept,) = outer.git("-C", "sub", "for-each-ref", "--format=%(refname)", "refs/pliny/work").splitlines()
    assert outer.git("-C", "sub", "show", f"{kept}:README") == "theirs"


def test_a_submodule_that_an_agent_adds_comes_along(outer: Scratch) -> None:
    plan(outer, f"{FILES} add {outer.root.parent}/library other")
    outer.pliny("execute")
    assert (outer.root / "other/README").exists()
    assert "other" in (outer.root / ".gitmodules").read_text()
    assert outer.git("-C", "other", "remote", "get-url", "origin") == f"{outer.root.parent}/library"


def test_a_repository_that_an_agent_makes_comes_along(outer: Scratch) -> None:
    plan(
        outer,
        f"git init -q own && cd own && echo 1 > 1 && {COMMIT} && git branch side; git init -q ../bare && echo > ../bare/x",
    )
    outer.pliny("execute")
    assert outer.git("-C", "own", "branch", "--format=%(refname:short)").split() == ["main", "side"]
    assert (outer.root / "own/1").exists()
    assert (outer.root / "bare/x").exists()


def test_what_is_not_committed_inside_a_submodule_is_named(outer: Scratch) -> None:
    plan(outer, f"{FILES} update --init && echo more > sub/more")
    assert "what a did not commit inside sub goes with its worktree" in outer.pliny("execute").stderr
