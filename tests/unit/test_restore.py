"""A restore makes files and index as they were."""

import re
import shutil
from pathlib import Path

import pytest
from snapshot_edits import Editor
from snapshot_repos import KINDS, Work, differences, interfere, run_apart
from snapshot_restores import plan, restore, restoring

from git_pliny.errors import StorageError
from git_pliny.git.restore import apply_restore
from git_pliny.git.snapshot import capture
from git_pliny.git.treediff import Kind


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit of a few files, and an ignored one."""
    return KINDS["plain"](tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_after_any_edits_a_restore_makes_everything_as_it_was_and_can_be_undone(kind: str, tmp_path: Path) -> None:
    work = KINDS[kind](tmp_path)
    editor = Editor(work, seed=len(kind))
    editor.edit(3)
    before, snapshot = work.facts(), capture(work.repository)
    editor.edit(12)
    after, edited, hidden = work.facts(), capture(work.repository), work.files(ignored=True)
    restore(work, snapshot)
    assert differences(before, work.facts()) == {}
    assert capture(work.repository) == snapshot
    restore(work, edited)
    assert differences(after, work.facts()) == {}
    assert hidden == work.files(ignored=True)
    work.git("fsck", "--strict", "--no-dangling")


def test_a_plan_lists_what_is_written_and_removed(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    work.write("new/file")
    work.path("dir/one").unlink()
    planned = plan(work, snapshot)
    assert planned.paths(Kind.WRITE) == ("dir/one", "plain")
    assert planned.paths(Kind.REMOVE) == ("new/file",)
    assert planned.paths(Kind.SUBMODULE) == ()


def test_folders_that_become_empty_go_and_those_with_ignored_files_stay(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("gone/deep/file")
    work.write("stays/file")
    work.write("stays/x.ign")
    restore(work, snapshot)
    assert not work.path("gone").exists()
    assert [path.name for path in work.path("stays").iterdir()] == ["x.ign"]


def test_an_empty_folder_is_no_obstacle_to_a_file(work: Work) -> None:
    snapshot = capture(work.repository)
    work.path("plain").unlink()
    work.path("plain/deep/er").mkdir(parents=True)
    restore(work, snapshot)
    assert work.path("plain").read_text() == "plain\n"


def test_git_status_needs_no_second_look_after_a_restore(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    restore(work, snapshot)
    assert work.git("diff-files", "--name-only") == b""


def test_nothing_is_written_through_a_symbolic_link(work: Work, tmp_path: Path) -> None:
    snapshot = capture(work.repository)
    shutil.rmtree(work.path("dir"))
    (tmp_path / "outside").mkdir()
    work.path("dir").symlink_to(tmp_path / "outside")
    restore(work, snapshot)
    assert work.path("dir").is_dir()
    assert not work.path("dir").is_symlink()
    assert not list((tmp_path / "outside").iterdir())


def test_flags_in_the_index_stay_as_they_are(work: Work) -> None:
    work.git("update-index", "--assume-unchanged", "run", "plain")
    work.git("update-index", "--skip-worktree", "empty")
    snapshot = capture(work.repository)
    work.git("update-index", "--no-assume-unchanged", "plain")
    work.write("plain", "changed\n")
    planned = plan(work, snapshot)
    work.git("update-index", "--assume-unchanged", "plain")
    apply_restore(work.repository, planned, keep_head=False, reason="x")
    assert work.path("plain").read_text() == "plain\n"
    flags = work.git("ls-files", "-v").decode().splitlines()
    assert {"h run", "h plain", "S empty"} <= set(flags)


# Nested repositories


def test_a_submodules_commit_goes_back_in_the_index_and_its_files_stay(tmp_path: Path) -> None:
    work = KINDS["submodule"](tmp_path)
    snapshot = capture(work.repository)
    sub = work.other(work.path("sub"))
    sub.write("inside", "next\n")
    sub.commit()
    sub.write("inside", "dirty\n")
    work.git("add", "sub")
    assert restore(work, snapshot).paths(Kind.SUBMODULE) == ("sub",)
    assert sub.path("inside").read_text() == "dirty\n"
    assert work.git("diff", "--cached", "--name-only") == b""


def test_a_submodule_that_was_removed_comes_back_as_one_not_checked_out(tmp_path: Path) -> None:
    work = KINDS["submodule"](tmp_path)
    snapshot = capture(work.repository)
    work.git("rm", "-qf", "sub")
    work.write("sub", "a file now\n")
    work.commit()
    restore(work, snapshot)
    assert list(work.path("sub").iterdir()) == []
    assert work.git("status", "--porcelain") == b""


def test_a_nested_repository_made_since_stays(work: Work) -> None:
    snapshot = capture(work.repository)
    nested = work.other(work.path("nested"))
    nested.root.mkdir()
    nested.git("init", "-q")
    nested.write("inside")
    nested.commit()
    restore(work, snapshot)
    assert nested.path("inside").exists()
    assert work.git("status", "--porcelain") == b"?? nested/\n"


# Sparse checkouts


def test_a_file_outside_a_sparse_checkout_is_restored_in_the_index_only(tmp_path: Path) -> None:
    work = KINDS["cone"](tmp_path)
    snapshot = capture(work.repository)
    blob = work.git("hash-object", "-w", "--stdin", stdin=b"next\n").decode().strip()
    work.git("update-index", "--cacheinfo", f"100644,{blob},outside/a/file")
    work.git("update-index", "--skip-worktree", "outside/a/file")
    work.git("commit", "-q", "-m", "outside")
    restore(work, snapshot)
    assert not work.path("outside").exists()
    assert work.git("ls-files", "-t", "outside/a/file") == b"S outside/a/file\n"
    assert capture(work.repository) == snapshot


def test_a_file_edited_outside_a_sparse_checkout_is_restored_on_disk(tmp_path: Path) -> None:
    work = KINDS["cone"](tmp_path)
    work.write("outside/a/file", "edited\n")
    snapshot = capture(work.repository)
    shutil.rmtree(work.path("outside"))
    work.git("sparse-checkout", "reapply")
    work.git("reset", "-q", "--hard")
    assert not work.path("outside").exists()
    restore(work, snapshot)
    assert work.path("outside/a/file").read_text() == "edited\n"


def test_rules_that_a_sparse_checkout_keeps_off_the_disk_still_filter_what_is_written(tmp_path: Path) -> None:
    work = KINDS["filtered"](tmp_path)
    work.git("sparse-checkout", "set", "--no-cone", "/dir/")
    assert not work.path(".gitattributes").exists()
    snapshot = capture(work.repository)
    work.write("dir/one", "changed\n")
    restore(work, snapshot)
    assert work.path("dir/one").read_text() == "1\n"
    work.write("dir/word", "word\n")
    snapshot = capture(work.repository)
    work.path("dir/word").unlink()
    restore(work, snapshot)
    assert work.path("dir/word").read_text() == "word\n"


# What can't be written


@pytest.mark.parametrize("edit", ["change", "remove", "add"])
def test_a_folder_that_cannot_be_written_is_named_and_a_second_run_ends_right(edit: str, work: Work) -> None:
    before, snapshot = work.facts(), capture(work.repository)
    if edit == "remove":
        work.path("dir/one").unlink()
    else:
        work.write("dir/one" if edit == "change" else "dir/new", "changed\n")
    work.write("plain", "changed\n")
    work.path("dir").chmod(0o555)
    done = run_apart(work, restoring(snapshot), privileges=False)
    work.path("dir").chmod(0o755)
    assert done.stdout.startswith("StorageError"), done
    assert "dir/" in done.stdout
    restore(work, snapshot)
    assert differences(before, work.facts()) == {}


def test_a_git_folder_that_cannot_be_written_is_an_error_of_storage(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    capture(work.repository)
    work.path(".git").chmod(0o555)
    done = run_apart(work, restoring(snapshot), privileges=False)
    work.path(".git").chmod(0o755)
    assert re.match(r"StorageError .*index\.lock", done.stdout), done
    assert work.path("plain").read_text() == "changed\n"


def test_an_index_that_cannot_be_replaced_is_an_error_of_storage(work: Work, tmp_path: Path) -> None:
    snapshot = capture(work.repository)
    planned = plan(work, snapshot)
    script = 'case "$* $GIT_INDEX_FILE" in *refresh*/index) mv .git/index .git/aside; mkdir .git/index;; esac'
    busy = interfere(work, tmp_path / "bin", script)
    with pytest.raises(StorageError, match=r"cannot replace .*index"):
        apply_restore(busy.repository, planned, keep_head=False, reason="x")
