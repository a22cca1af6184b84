"""A restore makes files, index and branch as they were, or moves nothing and says what is in the way."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from snapshot_repos import KINDS, Editor, Work, differences, interfere, new_work, run_apart

from git_pliny.errors import StorageError, WouldOverwriteError
from git_pliny.git import locks
from git_pliny.git.locks import INDEX_RECORD, REFS_RECORD, break_stale_locks, hold_index, recorded_refs
from git_pliny.git.process import GitKilledError, LockHeldError
from git_pliny.git.restore import Restore, Target, apply_restore, check_restore, plan_restore
from git_pliny.git.scratch import scratch
from git_pliny.git.snapshot import Snapshot, capture
from git_pliny.git.treediff import Kind


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit of a few files, and an ignored one."""
    return KINDS["plain"](tmp_path)


def target_of(snapshot: Snapshot) -> Target:
    return Target(tree=snapshot.tree, index_tree=snapshot.index_tree, head=snapshot.head)


def plan(work: Work, snapshot: Snapshot) -> Restore:
    return plan_restore(work.repository, target=target_of(snapshot), current=capture(work.repository))


def restore(work: Work, snapshot: Snapshot, *, keep_head: bool = False) -> Restore:
    planned = plan(work, snapshot)
    apply_restore(work.repository, planned, keep_head=keep_head, reason="pliny rollback: x")
    return planned


def refuses(work: Work, snapshot: Snapshot, what: str, *, hint: str = "") -> None:
    """The check and the restore name `what`, and nothing moves."""
    planned = plan(work, snapshot)
    before, hidden = work.facts(), work.files(ignored=True)
    with pytest.raises(WouldOverwriteError, match=what):
        check_restore(work.repository, planned, keep_head=False)
    with pytest.raises(WouldOverwriteError, match=what) as refused:
        apply_restore(work.repository, planned, keep_head=False, reason="pliny rollback: x")
    assert hint in (refused.value.hint or "")
    assert differences(before, work.facts()) == {}
    assert hidden == work.files(ignored=True)
    assert not list(work.repository.git_dir.glob("*.lock"))


# Round trips


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


# What is in the way


def test_a_file_edited_after_the_snapshot_is_not_overwritten(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    planned = plan(work, snapshot)
    work.write("plain", "CHANGED\n")
    with pytest.raises(WouldOverwriteError, match="plain is not as it was recorded"):
        apply_restore(work.repository, planned, keep_head=False, reason="x")
    assert work.path("plain").read_text() == "CHANGED\n"


def test_a_file_edited_after_the_snapshot_that_stays_as_it_is_does_not_matter(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    planned = plan(work, snapshot)
    work.write("dir/one", "an edit meanwhile\n")
    apply_restore(work.repository, planned, keep_head=False, reason="x")
    assert work.path("dir/one").read_text() == "an edit meanwhile\n"
    assert work.path("plain").read_text() == "plain\n"


def test_an_edit_that_a_flag_hides_from_git_is_not_overwritten(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "committed\n")
    work.commit()
    work.git("update-index", "--assume-unchanged", "plain")
    work.write("plain", "hidden edit\n")
    refuses(work, snapshot, "plain is not as it was recorded")


@pytest.mark.parametrize(
    ("ignored", "named"),
    [("plain", "plain"), ("plain/x.ign", "plain/x.ign"), ("plain/deep/link", "plain/deep/link"), ("dir", "dir")],
)
def test_an_ignored_file_in_the_way_is_not_overwritten(ignored: str, named: str, work: Work) -> None:
    snapshot = capture(work.repository)
    work.git("rm", "-rqf", "plain", "dir")
    shutil.rmtree(work.path("dir"), ignore_errors=True)
    work.path(".git/info/exclude").write_text("plain\ndir\n")
    if ignored.endswith("link"):
        work.path(ignored).parent.mkdir(parents=True)
        work.path(ignored).symlink_to(work.path("ignored"))
    else:
        work.write(ignored, "precious\n")
    refuses(work, snapshot, f"{named} is in the way", hint=f"mv {named} ELSEWHERE")


def test_a_nested_repository_in_the_way_is_not_overwritten(work: Work) -> None:
    snapshot = capture(work.repository)
    work.git("rm", "-rq", "dir")
    nested = work.other(work.path("dir"))
    nested.root.mkdir(exist_ok=True)
    nested.git("init", "-q")
    nested.write("work", "precious\n")
    nested.commit()
    refuses(work, snapshot, "the nested repository dir is in the way", hint="mv dir ELSEWHERE")


def test_files_beside_a_git_folder_that_git_takes_for_its_own_are_restored(work: Work) -> None:
    snapshot = capture(work.repository)
    work.other(work.path("dir")).git("init", "-q")
    work.write("dir/one", "changed\n")
    restore(work, snapshot)
    assert work.path("dir/one").read_text() == "1\n"


def test_a_folder_that_cannot_be_looked_into_is_not_overwritten(work: Work) -> None:
    snapshot = capture(work.repository)
    work.path("plain").unlink()
    work.write("plain/new/file")
    work.path(".git/info/exclude").write_text("plain/new\n")
    work.path("plain/new").chmod(0)
    done = run_apart(work, restoring(snapshot), privileges=False)
    work.path("plain/new").chmod(0o755)
    assert re.match(r"StorageError cannot look into .*plain/new", done.stdout), done
    assert work.path("plain/new/file").exists()


def test_what_was_staged_after_the_snapshot_is_not_lost(work: Work) -> None:
    snapshot = capture(work.repository)
    planned = plan(work, snapshot)
    work.write("plain", "staged meanwhile\n")
    work.git("add", "plain")
    with pytest.raises(WouldOverwriteError, match="staged"):
        apply_restore(work.repository, planned, keep_head=False, reason="x")


def test_what_git_itself_finds_in_the_way_at_the_last_moment_is_not_overwritten(work: Work, tmp_path: Path) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    work.path("dir/one").unlink()
    planned = plan(work, snapshot)
    busy = interfere(work, tmp_path / "bin", 'case "$*" in *"-m -u"*) echo precious > plain;; esac')
    with pytest.raises(WouldOverwriteError, match="plain"):
        apply_restore(busy.repository, planned, keep_head=False, reason="x")
    assert work.path("plain").read_text() == "precious\n"
    assert not work.path("dir/one").exists()


@pytest.mark.parametrize("kind", ["file and file", "file and folder"])
def test_on_a_file_system_that_ignores_case_paths_that_would_be_one_are_refused(kind: str, work: Work) -> None:
    work.write("Case" if kind == "file and file" else "Case/inside")
    work.write("case", "another\n")
    snapshot = capture(work.repository)
    work.git("clean", "-fdq")
    work.git("config", "core.ignoreCase", "true")
    refuses(work, snapshot, r"Case.* and case are one file here|case and Case.* are one file here")


def test_on_a_file_system_that_ignores_case_a_renaming_of_case_is_restored(work: Work) -> None:
    work.write("Case")
    snapshot = capture(work.repository)
    work.git("config", "core.ignoreCase", "true")
    work.path("Case").rename(work.path("case"))
    restore(work, snapshot)
    assert [name for name in os.listdir(work.root) if name.lower() == "case"] == ["Case"]  # noqa: PTH208 - names only


# Operations and branches


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


def restoring(snapshot: Snapshot) -> str:
    """Code that restores the snapshot, and prints the error."""
    target = f"Target(tree={snapshot.tree!r}, index_tree={snapshot.index_tree!r}, head={snapshot.head!r})"
    return (
        f"try:\n    planned = plan_restore(repository, target={target}, current=capture(repository))\n"
        "    apply_restore(repository, planned, keep_head=False, reason='x')\n"
        "except PlinyError as error:\n    print(type(error).__name__, error.message)\n"
    )


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


# Locks and kills


def test_a_lock_that_another_git_holds_is_waited_for_and_then_named(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "WAIT_S", 0.1)
    snapshot = capture(work.repository)
    lock = work.write(".git/index.lock", "")
    with pytest.raises(LockHeldError, match=r"index\.lock"):
        restore(work, snapshot)
    assert lock.exists()


def test_a_lock_that_another_git_lets_go_of_is_taken(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    work.write(".git/index.lock", "")
    with subprocess.Popen(["sh", "-c", "sleep 0.3; rm .git/index.lock"], cwd=work.root):
        restore(work, snapshot)
    assert work.path("plain").read_text() == "plain\n"


def test_a_ref_lock_that_another_git_lets_go_of_is_waited_for(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    work.commit()
    work.write(".git/HEAD.lock", "")
    with subprocess.Popen(["sh", "-c", "sleep 0.5; rm .git/HEAD.lock"], cwd=work.root):
        restore(work, snapshot)
    assert capture(work.repository) == snapshot


def test_where_hard_links_are_missing_the_lock_is_made_plainly(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", _no_links)
    with scratch(work.repository) as own, hold_index(work.repository, own):
        assert work.path(".git/index.lock").read_bytes() == (own / INDEX_RECORD).read_bytes()
    assert not work.path(".git/index.lock").exists()


def test_where_hard_links_are_missing_a_lock_that_another_git_holds_is_named(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _no_links)
    monkeypatch.setattr(locks, "WAIT_S", 0.0)
    snapshot = capture(work.repository)
    work.write(".git/index.lock", "")
    with pytest.raises(LockHeldError):
        restore(work, snapshot)


def _no_links(*_: object) -> None:
    raise PermissionError("no hard links here")


@pytest.mark.parametrize("call", range(2, 26, 4))
def test_a_restore_killed_at_any_git_can_be_run_again(call: int, tmp_path: Path) -> None:
    work = KINDS["edited"](tmp_path)
    before, snapshot = work.facts(), capture(work.repository)
    Editor(work, call).edit(12)
    work.commit()
    count = tmp_path / "count"
    killer = interfere(
        work, tmp_path / "bin", f'echo >> {count}; [ "$(wc -l < {count})" -ge {call} ] && {{ kill -9 $PPID; exit 1; }}'
    )
    done = run_apart(killer, restoring(snapshot))
    assert done.returncode == -signal.SIGKILL, done
    restore(work, snapshot)
    assert differences(before, work.facts()) == {}
    assert not list(work.repository.git_dir.glob("*.lock"))
    assert not list((work.repository.local / "tmp").iterdir())


def test_a_tracked_file_that_the_rules_ignore_does_not_stop_a_second_run(work: Work) -> None:
    work.write("tracked.ign", "tracked\n")
    work.git("add", "-f", "tracked.ign")
    work.git("commit", "-q", "-m", "tracked and ignored")
    before, snapshot = work.facts(), capture(work.repository)
    work.git("rm", "-q", "tracked.ign")
    work.commit()
    work.write("tracked.ign", "tracked\n")
    restore(work, snapshot)
    assert differences(before, work.facts()) == {}


def test_a_tracked_file_that_the_rules_ignore_is_not_overwritten_where_it_differs(work: Work) -> None:
    work.write("tracked.ign", "tracked\n")
    work.git("add", "-f", "tracked.ign")
    work.git("commit", "-q", "-m", "tracked and ignored")
    snapshot = capture(work.repository)
    work.git("rm", "-q", "--cached", "tracked.ign")
    work.write("tracked.ign", "edited\n")
    refuses(work, snapshot, r"tracked\.ign is in the way")


def test_a_second_run_leaves_files_that_were_ignored_when_the_first_began(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write(".gitignore", "precious\n")
    work.write("precious")
    work.write("new")
    begun = capture(work.repository)
    work.git("checkout", "-q", ".gitignore")
    planned = plan_restore(
        work.repository, target=target_of(snapshot), current=capture(work.repository), begun_at=begun.tree
    )
    assert planned.paths(Kind.REMOVE) == ("new",)
    apply_restore(work.repository, planned, keep_head=False, reason="x")
    assert work.path("precious").exists()


def _leave_abandoned(work: Work, record: str, content: bytes) -> Path:
    folder = work.repository.local / "tmp" / "left"
    folder.mkdir(parents=True)
    (folder / record).write_bytes(content)
    return folder


def test_the_index_lock_of_a_killed_restore_is_removed(work: Work) -> None:
    lock = work.path(".git/index.lock")
    folder = _leave_abandoned(work, INDEX_RECORD, b"%s\nours\n" % os.fsencode(lock))
    os.link(folder / INDEX_RECORD, lock)
    assert break_stale_locks(work.repository) == (str(lock),)
    assert not lock.exists()
    assert not folder.exists()


@pytest.mark.parametrize("content", [b"", b"another git's"])
def test_the_index_lock_of_another_git_is_left_alone(content: bytes, work: Work) -> None:
    lock = work.path(".git/index.lock")
    lock.write_bytes(content)
    _leave_abandoned(work, INDEX_RECORD, b"%s\nours\n" % os.fsencode(lock))
    assert break_stale_locks(work.repository) == ()
    assert lock.exists()


def _killed_at_the_lock(work: Work, tmp_path: Path, content: str) -> Work:
    """Every git that would move a ref is killed while it holds the lock."""
    script = f'case "$*" in *update-ref*) printf "{content}" > .git/refs/heads/main.lock; kill -9 $$;; esac'
    return interfere(work, tmp_path / "bin", script)


@pytest.mark.parametrize("end", ["\\n", ""], ids=["whole", "cut off"])
def test_the_ref_lock_that_a_killed_git_of_ours_left_is_removed(end: str, work: Work, tmp_path: Path) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    work.commit()
    planned = plan(work, snapshot)
    busy = _killed_at_the_lock(work, tmp_path, f"{snapshot.head.oid}{end}")
    with pytest.raises(GitKilledError):
        apply_restore(busy.repository, planned, keep_head=False, reason="x")
    assert not work.path(".git/refs/heads/main.lock").exists()
    restore(work, snapshot)
    assert capture(work.repository) == snapshot


def test_the_ref_lock_of_a_killed_restore_is_removed_by_the_next(work: Work) -> None:
    snapshot = capture(work.repository)
    repository = work.repository
    with scratch(repository) as own, recorded_refs(repository, own, "refs/heads/main", snapshot.head.oid):
        record = (own / REFS_RECORD).read_bytes()
    _leave_abandoned(work, REFS_RECORD, record)
    lock = work.write(".git/refs/heads/main.lock", f"{snapshot.head.oid}\n")
    assert break_stale_locks(repository) == (str(lock),)
    assert not lock.exists()


@pytest.mark.parametrize("why", ["other content", "made before", "made long after", "let go of"])
def test_the_ref_lock_of_another_git_is_left_alone(why: str, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_SETTLE_S", 0.3)
    snapshot = capture(work.repository)
    repository = work.repository
    lock = work.write(".git/refs/heads/main.lock", "x" if why == "other content" else f"{snapshot.head.oid}\n")
    with scratch(repository) as own, recorded_refs(repository, own, "refs/heads/main", snapshot.head.oid):
        record = (own / REFS_RECORD).read_bytes()
    left = _leave_abandoned(work, REFS_RECORD, record) / REFS_RECORD
    made = left.stat().st_mtime_ns
    offset = {"made before": -1, "made long after": 3600 * 10**9}.get(why, 10**6)
    os.utime(lock, ns=(made + offset, made + offset))
    if why == "let go of":
        with subprocess.Popen(["sh", "-c", "sleep 0.1; rm .git/refs/heads/main.lock"], cwd=work.root):
            assert break_stale_locks(repository) == ()
    else:
        assert break_stale_locks(repository) == ()
        assert lock.exists()


def test_a_git_that_outlives_its_killed_restore_is_waited_for(work: Work, tmp_path: Path) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    work.commit()
    slow = interfere(work, tmp_path / "bin", 'case "$*" in *"-m -u"*) kill -9 $PPID; sleep 1;; esac')
    done = run_apart(slow, restoring(snapshot))
    assert done.returncode == -signal.SIGKILL, done
    assert work.path("plain").read_text() == "changed\n"
    assert break_stale_locks(work.repository, wait_s=5) == (str(work.path(".git/index.lock")),)
    assert work.path("plain").read_text() == "plain\n"


def test_a_corrupt_record_breaks_nothing(work: Work) -> None:
    _leave_abandoned(work, REFS_RECORD, b"{")
    assert break_stale_locks(work.repository) == ()


def test_an_index_that_cannot_be_replaced_is_an_error_of_storage(work: Work, tmp_path: Path) -> None:
    snapshot = capture(work.repository)
    planned = plan(work, snapshot)
    script = 'case "$* $GIT_INDEX_FILE" in *refresh*/index) mv .git/index .git/aside; mkdir .git/index;; esac'
    busy = interfere(work, tmp_path / "bin", script)
    with pytest.raises(StorageError, match=r"cannot replace .*index"):
        apply_restore(busy.repository, planned, keep_head=False, reason="x")
