"""A restore moves HEAD's branch back, unless an operation or another branch stands in the way."""

import shutil
from pathlib import Path

import pytest
from snapshot_repos import KINDS, Work, differences, new_work
from snapshot_restores import plan, refuses, restore

from git_pliny.errors import WouldOverwriteError
from git_pliny.git.restore import apply_restore, check_restore
from git_pliny.git.snapshot import capture


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit of a few files, and an ignored one."""
    return KINDS["plain"](tmp_path)


@pytest.mark.parametrize(
    ("file", "hint"),
    [
        ("MERGE_HEAD", "git merge --abort"),
        ("CHERRY_PICK_HEAD", "git cherry-pick --abort"),
        ("REVERT_HEAD", "git revert --abort"),
        ("rebase-merge/done", "git rebase --abort"),
        ("rebase-apply/applying", "git am --abort"),
        ("rebase-apply/rebasing", "git rebase --abort"),
        ("sequencer/todo", "git cherry-pick --abort"),
        ("BISECT_LOG", "git bisect reset"),
    ],
)
def test_an_operation_in_progress_is_refused(file: str, hint: str, work: Work) -> None:
    snapshot = capture(work.repository)
    work.write(f".git/{file}", work.git("rev-parse", "HEAD"))
    with pytest.raises(WouldOverwriteError, match="in progress") as refused:
        check_restore(work.repository, plan(work, snapshot), keep_head=True)
    assert hint in (refused.value.hint or "")


def test_an_unmerged_index_is_refused(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "one\n")
    work.git("stash")
    work.write("plain", "other\n")
    work.commit()
    work.git("stash", "pop", check=False)
    refuses(work, snapshot, "plain is unmerged", hint="git reset --merge")


@pytest.mark.parametrize(("command", "hint"), [(["-c", "side"], "git switch main"), (["--detach"], "git switch main")])
def test_another_branch_is_refused(command: list[str], hint: str, work: Work) -> None:
    snapshot = capture(work.repository)
    work.git("switch", "-q", *command)
    refuses(work, snapshot, "the checkpoint was taken on branch main", hint=hint)


def test_a_branch_is_refused_where_the_checkpoint_had_none(tmp_path: Path) -> None:
    work = KINDS["detached"](tmp_path)
    snapshot = capture(work.repository)
    work.git("switch", "-q", "main")
    refuses(work, snapshot, "taken on no branch", hint=f"git switch --detach {snapshot.head.oid}")


def test_a_head_that_moved_after_the_snapshot_is_refused(work: Work) -> None:
    snapshot = capture(work.repository)
    planned = plan(work, snapshot)
    work.git("commit", "-q", "--allow-empty", "-m", "meanwhile")
    with pytest.raises(WouldOverwriteError, match="HEAD moved"):
        apply_restore(work.repository, planned, keep_head=True, reason="x")


def test_a_branch_that_another_worktree_has_checked_out_is_not_moved(work: Work, tmp_path: Path) -> None:
    snapshot = capture(work.repository)
    work.git("worktree", "add", "-q", "-f", str(tmp_path / "second"), "main")
    restore(work, snapshot)
    work.commit()
    refuses(work, snapshot, f"main is checked out in {tmp_path / 'second'}", hint="--keep-head")


def test_a_worktree_whose_folder_is_gone_does_not_count(work: Work, tmp_path: Path) -> None:
    snapshot = capture(work.repository)
    work.git("worktree", "add", "-q", "-f", str(tmp_path / "second"), "main")
    shutil.rmtree(tmp_path / "second")
    work.commit()
    restore(work, snapshot)
    assert capture(work.repository) == snapshot


def test_the_branch_goes_back_and_the_reflog_says_why(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    work.commit()
    restore(work, snapshot)
    assert work.git("rev-parse", "main").decode().strip() == snapshot.head.oid
    assert work.git("log", "-1", "-g", "--format=%gs", "main") == b"pliny rollback: x\n"
    assert work.git("log", "-1", "-g", "--format=%gs", "HEAD") == b"pliny rollback: x\n"


def test_a_detached_head_goes_back(tmp_path: Path) -> None:
    work = KINDS["detached"](tmp_path)
    snapshot = capture(work.repository)
    main = work.git("rev-parse", "main")
    work.commit()
    restore(work, snapshot)
    assert capture(work.repository) == snapshot
    assert work.git("rev-parse", "main") == main


def test_a_branch_without_commit_is_without_commit_again(tmp_path: Path) -> None:
    work = KINDS["unborn"](tmp_path)
    before, snapshot = work.facts(), capture(work.repository)
    work.commit()
    after, committed = work.facts(), capture(work.repository)
    restore(work, snapshot)
    assert differences(before, work.facts()) == {}
    restore(work, committed)
    assert differences(after, work.facts()) == {}


def test_a_repository_without_index_is_restored(tmp_path: Path) -> None:
    work = new_work(tmp_path)
    snapshot = capture(work.repository)
    work.write("new")
    work.git("add", "new")
    restore(work, snapshot)
    assert work.git("status", "--porcelain") == b""
    assert not work.path("new").exists()


def test_keep_head_leaves_head_and_branch_and_stages_nothing(work: Work) -> None:
    work.write("plain", "staged\n")
    work.git("add", "plain")
    snapshot = capture(work.repository)
    work.git("switch", "-q", "-c", "side")
    work.write("plain", "committed\n")
    work.write("more", "committed\n")
    head = work.commit()
    restore(work, snapshot, keep_head=True)
    assert work.git("rev-parse", "HEAD").decode().strip() == head
    assert work.git("symbolic-ref", "HEAD") == b"refs/heads/side\n"
    assert work.git("status", "--porcelain") == b" D more\n M plain\n"
    assert capture(work.repository).tree == snapshot.tree


def test_keep_head_restores_what_was_staged_on_the_same_commit(work: Work) -> None:
    work.write("plain", "staged\n")
    work.git("add", "plain")
    snapshot = capture(work.repository)
    work.git("reset", "-q", "--hard")
    work.git("switch", "-q", "-c", "side")
    restore(work, snapshot, keep_head=True)
    assert work.git("status", "--porcelain", "--branch") == b"## side\nM  plain\n"
