"""Files move from one recorded tree to another, and nothing else of the workspace does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from snapshot_edits import Editor
from snapshot_repos import KINDS, Work, differences, interfere

from git_pliny.errors import BusyError, GitError, StorageError, WouldOverwriteError
from git_pliny.git.moving import alone, move_workspace
from git_pliny.git.snapshot import Snapshot, capture
from git_pliny.git.treediff import Change, compare_trees


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit of a few files, and an ignored one."""
    return KINDS["plain"](tmp_path)


def facts(work: Work) -> dict[str, object]:
    """What no move may touch."""
    index = work.repository.git_dir / "index"
    return {
        "index": index.read_bytes() if index.exists() else b"",
        "head": work.git("symbolic-ref", "-q", "HEAD", check=False),
        "refs": work.git("for-each-ref"),
        "reflog": work.git("reflog", "--all"),
        "ignored": work.files(ignored=True),
        "git": sorted(path.name for path in work.repository.git_dir.iterdir() if path.name != "pliny"),
    }


def tree_with(work: Work, tree: str, *entries: str, drop: str = "") -> str:
    """A tree with entries like `100644 <content> path`, or `160000 <commit> path`, and without the path `drop`."""
    environ = {**work.environ, "GIT_INDEX_FILE": str(work.repository.local / "made")}
    work.repository.local.mkdir(exist_ok=True)
    private = Work(root=work.root, environ=environ)
    private.git("read-tree", tree)
    for entry in entries:
        mode, _, rest = entry.partition(" ")
        content, _, path = rest.rpartition(" ")
        oid = (
            content
            if mode == "160000"
            else work.git("hash-object", "-w", "--stdin", stdin=content.encode()).decode().strip()
        )
        private.git("update-index", "--add", "--replace", "--cacheinfo", f"{mode},{oid},{path}")
    if drop:
        private.git("update-index", "--force-remove", drop)
    return private.git("write-tree").decode().strip()


def move(work: Work, tree: str) -> tuple[Change, ...]:
    return move_workspace(work.repository, current=capture(work.repository), tree=tree)


def refuses(work: Work, current: Snapshot, tree: str, what: str, *, hint: str) -> None:
    before = facts(work), work.files()
    with pytest.raises(WouldOverwriteError, match=what) as refused:
        move_workspace(work.repository, current=current, tree=tree)
    assert hint in (refused.value.hint or "")
    assert (facts(work), work.files()) == before


@pytest.mark.parametrize("kind", KINDS)
def test_after_any_edits_files_move_back_and_forth_and_nothing_else_does(kind: str, tmp_path: Path) -> None:
    work = KINDS[kind](tmp_path)
    editor = Editor(work, seed=len(kind))
    editor.edit(3)
    first, files = capture(work.repository), work.facts()["files"]
    editor.edit(12)
    before, second, edited = facts(work), capture(work.repository), work.facts()["files"]
    moved = move_workspace(work.repository, current=second, tree=first.tree)
    assert moved == compare_trees(work.repository, second.tree, first.tree)
    assert capture(work.repository).tree == first.tree
    move_workspace(work.repository, current=first, tree=second.tree)
    assert capture(work.repository).tree == second.tree
    assert differences(before, facts(work)) == {}
    assert differences({"files": edited}, {"files": work.facts()["files"]}) == {}
    assert files != edited
    work.git("fsck", "--strict", "--no-dangling")


def test_where_nothing_differs_nothing_is_done(work: Work) -> None:
    current = capture(work.repository)
    assert move_workspace(work.repository, current=current, tree=current.tree) == ()


def test_everything_goes_and_comes_back(work: Work) -> None:
    current = capture(work.repository)
    empty = work.git("mktree").decode().strip()
    hidden = work.files(ignored=True)
    move(work, empty)
    assert work.files() == hidden
    move(work, current.tree)
    assert capture(work.repository).tree == current.tree


# What is in the way


def test_a_file_edited_since_the_snapshot_is_not_overwritten(work: Work) -> None:
    current = capture(work.repository)
    tree = tree_with(work, current.tree, "100644 x plain", "100644 x new")
    work.write("plain", "edited\n")
    refuses(work, current, tree, "plain is not as it was recorded", hint="--resume")


def test_an_edit_that_a_flag_hides_from_the_snapshot_is_not_overwritten(work: Work) -> None:
    work.git("update-index", "--assume-unchanged", "plain")
    work.write("plain", "edited\n")
    current = capture(work.repository)
    refuses(work, current, tree_with(work, current.tree, "100644 x plain"), "plain is not as", hint="--resume")


def test_an_ignored_file_is_not_overwritten(work: Work) -> None:
    current = capture(work.repository)
    refuses(work, current, tree_with(work, current.tree, "100644 x x.ign"), r"x\.ign is in the way", hint="mv x.ign")


def test_an_ignored_file_that_may_go_is_kept_as_an_object(work: Work) -> None:
    current = capture(work.repository)
    tree = tree_with(work, current.tree, "100644 x x.ign")
    move_workspace(work.repository, current=current, tree=tree, allowed={b"x.ign", b"plain", b"not/there"})
    assert work.path("x.ign").read_text() == "x"
    kept = work.git("hash-object", "--stdin", stdin=b"ignored\n").decode().strip()
    assert work.git("cat-file", "blob", kept) == b"ignored\n"


def test_a_folder_with_an_ignored_file_is_not_replaced_by_a_file(work: Work) -> None:
    current = capture(work.repository)
    tree = tree_with(work, current.tree, "100644 x ignored")
    refuses(work, current, tree, "ignored/deep/file is in the way", hint="mv ignored/deep/file")


def test_nothing_is_written_into_a_nested_repository(tmp_path: Path) -> None:
    work = KINDS["nested"](tmp_path)
    current = capture(work.repository)
    tree = tree_with(work, current.tree, "100644 x nested/new", drop="nested")
    refuses(work, current, tree, "the nested repository nested is in the way", hint="mv nested")


def test_what_comes_to_be_while_git_writes_is_not_overwritten(work: Work, tmp_path: Path) -> None:
    current = capture(work.repository)
    tree = tree_with(work, current.tree, "100644 x new")
    late = interfere(work, tmp_path / "bin", 'case "$*" in *"-m -u"*) echo mine > new;; esac')
    with pytest.raises(WouldOverwriteError):
        move_workspace(late.repository, current=current, tree=tree)
    assert work.path("new").read_text() == "mine\n"


# The user's own work


def _merging(work: Work) -> None:
    """A merge of the user's that stopped at a conflict in `plain`."""
    work.git("checkout", "-q", "-b", "side")
    work.write("plain", "side\n")
    work.commit()
    work.git("checkout", "-q", "main")
    work.write("plain", "main\n")
    work.commit()
    work.git("merge", "side", check=False)


def test_a_merge_of_the_users_goes_on_beside_it(work: Work) -> None:
    _merging(work)
    before, current = facts(work), capture(work.repository)
    moved = move(work, tree_with(work, current.tree, "100644 x new", drop="dir/one"))
    assert [change.path for change in moved] == ["dir/one", "new"]
    assert not work.path("dir/one").exists()
    assert facts(work) == before
    assert "<<<<<<<" in work.path("plain").read_text()


def test_a_file_that_the_user_has_to_resolve_is_left_alone(work: Work) -> None:
    _merging(work)
    current = capture(work.repository)
    refuses(work, current, tree_with(work, current.tree, "100644 x plain"), "plain is unmerged", hint="git add")


def test_what_is_staged_stays_staged_where_the_file_moves(work: Work) -> None:
    work.write("plain", "staged\n")
    work.git("add", "plain")
    move(work, tree_with(work, capture(work.repository).tree, "100644 merged plain"))
    assert work.git("show", ":plain") == b"staged\n"
    assert work.path("plain").read_text() == "merged"
    assert work.git("status", "--porcelain") == b"MM plain\n"


# What a snapshot can't show


def test_a_submodule_that_is_checked_out_keeps_its_files_and_the_change_is_not_among_those_shown(
    tmp_path: Path,
) -> None:
    work = KINDS["submodule"](tmp_path)
    current = capture(work.repository)
    other = work.git("rev-parse", "HEAD").decode().strip()
    moved = move(work, tree_with(work, current.tree, f"160000 {other} sub", "100644 x new"))
    assert [change.path for change in moved] == ["new"]
    assert move(work, tree_with(work, current.tree, drop="sub"))[0].path == "new"
    assert work.path("sub/inside").exists()


def test_a_submodule_that_is_not_checked_out_goes_with_its_folder(tmp_path: Path) -> None:
    work = KINDS["submodule"](tmp_path)
    work.git("submodule", "--quiet", "deinit", "-f", "sub")
    without = tree_with(work, capture(work.repository).tree, drop="sub")
    assert [change.path for change in move(work, without)] == ["sub"]
    assert capture(work.repository).tree == without


def test_a_submodule_makes_way_for_a_folder_of_files_that_no_snapshot_shows(tmp_path: Path) -> None:
    work = KINDS["submodule"](tmp_path)
    work.git("submodule", "--quiet", "deinit", "-f", "sub")
    tree = tree_with(work, capture(work.repository).tree, "100644 x sub/file", "100644 x sub/file.ign", drop="sub")
    tree = tree_with(work, tree, "100644 x new", "100644 x new.ign")
    assert [change.path for change in move(work, tree)] == ["new"]
    assert work.path("sub/file").read_text() == "x"


def test_a_new_submodule_is_an_empty_folder(work: Work) -> None:
    commit = work.git("rev-parse", "HEAD").decode().strip()
    assert move(work, tree_with(work, capture(work.repository).tree, f"160000 {commit} a/sub")) == ()
    assert list(work.path("a/sub").iterdir()) == []


def test_a_file_that_the_rules_ignore_is_written_and_not_among_those_shown(work: Work) -> None:
    tree = tree_with(work, capture(work.repository).tree, "100644 x new.ign", "100644 x new")
    assert [change.path for change in move(work, tree)] == ["new"]
    assert work.path("new.ign").read_text() == "x"


def test_a_file_that_is_tracked_though_the_rules_ignore_it_is_among_those_shown(work: Work) -> None:
    work.git("add", "-f", "x.ign")
    assert [change.path for change in move(work, tree_with(work, capture(work.repository).tree, "100644 x x.ign"))] == [
        "x.ign"
    ]


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_is_told_not_to_look_at_is_written_and_not_among_those_shown(flag: str, work: Work) -> None:
    work.git("update-index", flag, "plain")
    assert move(work, tree_with(work, capture(work.repository).tree, "100644 x plain")) == ()
    assert work.path("plain").read_text() == "x"


@pytest.mark.parametrize("kind", ["cone", "sparse index", "patterns"])
def test_in_a_sparse_checkout_what_changes_is_put_on_disk_and_what_goes_from_the_index_only_is_not_shown(
    kind: str, tmp_path: Path
) -> None:
    work = KINDS[kind](tmp_path)
    before, current = facts(work), capture(work.repository)
    changed = ("100644 changed outside/a/file", "100644 new outside/new")
    tree = tree_with(work, current.tree, *changed, drop="outside/b/file")
    assert [change.path for change in move(work, tree)] == ["outside/a/file", "outside/new"]
    assert work.path("outside/a/file").read_text() == "changed"
    assert not work.path("outside/b").exists()
    assert capture(work.repository).tree == tree_with(work, current.tree, *changed)
    assert facts(work) == before


# One at a time


def test_a_move_waits_for_another_one_and_says_so_if_it_does_not_end(work: Work) -> None:
    with (
        alone(work.repository),
        pytest.raises(BusyError, match="is writing files in this worktree") as busy,
        alone(work.repository, wait_s=0.1),
    ):
        pass
    lock = (busy.value.hint or "").partition("'")[2].rstrip("'")
    assert Path(lock).exists()


def test_a_git_that_outlives_its_killed_move_is_waited_for(work: Work, tmp_path: Path) -> None:
    current = capture(work.repository)
    tree = tree_with(work, current.tree, "100644 x plain")
    slow = interfere(work, tmp_path / "bin", 'case "$*" in *"-m -u"*) kill -9 $PPID; sleep 0.5;; esac')
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom git_pliny.git.moving import move_workspace\n"
        "from git_pliny.git.repository import discover\nfrom git_pliny.git.snapshot import capture\n"
        "repository = discover(Path.cwd(), dict(os.environ))\n"
        f"move_workspace(repository, current=capture(repository), tree={tree!r})\n"
    )
    run_code(slow, code)
    assert work.path("plain").read_text() == "plain\n"
    with alone(work.repository):
        assert work.path("plain").read_text() == "x"


def run_code(work: Work, code: str) -> int:
    environ = {**work.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run([sys.executable, "-c", code], cwd=work.root, env=environ, check=False).returncode


def test_a_lock_that_can_not_be_made_is_an_error(work: Work) -> None:
    work.write(".git/pliny", "a file")
    with pytest.raises(StorageError, match="cannot open the lock"), alone(work.repository):
        pass


def test_where_the_file_system_has_no_locks_a_move_goes_on(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise OSError(95, os.strerror(95))

    monkeypatch.setattr("git_pliny.git.moving.fcntl.flock", missing)
    with alone(work.repository) as lock:
        assert lock > 0


def test_where_git_fails_at_the_last_look_it_says_so(work: Work, tmp_path: Path) -> None:
    current = capture(work.repository)
    broken = interfere(work, tmp_path / "bin", 'case "$*" in *check-ignore*) echo fatal: broken >&2; exit 128;; esac')
    with pytest.raises(GitError, match="broken"):
        move_workspace(broken.repository, current=current, tree=tree_with(work, current.tree, "100644 x plain"))
