"""Snapshots record the workspace as git sees it, and leave no trace in it."""

import os
import shutil
import socket
from pathlib import Path

import pytest
from snapshot_repos import KINDS, Work, differences, new_work
from snapshot_trees import content, paths, tree_by_git

from git_pliny.errors import GitError
from git_pliny.git.snapshot import capture


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit of a few files, and an ignored one."""
    return KINDS["plain"](tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_is_what_git_would_add(kind: str, tmp_path: Path) -> None:
    work = KINDS[kind](tmp_path)
    work.write("dir/late", "late\n")
    work.write("plain", "changed\n")
    assert capture(work.repository).tree == tree_by_git(work, tmp_path / "index")


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_leaves_no_trace(kind: str, tmp_path: Path) -> None:
    work = KINDS[kind](tmp_path)
    work.write("plain", "changed\n")
    index, before = work.repository.git_dir / "index", work.facts()
    kept = index.read_bytes(), index.stat().st_mtime_ns, index.stat().st_ino
    reflog = work.git("reflog", "--all")
    capture(work.repository)
    assert differences(before, work.facts()) == {}
    assert kept == (index.read_bytes(), index.stat().st_mtime_ns, index.stat().st_ino)
    assert reflog == work.git("reflog", "--all")
    assert not list(work.repository.git_dir.glob("*.lock"))
    assert not list((work.repository.local / "tmp").iterdir())


def test_an_unchanged_workspace_is_heads_tree(work: Work) -> None:
    head = work.git("rev-parse", "HEAD").decode().strip()
    snapshot = capture(work.repository)
    assert snapshot.tree == work.git("rev-parse", "HEAD^{tree}").decode().strip()
    assert (snapshot.head.oid, snapshot.head.ref, snapshot.index_tree) == (head, "refs/heads/main", None)


def test_a_repository_without_commit_or_index_has_an_empty_snapshot(tmp_path: Path) -> None:
    work = new_work(tmp_path)
    snapshot = capture(work.repository)
    assert paths(work, snapshot.tree) == {}
    assert (snapshot.head.oid, snapshot.head.ref, snapshot.index_tree) == (None, "refs/heads/main", None)


def test_untracked_files_of_a_repository_without_index_are_recorded(tmp_path: Path) -> None:
    work = new_work(tmp_path)
    work.write("new", "new\n")
    assert list(paths(work, capture(work.repository).tree)) == ["new"]
    assert not work.path(".git/index").exists()


def test_a_detached_head_has_no_ref(tmp_path: Path) -> None:
    work = KINDS["detached"](tmp_path)
    assert capture(work.repository).head.ref is None


def test_a_head_that_is_a_symbolic_link_is_read_by_git(work: Work) -> None:
    work.path(".git/HEAD").unlink()
    work.path(".git/HEAD").symlink_to("refs/heads/main")
    assert capture(work.repository).head.ref == "refs/heads/main"


def test_the_index_is_recorded_where_something_is_staged(work: Work) -> None:
    work.write("plain", "staged\n")
    work.git("add", "plain")
    work.write("plain", "edited\n")
    snapshot = capture(work.repository)
    assert snapshot.index_tree
    assert content(work, snapshot.index_tree, "plain") == "staged\n"
    assert content(work, snapshot.tree, "plain") == "edited\n"


def test_the_index_of_unmerged_paths_is_not_recorded_but_their_files_are(work: Work) -> None:
    work.git("checkout", "-q", "-b", "other")
    work.write("plain", "theirs\n")
    work.git("commit", "-q", "-am", "theirs")
    work.git("checkout", "-q", "main")
    work.write("plain", "ours\n")
    work.git("commit", "-q", "-am", "ours")
    work.git("merge", "-q", "other", check=False)
    snapshot = capture(work.repository)
    assert snapshot.index_tree is None
    assert ">>>>>>> other" in content(work, snapshot.tree, "plain")


def test_an_unmerged_path_that_was_removed_is_not_recorded(work: Work) -> None:
    blob = work.git("rev-parse", "HEAD:plain").decode().strip()
    stages = "".join(f"100644 {blob} {stage}\tplain\n" for stage in (1, 2, 3))
    work.git("rm", "-q", "plain")
    work.git("update-index", "--index-info", stdin=stages.encode())
    assert "plain" not in paths(work, capture(work.repository).tree)


def test_a_tracked_file_that_is_ignored_since_is_still_recorded(work: Work) -> None:
    work.write(".gitignore", "plain\nnew\n")
    work.write("new", "ignored\n")
    work.write("plain", "changed\n")
    tree = capture(work.repository).tree
    assert content(work, tree, "plain") == "changed\n"
    assert "new" not in paths(work, tree)


def test_a_file_that_came_to_be_ignored_after_a_snapshot_is_not_in_the_next(work: Work) -> None:
    work.write("new")
    assert "new" in paths(work, capture(work.repository).tree)
    work.write(".gitignore", "new\n")
    assert "new" not in paths(work, capture(work.repository).tree)


@pytest.mark.parametrize("place", ["info/exclude", "global"])
def test_excludes_outside_the_worktree_count(place: str, work: Work, tmp_path: Path) -> None:
    rules = work.path(".git/info/exclude") if place == "info/exclude" else tmp_path / "rules"
    rules.write_text("hidden\n")
    work.git("config", "core.excludesFile", str(tmp_path / "rules"))
    work.write("hidden")
    assert "hidden" not in paths(work, capture(work.repository).tree)


def test_a_file_that_is_only_intended_to_be_added_is_recorded(work: Work) -> None:
    work.write("intended", "later\n")
    work.git("add", "-N", "intended")
    snapshot = capture(work.repository)
    assert content(work, snapshot.tree, "intended") == "later\n"
    assert snapshot.index_tree is None


def test_what_git_is_told_to_assume_unchanged_is_recorded_as_git_sees_it(work: Work) -> None:
    work.git("update-index", "--assume-unchanged", "plain")
    work.write("plain", "an edit that git does not see\n")
    assert content(work, capture(work.repository).tree, "plain") == "plain\n"


def test_an_edit_that_keeps_size_and_time_is_found_where_git_finds_it(work: Work) -> None:
    index = work.path(".git/index")
    work.git("update-index", "--refresh")
    then = work.path("plain").stat().st_mtime_ns
    work.path("plain").write_text("PLAIN\n")
    os.utime(work.path("plain"), ns=(then, then))
    os.utime(index, ns=(then, then))
    assert content(work, capture(work.repository).tree, "plain") == "PLAIN\n"


def test_a_file_in_the_place_of_a_folder_is_recorded(work: Work) -> None:
    shutil.rmtree(work.path("dir"))
    work.write("dir", "a file now\n")
    tree = capture(work.repository).tree
    assert {path for path in paths(work, tree) if path.startswith("dir")} == {"dir"}


def test_a_folder_in_the_place_of_a_file_is_recorded(work: Work) -> None:
    work.path("plain").unlink()
    work.write("plain/inside")
    assert "plain/inside" in paths(work, capture(work.repository).tree)


def test_an_ignored_symbolic_link_in_the_place_of_a_folder_takes_its_files_away(work: Work) -> None:
    shutil.move(work.path("dir"), work.path("ignored/dir"))
    work.path("dir").symlink_to("ignored/dir")
    work.path(".git/info/exclude").write_text("/dir\n")
    assert not [path for path in paths(work, capture(work.repository).tree) if path.startswith("dir")]


def test_a_symbolic_link_to_itself_in_the_place_of_a_folder_takes_its_files_away(work: Work) -> None:
    shutil.rmtree(work.path("dir"))
    work.path("dir").symlink_to("dir")
    found = paths(work, capture(work.repository).tree)
    assert [path for path in found if path.startswith("dir")] == ["dir"]


def test_pipes_and_sockets_are_not_recorded(work: Work) -> None:
    os.mkfifo(work.path("pipe"))
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(work.root)
        listener.bind("socket")
        assert capture(work.repository).tree == work.git("rev-parse", "HEAD^{tree}").decode().strip()


def test_the_current_directory_does_not_matter(work: Work) -> None:
    work.write("plain", "changed\n")
    inside = Work(root=work.path("dir"), environ=work.environ)
    assert capture(inside.repository) == capture(work.repository)


def test_an_index_inherited_from_a_hook_is_not_used(work: Work, tmp_path: Path) -> None:
    work.write("new")
    hook = Work(root=work.root, environ={**work.environ, "GIT_INDEX_FILE": str(tmp_path / "other")})
    assert capture(hook.repository) == capture(work.repository)
    assert not (tmp_path / "other").exists()


def test_no_hook_of_the_user_runs(work: Work) -> None:
    hook = work.write(".git/hooks/post-index-change", "#!/bin/sh\ntouch ran\n", executable=True)
    work.write("new")
    capture(work.repository)
    assert hook.exists()
    assert not work.path("ran").exists()


def test_a_split_index_gets_no_further_shared_file(tmp_path: Path) -> None:
    work = KINDS["split index"](tmp_path)
    before = sorted(work.path(".git").glob("sharedindex.*"))
    assert before
    work.write("plain", "changed\n")
    capture(work.repository)
    assert sorted(work.path(".git").glob("sharedindex.*")) == before


def test_line_ends_that_git_would_refuse_to_add_are_recorded(work: Work) -> None:
    work.git("config", "core.autocrlf", "input")
    work.git("config", "core.safecrlf", "true")
    work.write("crlf", "a\r\nb\r\n")
    assert content(work, capture(work.repository).tree, "crlf") == "a\nb\n"


def test_a_failing_required_filter_is_an_error_that_names_the_file(work: Work) -> None:
    work.git("config", "filter.broken.clean", "false")
    work.git("config", "filter.broken.required", "true")
    work.write(".gitattributes", "*.big filter=broken\n")
    work.write("a.big")
    with pytest.raises(GitError, match=r"a\.big"):
        capture(work.repository)
