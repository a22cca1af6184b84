"""Nothing of the agent before is left in a worktree of the pool, whatever it did; and what it made is captured."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pool_work import HOLDER, admin, base_of, by_git, disk, index_of, inside, shell
from snapshot_repos import KINDS, Work, without_privileges

from git_pliny.errors import GitError
from git_pliny.git.worktrees import Base, Pool


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit, staged, edited and untracked files."""
    return KINDS["edited"](tmp_path)


DAMAGES = {
    "edits": "echo x >>plain; chmod +x binary; rm dir/two; mv run ran; ln -sf /nowhere link",
    "untracked": "echo x >new; mkdir -p dir/sub/empty void/void; echo x >dir/sub/file; ln -s plain other",
    "ignored": "echo x >y.ign; mkdir -p ignored/deep; echo x >ignored/deep/more",
    "nested repository": "git init -q inner; cd inner; git commit -q --allow-empty -m x; cd ..; git init -q dir/inner",
    "file for folder": "rm -r dir; echo x >dir",
    "folder for file": "rm plain; mkdir plain; echo x >plain/x; git init -q plain/x.git",
    "link for folder": "mv dir moved; ln -s moved dir",
    "link out of the worktree": "cp -a dir ../../outside; rm -r dir; ln -s ../../outside dir",
    "link to itself": "rm -r dir; ln -s dir dir",
    "modes": "chmod 0400 plain; chmod 0700 empty; chmod 0500 dir/deep/er; chmod 0500 dir",
    "closed folders": "mkdir shut; echo x >shut/x; chmod 0 shut; chmod 0 dir",
    "closed root": "chmod 0500 .",
    "same size and time": "cp -a plain ../kept; printf staled >plain; touch -r ../kept plain; rm ../kept",
    "hidden by flags": "echo x >>plain; echo x >>run; git update-index --assume-unchanged plain;"
    " git update-index --skip-worktree run",
    "staged": "echo x >>plain; git add -A; git rm -q --cached run; git add -f -N new 2>/dev/null || true",
    "commits": "git add -A; git commit -qm one; git switch -qc agents; git commit -q --allow-empty -m two",
    "another commit": "git checkout -q -f --orphan none; git rm -rfq .; git commit -q --allow-empty -m empty",
    "merge": "git commit -qam a; git switch -qc m1 HEAD~; git reset -q --hard; echo z >plain; git commit -qam b;"
    " ! git merge -q -",
    "rebase": "git add -A; git commit -qam a; git switch -qc r1 HEAD~; echo z >plain; git commit -qam b; ! git rebase -q -",
    "bisect": "git commit -qam a; git bisect start -q HEAD HEAD~; git update-ref refs/worktree/mine HEAD",
    "sparse": "git reset -q --hard; git clean -fdq; git sparse-checkout set dir",
    "own settings": "git config extensions.worktreeConfig true; git config --worktree core.autocrlf true",
    "locks": "d=$(git rev-parse --git-dir); touch $d/index.lock $d/HEAD.lock",
    "corrupt index": "printf bad >$(git rev-parse --git-dir)/index",
    "no index": "rm $(git rev-parse --git-dir)/index",
    "index is a folder": "d=$(git rev-parse --git-dir); rm $d/index; mkdir $d/index; touch $d/index/x",
    "corrupt HEAD": "echo bad >$(git rev-parse --git-dir)/HEAD",
    "no git folder": "rm -r $(git rev-parse --git-dir)",
    "no pointer": "rm .git",
    "own repository": "rm .git; git init -q; git add -A; git commit -qm own",
    "pointer elsewhere": 'echo "gitdir: /nowhere" >.git',
    "pointer to the user's": 'd=$(git rev-parse --git-common-dir); echo "gitdir: $d" >.git',
    "linked pointer": "rm .git; ln -s /nowhere .git",
    "locked": "git worktree lock .",
    "removed": "git worktree remove --force .",
    "deleted": "rm -rf ../pliny-1",
    "emptied": "find . -mindepth 1 -delete",
    "replaced by a link": "cp -a . ../../copy; cd ..; rm -rf pliny-1; ln -s ../copy pliny-1",
    "replaced by a file": "cd ..; rm -rf pliny-1; touch pliny-1",
    "pruned": 'd=$(git rev-parse --git-common-dir); rm .git; git --git-dir="$d" worktree prune --expire=now',
    "pipes": "mkfifo pipe dir/pipe; mkdir more; mkfifo more/pipe",
    "other attributes": 'echo "* text eol=crlf" >.gitattributes; git add -A; git checkout -q -f -- .',
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_nothing_of_the_agent_before_is_left(damage: str, work: Work, tmp_path: Path) -> None:
    base, pool = base_of(work), Pool(work.repository)
    worktree = pool.take(base)
    first, files, index = admin(worktree), disk(worktree.repository.root), index_of(work, worktree)
    shell(inside(work, worktree), DAMAGES[damage])
    worktree.release()
    again = pool.take(base)
    assert again.repository == worktree.repository
    assert disk(again.repository.root) == files
    assert admin(again) == first
    assert index_of(work, again) == index
    assert inside(work, again).git("rev-parse", "--show-toplevel") == os.fsencode(again.repository.root) + b"\n"
    outside = work.repository.local / "outside"
    assert not outside.exists() or (outside / "two").read_text() == "2\n"


@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_an_agent_damages_the_next_tree_is_there_whole(damage: str, work: Work, tmp_path: Path) -> None:
    pool = Pool(work.repository)
    worktree = pool.take(base_of(work))
    shell(inside(work, worktree), DAMAGES[damage])
    worktree.release()
    shell(
        work, "rm -r dir/deep; echo x >dir/deep; mv run dir/run; mkdir -p sub/sub; echo y >sub/sub/file; rm untracked"
    )
    base = base_of(work)
    again = Pool(work.repository).take(base)
    assert disk(again.repository.root) == disk(by_git(work, base, tmp_path / "expected").root)
    assert again.capture().tree == base.tree


CAPTURED = {
    "edits": "echo x >>plain; rm dir/two; mv run ran; echo x >dir/more",
    "commits": "echo x >>plain; git add -A; git commit -qm one; echo y >>plain",
    "corrupt index": "echo x >>plain; printf bad >$(git rev-parse --git-dir)/index",
    "corrupt HEAD": "echo x >>plain; echo bad >$(git rev-parse --git-dir)/HEAD",
    "no git folder": "echo x >>plain; rm -r $(git rev-parse --git-dir)",
    "own repository": "echo x >>plain; rm .git; git init -q; git add -A; git commit -qm own",
    "locks": "echo x >>plain; d=$(git rev-parse --git-dir); touch $d/index.lock $d/HEAD.lock",
    "conflict": "git commit -qam a; git switch -qc m1 HEAD~; git reset -q --hard; echo z >plain; git commit -qam b;"
    " ! git merge -q -",
}


@pytest.mark.parametrize("change", CAPTURED)
def test_what_an_agent_made_of_the_files_is_captured(change: str, work: Work, tmp_path: Path) -> None:
    worktree = Pool(work.repository).take(base_of(work))
    shell(inside(work, worktree), CAPTURED[change])
    found = disk(worktree.repository.root)
    expected = {path: what for path, what in found.items() if not path.startswith(".git/")}
    captured = Base(tree=worktree.capture().tree, head=None)
    assert disk(by_git(work, captured, tmp_path / "expected").root) == expected


def test_a_worktree_that_its_agent_removed_is_an_error_that_says_so(work: Work) -> None:
    worktree = Pool(work.repository).take(base_of(work))
    shell(inside(work, worktree), "git worktree remove --force .")
    with pytest.raises(GitError, match=r"pliny-1 was removed while it was used"):
        worktree.capture()


def test_a_worktree_given_back_is_mended_for_nobody(work: Work) -> None:
    worktree = Pool(work.repository).take(base_of(work))
    worktree.release()
    worktree.release()
    shutil.rmtree(worktree.repository.git_dir)
    with pytest.raises(GitError, match="given back already"):
        worktree.capture()


def test_the_first_commit_of_an_agent_is_told_where_the_user_has_none(tmp_path: Path) -> None:
    work = KINDS["unborn"](tmp_path)
    worktree = Pool(work.repository).take(base_of(work))
    assert worktree.capture().head.oid is None
    made = inside(work, worktree).commit()
    assert worktree.capture().head.oid == made


def test_a_submodule_that_an_agent_filled_is_an_empty_folder_again(tmp_path: Path) -> None:
    work = KINDS["submodule"](tmp_path)
    base, pool = base_of(work), Pool(work.repository)
    worktree = pool.take(base)
    shell(inside(work, worktree), "git submodule --quiet update --init; echo x >sub/more; echo x >>sub/inside")
    worktree.release()
    again = pool.take(base)
    assert list((again.repository.root / "sub").iterdir()) == []
    assert not (again.repository.git_dir / "modules").exists()
    work.git("rm", "-qf", "sub")
    shell(inside(work, again), "git submodule --quiet update --init")
    again.release()
    assert not (pool.take(base_of(work)).repository.root / "sub").exists()


@pytest.mark.parametrize("script", ["rmdir sub; echo x >sub", "rmdir sub", "rmdir sub; ln -s dir sub"])
def test_the_folder_of_a_submodule_is_there_again(script: str, tmp_path: Path) -> None:
    work = KINDS["submodule"](tmp_path)
    base, pool = base_of(work), Pool(work.repository)
    worktree = pool.take(base)
    shell(inside(work, worktree), script)
    worktree.release()
    again = pool.take(base)
    assert list((again.repository.root / "sub").iterdir()) == []
    assert (again.repository.root / "dir/two").exists()
    assert again.capture().tree == base.tree


def test_the_commit_that_the_user_moved_a_submodule_to_stays(tmp_path: Path) -> None:
    work = KINDS["submodule"](tmp_path)
    work.other(work.path("sub")).commit("another")
    base = base_of(work)
    assert base.tree != work.git("rev-parse", "HEAD^{tree}").decode().strip()
    assert Pool(work.repository).take(base).capture().tree == base.tree


def test_files_are_written_again_where_the_rules_for_them_changed(work: Work, tmp_path: Path) -> None:
    pool = Pool(work.repository)
    pool.take(base_of(work)).release()
    work.write(".gitattributes", "plain text eol=crlf\n")
    base = base_of(work)
    worktree = pool.take(base)
    assert disk(worktree.repository.root) == disk(by_git(work, base, tmp_path / "expected").root)
    assert (worktree.repository.root / "plain").read_bytes() == b"edited after\r\n"
    worktree.release()
    work.git("config", "filter.up.smudge", "tr a-z A-Z")
    work.write(".git/info/attributes", "run filter=up\n")
    run = Pool(work.repository).take(base).repository.root / "run"
    assert run.read_text() == "#!/BIN/SH\n"


def test_what_stood_there_may_be_lost_to_git(work: Work) -> None:
    pool = Pool(work.repository)
    pool.take(base_of(work)).release()
    work.write("plain", "another\n")
    work.git("gc", "-q", "--prune=now")
    base = base_of(work)
    assert Pool(work.repository).take(base).capture().tree == base.tree


def test_a_file_that_cannot_be_removed_is_named(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut/file").touch()
    (tmp_path / "shut").chmod(0o500)
    code = (
        "import sys; from pathlib import Path; from git_pliny.git.clearing import clear; from git_pliny.errors import *\n"
        "try: clear(Path(sys.argv[1]) / 'shut/file')\nexcept StorageError as error: print(error.message, error.hint)\n"
        "clear(Path(sys.argv[1]) / 'shut')"
    )
    command = [*without_privileges(), sys.executable, "-c", code, str(tmp_path)]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert f"cannot remove {tmp_path}/shut/file: Permission denied" in done.stdout
    assert not (tmp_path / "shut").exists()


def test_modes_do_not_stop_a_user_who_is_not_root(work: Work) -> None:
    base = base_of(work)
    worktree = Pool(work.repository).take(base)
    files = disk(worktree.repository.root)
    shell(inside(work, worktree), "mkdir shut; echo x >shut/x; chmod 0 shut plain dir/two; chmod 0500 dir .")
    worktree.release()
    command = [*without_privileges(), sys.executable, "-c", HOLDER, base.tree, str(base.head), ""]
    environ = {**work.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run(command, cwd=work.root, env=environ, check=True)
    assert disk(worktree.repository.root) == files
