"""Worktrees of the pool after kills: half-made, broken, abandoned, and those that nobody uses."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pool_work import HOLDER, apart, base_of, by_git, disk, inside, shell
from snapshot_repos import KINDS, Work

from git_pliny.git.abandoned import abandoned
from git_pliny.git.member import working_in
from git_pliny.git.unused import remove_unused, unused
from git_pliny.git.worktrees import Pool, Worktree


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit, staged, edited and untracked files."""
    return KINDS["edited"](tmp_path)


@pytest.fixture
def killed_with_an_agent(work: Work) -> Iterator[int]:
    """A holder that was killed, and what it had started, which lives."""
    code = (
        "from subprocess import DEVNULL, Popen\n"
        "p = Popen(['sleep', '60'], cwd=worktree.repository.root, stdout=DEVNULL, stderr=DEVNULL, close_fds=False)\n"
    )
    process = apart(work, base_of(work), code + "print(p.pid, flush=True); time.sleep(60)")
    assert process.stdout is not None
    agent = int(process.stdout.readline())
    process.kill()
    process.communicate()
    yield agent
    os.kill(agent, 9)


def test_the_worktree_of_a_killed_holder_is_used_again(work: Work) -> None:
    base = base_of(work)
    process = apart(work, base, "(worktree.repository.root / 'left').touch(); print('.', flush=True); time.sleep(60)")
    assert process.stdout is not None
    process.stdout.readline()
    held = Pool(work.repository).take(base)
    assert held.repository.root.name == "pliny-2"
    process.kill()
    process.communicate()
    worktree = Pool(work.repository).take(base)
    assert worktree.repository.root.name == "pliny-1"
    assert not (worktree.repository.root / "left").exists()


def test_a_worktree_is_not_used_while_the_agent_of_a_killed_holder_is_in_it(
    work: Work, killed_with_an_agent: int
) -> None:
    worktree = Pool(work.repository).take(base_of(work))
    assert worktree.repository.root.name == "pliny-2"
    assert unused(work.repository) == []


KILL = "n=$(cat {count}); n=$((n + 1)); echo $n >{count}; [ $n -ne {at} ] || {{ {before}; kill -9 $PPID; exit 1; }}"


@pytest.mark.parametrize("before", [":", '$GIT "$@"'], ids=["before", "after"])
@pytest.mark.parametrize("at", range(2, 15))
def test_a_kill_at_any_git_leaves_what_the_next_take_deals_with(
    at: int, before: str, work: Work, tmp_path: Path
) -> None:
    first = Pool(work.repository).take(base_of(work))
    shell(inside(work, first), "echo x >>plain; echo x >more; mv dir/two two; git add more; git switch -qc side")
    first.release()
    shell(work, "rm -r dir/deep; echo x >dir/deep; mv run dir/run; rm untracked; echo more >>plain")
    base, count = base_of(work), tmp_path / "count"
    count.write_text("0")
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "git"
    script = KILL.format(count=count, at=at, before=before)
    program.write_text(f'#!/bin/sh\nGIT={shutil.which("git")}\n{script}\nexec $GIT "$@"\n')
    program.chmod(0o755)
    process = apart(work, base, environ={**work.environ, "PATH": f"{folder}{os.pathsep}{work.environ['PATH']}"})
    process.communicate()
    if process.returncode == 0:
        assert int(count.read_text()) < at
    work.git("fsck", "--no-dangling")
    work.git("worktree", "prune")
    again = Pool(work.repository).take(base)
    assert again.repository.root.name == "pliny-1"
    assert disk(again.repository.root) == disk(by_git(work, base, tmp_path / "expected").root)
    assert again.capture().tree == base.tree


def test_unused_worktrees_are_told_and_removed(work: Work) -> None:
    base, pool = base_of(work), Pool(work.repository)
    one, two = pool.take(base), pool.take(base)
    one.release()
    assert [(found.name, found.broken) for found in unused(work.repository)] == [("pliny-1", False)]
    assert remove_unused(work.repository) == ["pliny-1"]
    assert two.capture().tree == base.tree
    two.release()
    assert remove_unused(work.repository) == ["pliny-2"]
    assert not (work.repository.local / "worktrees").exists()
    assert work.git("worktree", "list").count(b"\n") == 1


def test_nobody_is_found_at_work_where_the_system_does_not_tell(tmp_path: Path) -> None:
    assert working_in(tmp_path, processes=tmp_path / "proc") is None
    assert working_in(Path.cwd()) is not None


BREAKS = {
    "no files": "rm -rf {root}",
    "no git folder": "rm -rf {admin}",
    "no index": "rm {own}.index",
    "no state": "rm {own}.state",
    "torn state": "printf x >{own}.state",
    "no pointer": "rm {root}/.git",
    "only git's folder": "rm -rf {root} {own}*",
    "only a lock": "rm -rf {root} {own}.[is]* {admin}",
}


def broken(way: str, worktree: Worktree) -> str:
    repository = worktree.repository
    own = repository.local / "worktrees" / repository.root.name
    return BREAKS[way].format(root=repository.root, own=own, admin=repository.git_dir)


@pytest.mark.parametrize("way", BREAKS)
def test_broken_worktrees_are_told_and_removed(way: str, work: Work) -> None:
    base, pool = base_of(work), Pool(work.repository)
    worktree, whole = pool.take(base), pool.take(base)
    worktree.release()
    shell(work, broken(way, worktree))
    assert [(found.name, found.broken) for found in unused(work.repository)] == [("pliny-1", True)]
    assert remove_unused(work.repository) == ["pliny-1"]
    assert not worktree.repository.git_dir.exists()
    assert not list((work.repository.local / "worktrees").glob("pliny-1*"))
    assert whole.capture().tree == base.tree


def killed(work: Work, code: str, *, owner: str) -> None:
    """Somebody takes a worktree, does something there, and is killed."""
    process = apart(work, base_of(work), f"{code}\nos.kill(os.getpid(), 9)", owner=owner)
    process.communicate()
    assert process.returncode == -9


MADE = "(worktree.repository.root / 'made').write_text('made')"


def test_what_a_killed_owner_made_is_given_to_that_one(work: Work) -> None:
    killed(work, MADE, owner="one")
    assert list(abandoned(work.repository, "two")) == []
    found = list(abandoned(work.repository, "one"))
    assert [work.git("show", f"{left.snapshot.tree}:made") for left in found] == [b"made"]
    assert list(abandoned(work.repository, "one")) == []


def test_what_a_killed_owner_made_is_still_there_if_it_could_not_be_kept(work: Work) -> None:
    killed(work, MADE, owner="one")
    given = abandoned(work.repository, "one")
    assert next(given)
    given.close()
    assert len(list(abandoned(work.repository, "one"))) == 1


def test_of_a_killed_owner_who_made_nothing_nothing_is_given(work: Work) -> None:
    killed(work, "", owner="one")
    assert list(abandoned(work.repository, "one")) == []
    assert Pool(work.repository).take(base_of(work)).repository.root.name == "pliny-1"


def test_a_killed_owner_who_removed_the_worktree_leaves_nothing(work: Work) -> None:
    killed(work, "import shutil; shutil.rmtree(worktree.repository.root)", owner="one")
    assert list(abandoned(work.repository, "one")) == []


def test_what_a_killed_owner_made_where_there_is_no_commit_is_given(tmp_path: Path) -> None:
    work = KINDS["unborn"](tmp_path)
    base = base_of(work)
    code = HOLDER.replace("head=sys.argv[2]", "head=None") + f"{MADE}\nos.kill(os.getpid(), 9)"
    environ = {**work.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code, base.tree, "", "one"], cwd=work.root, env=environ, check=False)
    ((snapshot, _),) = abandoned(work.repository, "one")
    assert snapshot.head.oid is None
    assert work.git("show", f"{snapshot.tree}:made") == b"made"


def test_what_is_held_is_not_abandoned(work: Work) -> None:
    worktree = Pool(work.repository).take(base_of(work), owner="one")
    (worktree.repository.root / "made").touch()
    assert list(abandoned(work.repository, "one")) == []


def test_nobody_else_takes_or_removes_what_a_killed_owner_may_come_back_for(work: Work) -> None:
    killed(work, MADE, owner="one")
    assert Pool(work.repository).take(base_of(work), owner="two").repository.root.name == "pliny-2"
    assert [found.owner for found in unused(work.repository)] == ["one"]
    assert remove_unused(work.repository) == []
    assert remove_unused(work.repository, spare=lambda owner: owner == "one") == []
    assert remove_unused(work.repository, spare=lambda owner: owner == "two") == ["pliny-1"]


@pytest.mark.parametrize("way", BREAKS)
def test_broken_worktrees_are_mended_when_they_are_taken(way: str, work: Work) -> None:
    base, pool = base_of(work), Pool(work.repository)
    worktree = pool.take(base)
    files = disk(worktree.repository.root)
    shell(inside(work, worktree), "echo x >>plain; echo x >new")
    worktree.release()
    shell(work, broken(way, worktree))
    assert disk(pool.take(base).repository.root) == files


def test_what_a_killed_git_left_does_not_stop_the_next(work: Work) -> None:
    base, pool = base_of(work), Pool(work.repository)
    worktree = pool.take(base)
    root, files = worktree.repository.root, disk(worktree.repository.root)
    own = worktree.repository.local / "worktrees" / root.name
    worktree.release()
    shell(work, f"touch {own}.index.lock {own}.next.lock {own}.state.new")
    shell(work, f"cp {own}.index {own}.next; mkdir {own}.admin; mkdir {root}/.git.new; printf x >{root}/plain")
    assert disk(pool.take(base).repository.root) == files


def test_an_index_of_ours_that_is_corrupt_is_made_again(work: Work) -> None:
    base, pool = base_of(work), Pool(work.repository)
    worktree = pool.take(base)
    root, files = worktree.repository.root, disk(worktree.repository.root)
    own = worktree.repository.local / "worktrees" / root.name
    worktree.release()
    shell(work, f"printf bad >{own}.index; printf x >{root}/plain; touch {root}/new")
    assert disk(pool.take(base).repository.root) == files
