"""Of nested repositories and submodules a snapshot records the commit."""

from pathlib import Path

import pytest
from snapshot_repos import KINDS, Work
from snapshot_trees import paths

from git_pliny.git.snapshot import capture


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit of a few files, and an ignored one."""
    return KINDS["plain"](tmp_path)


def nest(work: Work, name: str, *, commit: bool = True) -> Work:
    nested = work.other(work.path(name))
    nested.root.mkdir()
    nested.git("init", "-q")
    nested.write("inside")
    if commit:
        nested.commit()
    return nested


def test_a_nested_repository_is_recorded_by_its_commit(work: Work) -> None:
    nested = nest(work, "nested")
    snapshot = capture(work.repository)
    head = nested.git("rev-parse", "HEAD").decode().strip()
    assert paths(work, snapshot.tree)["nested"] == f"160000 commit {head}"
    assert snapshot.dirty_nested == snapshot.skipped_nested == ()


def test_a_dirty_nested_repository_is_named(work: Work) -> None:
    nest(work, "nested").write("more")
    assert capture(work.repository).dirty_nested == ("nested",)


def test_a_nested_repository_that_git_refuses_to_look_into_counts_as_dirty(work: Work) -> None:
    nest(work, "nested").write(".git/index", "not an index\n")
    assert capture(work.repository).dirty_nested == ("nested",)


def test_a_nested_repository_without_commit_is_left_out_and_named(work: Work) -> None:
    nest(work, "nested", commit=False)
    work.write("new")
    snapshot = capture(work.repository)
    assert snapshot.skipped_nested == ("nested",)
    assert "new" in paths(work, snapshot.tree)
    assert "nested" not in paths(work, snapshot.tree)


def test_a_nested_repository_in_the_place_of_a_file_is_recorded_by_its_commit(work: Work) -> None:
    work.path("plain").unlink()
    nest(work, "plain")
    assert paths(work, capture(work.repository).tree)["plain"].startswith("160000 commit")


def test_a_nested_linked_worktree_is_recorded_by_its_commit(work: Work) -> None:
    work.git("worktree", "add", "-q", "-b", "side", "side")
    assert paths(work, capture(work.repository).tree)["side"].startswith("160000 commit")


def test_a_dirty_submodule_is_named_and_its_commit_recorded(tmp_path: Path) -> None:
    work = KINDS["submodule"](tmp_path)
    sub = work.other(work.path("sub"))
    sub.write("inside", "dirty\n")
    snapshot = capture(work.repository)
    assert snapshot.dirty_nested == ("sub",)
    assert snapshot.tree == work.git("rev-parse", "HEAD^{tree}").decode().strip()


def test_a_submodule_moved_to_another_commit_is_recorded_there(tmp_path: Path) -> None:
    work = KINDS["submodule"](tmp_path)
    sub = work.other(work.path("sub"))
    sub.write("inside", "next\n")
    commit = sub.commit()
    snapshot = capture(work.repository)
    assert paths(work, snapshot.tree)["sub"] == f"160000 commit {commit}"
    assert snapshot.dirty_nested == ()
