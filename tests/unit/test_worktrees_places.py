"""Where worktrees of the pool are: in the user's cache, told by the first one, and forgotten with the last."""

import shutil
from pathlib import Path

import pytest
from pool_work import base_of
from snapshot_repos import KINDS, Work

from git_pliny.git.place import cache_folder, pool_folder, remove_orphans
from git_pliny.git.repository import discover
from git_pliny.git.unused import remove_unused
from git_pliny.git.worktrees import Pool


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return KINDS["edited"](tmp_path)


def test_no_worktree_is_below_a_git_directory(work: Work) -> None:
    worktree = Pool(work.repository).take(base_of(work))
    assert ".git" not in worktree.repository.root.parts
    assert worktree.repository.root.is_relative_to(Path(work.environ["HOME"]) / ".cache" / "git-pliny")
    assert pool_folder(work.repository).stat().st_mode & 0o77 == 0


def test_an_agent_with_another_home_finds_them_all_the_same(work: Work) -> None:
    worktree = Pool(work.repository).take(base_of(work))
    elsewhere = discover(worktree.repository.root, {**work.environ, "HOME": "/nowhere", "XDG_CACHE_HOME": "/tmp/none"})
    assert pool_folder(elsewhere) == worktree.repository.root.parent


def test_without_a_cache_they_are_in_the_git_directory(work: Work) -> None:
    (Path(work.environ["HOME"]) / ".cache").write_text("in the way")
    worktree = Pool(work.repository).take(base_of(work))
    assert worktree.repository.root == work.repository.local / "worktrees" / "pliny-1"
    worktree.release()
    assert remove_unused(work.repository) == ["pliny-1"]
    assert not (work.repository.local / "worktrees").exists()


def test_with_the_last_one_the_folder_goes(work: Work) -> None:
    base, pool = base_of(work), Pool(work.repository)
    one, two = pool.take(base), pool.take(base)
    folder = one.repository.root.parent
    one.release()
    remove_unused(work.repository)
    assert folder.is_dir()
    two.release()
    remove_unused(work.repository)
    assert not folder.exists()
    assert not (work.repository.local / "worktrees").exists()


def test_those_of_a_repository_that_is_gone_are_removed_and_no_others(work: Work) -> None:
    base = base_of(work)
    worktree = Pool(work.repository).take(base)
    worktree.release()
    folder = worktree.repository.root.parent
    (folder.parent / "none of ours").mkdir()
    assert remove_orphans(work.environ) == []
    shutil.rmtree(work.repository.common_dir)
    assert remove_orphans(work.environ) == [folder]
    assert not folder.exists()
    assert (folder.parent / "none of ours").is_dir()


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, Path("/c/git-pliny")),
        ({"XDG_CACHE_HOME": "relative"}, None),
        ({"HOME": ""}, None),
        ({}, None),
    ],
)
def test_the_cache_is_where_the_environment_says(environ: dict[str, str], folder: Path | None) -> None:
    assert cache_folder(environ) == folder
