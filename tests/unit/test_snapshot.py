"""Snapshots record the workspace as git sees it, and leave no trace in it."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from snapshot_repos import KINDS, Work, differences, interfere, new_work, run_apart

from git_pliny.errors import GitError, StorageError
from git_pliny.git import bulk
from git_pliny.git.scratch import scratch
from git_pliny.git.snapshot import Snapshot, capture


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit of a few files, and an ignored one."""
    return KINDS["plain"](tmp_path)


def paths(work: Work, tree: str) -> dict[str, str]:
    """Each path of a tree and what it holds."""
    listing = work.git("ls-tree", "-r", "-z", tree).split(b"\0")[:-1]
    entries = (line.partition(b"\t") for line in listing)
    return {os.fsdecode(path): what.decode() for what, _, path in entries}


def content(work: Work, tree: str, path: str) -> str:
    return work.git("cat-file", "blob", f"{tree}:{path}").decode()


def tree_by_git(work: Work, index: Path) -> str:
    """What `git add -A` makes of the workspace, in an index of its own."""
    if work.repository.git_dir.joinpath("index").exists():
        shutil.copy2(work.repository.git_dir / "index", index)
    other = Work(root=work.root, environ={**work.environ, "GIT_INDEX_FILE": str(index)})
    other.git("-c", "core.safecrlf=false", "-c", "core.splitIndex=false", "add", "-A", "--sparse")
    return other.git("write-tree").decode().strip()


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


# Many files


def packs(work: Work) -> list[Path]:
    return sorted(work.path(".git/objects/pack").glob("*.pack"))


def write_many(work: Work, count: int) -> None:
    for number in range(count):
        work.write(f"many/{number}", f"{number % (count - 2)}\n")
    work.path("many/link").symlink_to("0")


def test_many_new_files_are_kept_in_one_pack_that_the_next_snapshot_uses(work: Work, tmp_path: Path) -> None:
    write_many(work, bulk.LIMIT + 20)
    snapshot = capture(work.repository)
    assert len(packs(work)) == 1
    assert capture(work.repository) == snapshot
    assert len(packs(work)) == 1
    assert snapshot.tree == tree_by_git(work, tmp_path / "index")
    work.git("fsck", "--strict")


def test_more_files_than_fit_one_pack_are_kept_in_several(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_CHUNK", 60)
    write_many(work, bulk.LIMIT + 20)
    assert "many/100" in paths(work, capture(work.repository).tree)
    assert len(packs(work)) == 2


def test_many_files_of_a_partial_clone_are_recorded_without_asking_its_remote(work: Work, tmp_path: Path) -> None:
    work.git("config", "remote.origin.url", "file:///nowhere")
    work.git("config", "remote.origin.promisor", "true")
    work.git("config", "extensions.partialClone", "origin")
    write_many(work, bulk.LIMIT + 20)
    asked = tmp_path / "asked"
    watched = interfere(work, tmp_path / "bin", f'case "$*" in *fetch*) touch {asked};; esac')
    assert "many/100" in paths(work, capture(watched.repository).tree)
    assert not asked.exists()


# Nested repositories


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


# What can't be read


CAPTURE = "try:\n    capture(repository)\nexcept PlinyError as error:\n    print(type(error).__name__, error.message, error.hint)"


@pytest.mark.parametrize(
    ("secret", "unreadable"),
    [
        ("plain", "plain"),
        ("new", "new"),
        ("folder/new", "folder"),
        ("dir/one", "dir"),
        ("sub/.gitignore", "sub/.gitignore"),
    ],
    ids=["tracked file", "new file", "new folder", "tracked folder", "rules"],
)
def test_what_cannot_be_read_is_an_error_that_names_it(secret: str, unreadable: str, work: Work) -> None:
    work.write(secret, "a secret\n")
    work.write("another", "changed\n")
    work.path(unreadable).chmod(0)
    done = run_apart(work, CAPTURE, privileges=False)
    work.path(unreadable).chmod(0o755)
    assert done.stdout.startswith("GitError cannot read "), done
    assert unreadable in done.stdout
    assert "make it readable" in done.stdout
    assert not list((work.repository.local / "tmp").glob("*"))


def test_an_object_database_that_cannot_be_written_is_an_error_of_storage(work: Work) -> None:
    work.write("new", "something new\n")
    folders = [work.path(".git/objects"), *work.path(".git/objects").iterdir()]
    for folder in folders:
        folder.chmod(0o555)
    done = run_apart(work, CAPTURE, privileges=False)
    for folder in folders:
        folder.chmod(0o755)
    assert done.stdout.startswith("StorageError"), done


def test_a_private_folder_that_cannot_be_created_is_an_error_of_storage(work: Work) -> None:
    work.write("new")
    work.write(".git/pliny", "a file in the way\n")
    with pytest.raises(StorageError, match="private folder"):
        capture(work.repository)


# What changes meanwhile


def test_a_file_that_vanishes_meanwhile_is_absent(work: Work, tmp_path: Path) -> None:
    work.write("fleeting")
    work.write("lasting")
    busy = interfere(work, tmp_path / "bin", 'case "$*" in *update-index*) rm -f fleeting;; esac')
    found = paths(work, capture(busy.repository).tree)
    assert "lasting" in found
    assert "fleeting" not in found


def test_a_file_that_becomes_a_folder_meanwhile_is_looked_at_again(work: Work, tmp_path: Path) -> None:
    work.write("soon")
    script = 'case "$*" in *update-index*) test -d soon || { rm soon; mkdir soon; echo in > soon/inside; };; esac'
    busy = interfere(work, tmp_path / "bin", script)
    assert "soon/inside" in paths(work, capture(busy.repository).tree)


@pytest.mark.parametrize("change", ["$GIT add new", "$GIT switch -q -c side"], ids=["index", "head"])
def test_index_and_head_that_change_meanwhile_are_read_again(change: str, work: Work, tmp_path: Path) -> None:
    work.write("new")
    script = f'case "$*" in *porcelain*) $GIT "$@"; test -e "{tmp_path}/once" || {{ touch "{tmp_path}/once"; {change}; }}; exit;; esac'
    busy = interfere(work, tmp_path / "bin", script)
    snapshot = capture(busy.repository)
    assert (snapshot.index_tree is not None) == ("add" in change)
    assert snapshot.head.ref == ("refs/heads/main" if "add" in change else "refs/heads/side")


def test_a_workspace_that_never_rests_is_an_error(work: Work, tmp_path: Path) -> None:
    work.write("new")
    script = 'case "$*" in *porcelain*) $GIT "$@"; echo x >> new; $GIT add new; exit;; esac'
    with pytest.raises(GitError, match="changed while the snapshot was taken"):
        capture(interfere(work, tmp_path / "bin", script).repository)


def test_a_snapshot_goes_on_while_files_are_written_and_removed(work: Work) -> None:
    loop = "while :; do for i in 1 2 3 4 5; do echo $$ > busy$i; done; rm -rf busy*; mkdir -p busy3; done"
    with subprocess.Popen(["sh", "-c", loop], cwd=work.root, stderr=subprocess.DEVNULL) as writer:
        try:
            found: list[Snapshot] = [capture(work.repository) for _ in range(10)]
        finally:
            writer.kill()
    assert all("plain" in paths(work, snapshot.tree) for snapshot in found)


# Kills


def kill_at(work: Work, tmp_path: Path, command: str, body: str) -> int:
    """Run code in a process that is killed, and its git with it, as it starts a certain git; its exit status."""
    killer = interfere(
        work, tmp_path / "bin", f'case "$*" in {shlex.quote(command)[1:-1]}) kill -9 $PPID; exit 1;; esac'
    )
    return run_apart(killer, body).returncode


@pytest.mark.parametrize("command", ["*update-index*", "*write-tree*"])
def test_a_killed_snapshot_leaves_only_what_the_next_one_removes(command: str, work: Work, tmp_path: Path) -> None:
    work.write("new")
    before = work.facts()
    assert kill_at(work, tmp_path, command, "capture(repository)") == -signal.SIGKILL
    assert list((work.repository.local / "tmp").iterdir())
    assert work.facts() == before
    capture(work.repository)
    assert not list((work.repository.local / "tmp").iterdir())


def test_the_folder_of_a_living_process_is_left_alone(work: Work) -> None:
    work.write("new")
    with scratch(work.repository) as own:
        capture(work.repository)
        assert own.folder.is_dir()
