"""Worktrees of the pool: what stands there, that git works in them, and that no two use one."""

import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from pool_work import base_of, by_git, disk, inside, shell
from snapshot_repos import KINDS, Work, new_work

from git_pliny.errors import GitError, StorageError
from git_pliny.git.unused import remove_unused
from git_pliny.git.worktrees import Base, Pool, Worktree


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit, staged, edited and untracked files."""
    return KINDS["edited"](tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_worktree_has_the_files_that_git_checks_out(kind: str, tmp_path: Path) -> None:
    work = KINDS[kind](tmp_path)
    base = base_of(work)
    worktree = Pool(work.repository).take(base)
    expected = by_git(work, base, tmp_path / "expected")
    assert disk(worktree.repository.root) == disk(expected.root)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_captured_of_a_worktree_untouched_is_its_base(kind: str, tmp_path: Path) -> None:
    work = KINDS[kind](tmp_path)
    base = base_of(work)
    worktree = Pool(work.repository).take(base)
    captured = worktree.capture()
    assert (captured.tree, captured.head.oid, captured.head.ref) == (base.tree, base.head, None)
    worktree.release()
    again = Pool(work.repository).take(base).capture()
    assert (again.tree, again.head.oid) == (base.tree, base.head)


@pytest.mark.parametrize("kind", KINDS)
def test_taking_and_using_a_worktree_leaves_the_users_as_it_was(kind: str, tmp_path: Path) -> None:
    work = KINDS[kind](tmp_path)
    before = work.facts()
    worktree = Pool(work.repository).take(base_of(work))
    agent = inside(work, worktree)
    agent.write("late", "late\n")
    agent.git("-c", "core.safecrlf=false", "add", "-A")
    agent.git("commit", "-q", "-m", "of the agent")
    worktree.capture()
    worktree.release()
    assert work.facts() == before
    assert work.git("fsck", "--no-dangling") == b""


def test_status_shows_the_users_edits_as_changes(work: Work) -> None:
    worktree = Pool(work.repository).take(base_of(work))
    status = inside(work, worktree).git("status", "--porcelain", "-z").decode().split("\0")[:-1]
    assert status == [" D dir/one", " M plain", "?? dir/new", "?? untracked"]


def test_an_ignored_file_that_the_user_added_is_not_lost(work: Work) -> None:
    work.git("add", "-f", "x.ign")
    base = base_of(work)
    captured = Pool(work.repository).take(base).capture()
    assert captured.tree == base.tree


def test_git_works_in_a_worktree(work: Work) -> None:
    worktree = Pool(work.repository).take(base_of(work))
    agent = inside(work, worktree)
    shell(
        agent,
        "git log -1 && git diff --stat && git status && git add -A && git commit -qm one && git branch side"
        " && echo x >>plain && git stash -q && git stash pop -q && git switch -qc other && git commit -qam two",
    )
    assert worktree.capture().head.ref == "refs/heads/other"
    assert agent.git("log", "--format=%s", "-2") == b"two\none\n"


def test_a_branch_of_an_agent_is_free_once_the_worktree_is_given_back(work: Work) -> None:
    worktree = Pool(work.repository).take(base_of(work))
    shell(inside(work, worktree), "git switch -qc side")
    worktree.release()
    work.git("stash", "-q")
    work.git("switch", "-q", "side")
    assert work.git("branch", "--show-current") == b"side\n"


def test_a_worktree_knows_its_files_unchanged_without_reading_them(work: Work) -> None:
    base, pool = base_of(work), Pool(work.repository)
    pool.take(base).release()
    time.sleep(1.1)
    pool.take(base).release()
    worktree = pool.take(base)
    before = inside(work, worktree).git("diff-files", "--name-only")
    assert before == b"dir/one\nplain\n"


def test_settings_of_the_users_worktree_hold_in_the_pool_but_for_what_it_alone_has(tmp_path: Path) -> None:
    work = KINDS["cone"](tmp_path)
    work.git("config", "extensions.worktreeConfig", "true")
    work.git("config", "--worktree", "user.name", "Worker")
    worktree = Pool(work.repository).take(base_of(work))
    agent = inside(work, worktree)
    assert agent.git("config", "user.name") == b"Worker\n"
    assert agent.git("config", "core.sparseCheckout", check=False) == b""
    assert (agent.root / "outside/a/file").exists()


def test_a_shared_sparse_checkout_does_not_reach_the_pool(tmp_path: Path) -> None:
    work = KINDS["cone"](tmp_path)
    work.git("config", "core.sparseCheckout", "true")
    agent = inside(work, Pool(work.repository).take(base_of(work)))
    agent.write("outside/new")
    agent.git("add", "outside/new")
    assert agent.git("ls-files", "-t").count(b"S ") == 0


def test_worktrees_of_a_bare_repository_work(tmp_path: Path) -> None:
    work = KINDS["linked"](tmp_path)
    work.git("config", "core.bare", "true")
    agent = inside(work, Pool(work.repository).take(base_of(work)))
    assert agent.git("status", "--porcelain") == b"?? untracked\n"


@pytest.mark.parametrize("name", ["a path", "new\nline", b"\xff\xfe", "-dash", "[a]*", "%41"])
def test_a_repository_may_stand_anywhere(name: str | bytes, tmp_path: Path) -> None:
    work = KINDS["edited"](tmp_path / os.fsdecode(name))
    base, pool = base_of(work), Pool(work.repository)
    worktree = pool.take(base)
    agent = inside(work, worktree)
    agent.write("more")
    agent.commit()
    worktree.release()
    assert pool.take(base).capture().tree == base.tree


def test_hooks_of_the_user_do_not_run_for_us(work: Work) -> None:
    for hook in ("post-checkout", "post-index-change", "reference-transaction"):
        work.write(f".git/hooks/{hook}", f"#!/bin/sh\ntouch {work.root}/.git/ran-{hook}\n", executable=True)
    pool = Pool(work.repository)
    worktree = pool.take(base_of(work))
    worktree.capture()
    worktree.release()
    pool.take(base_of(work))
    assert list(work.path(".git").glob("ran-*")) == []


def test_git_housekeeping_leaves_the_pool_alone(work: Work) -> None:
    base, pool = base_of(work), Pool(work.repository)
    worktree = pool.take(base)
    work.git("update-ref", "refs/keep", work.git("commit-tree", "-m", "kept", base.tree).decode().strip())
    for command in (["worktree", "prune", "--expire=now"], ["gc", "-q", "--prune=now"], ["fsck"]):
        work.git(*command)
    assert worktree.capture().tree == base.tree
    worktree.release()
    shutil.rmtree(worktree.repository.root)
    work.git("worktree", "prune", "--expire=now")
    assert not worktree.repository.git_dir.exists()
    assert pool.take(base).capture().tree == base.tree


def test_worktrees_are_used_again_and_never_by_two(work: Work) -> None:
    base, pool = base_of(work), Pool(work.repository)
    one, two = pool.take(base), Pool(work.repository).take(base)
    names = [one.repository.root.name, two.repository.root.name]
    one.release()
    three = pool.take(base)
    assert [*names, three.repository.root.name] == ["pliny-1", "pliny-2", "pliny-1"]


def test_threads_take_worktrees_of_their_own(work: Work) -> None:
    base, pool, taken = base_of(work), Pool(work.repository), list[Worktree]()

    def take() -> None:
        taken.append(pool.take(base))

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({worktree.repository.root for worktree in taken}) == 6
    assert {worktree.capture().tree for worktree in taken} == {base.tree}


def test_worktrees_are_taken_while_others_remove_unused_ones(work: Work) -> None:
    base, over, troubles = base_of(work), threading.Event(), list[BaseException]()

    def use() -> None:
        pool = Pool(work.repository)
        try:
            for _ in range(4):
                worktree = pool.take(base)
                assert worktree.capture().tree == base.tree
                worktree.release()
        except BaseException as error:  # noqa: BLE001 - the test's own thread looks at it
            troubles.append(error)

    def remove() -> None:
        while not over.is_set():
            remove_unused(work.repository)

    threads, remover = [threading.Thread(target=use) for _ in range(3)], threading.Thread(target=remove)
    for thread in (*threads, remover):
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    remover.join()
    assert troubles == []


def test_a_damaged_index_stops_no_git_once_the_worktree_is_given_back(work: Work) -> None:
    worktree = Pool(work.repository).take(base_of(work))
    (worktree.repository.git_dir / "index").write_text("bad")
    worktree.release()
    work.git("gc", "-q")


def test_a_submodule_has_a_pool_of_its_own(tmp_path: Path) -> None:
    outer = KINDS["submodule"](tmp_path)
    work = outer.other(outer.path("sub"))
    work.write("more")
    worktree = Pool(work.repository).take(base_of(work))
    agent = inside(work, worktree)
    assert agent.git("status", "--porcelain") == b"?? more\n"
    assert agent.git("rev-parse", "--show-toplevel").strip() == os.fsencode(agent.root)


def test_a_worktree_of_that_name_that_is_the_users_is_left_alone(work: Work, tmp_path: Path) -> None:
    work.git("worktree", "add", "-q", "--detach", str(tmp_path / "pliny-1"))
    worktree = Pool(work.repository).take(base_of(work))
    assert worktree.repository.root.name == "pliny-2"
    worktree.release()
    assert remove_unused(work.repository) == ["pliny-2"]
    assert work.other(tmp_path / "pliny-1").git("status", "--porcelain") == b""


def test_a_tree_that_is_not_there_is_an_error(work: Work) -> None:
    pool, base = Pool(work.repository), base_of(work)
    with pytest.raises(GitError):
        pool.take(Base(tree="1" * 40, head=base.head))
    worktree = pool.take(base)
    assert worktree.repository.root.name == "pliny-1"
    assert worktree.capture().tree == base.tree


def test_a_pool_that_cannot_be_written_is_an_error_that_names_it(work: Work) -> None:
    (work.repository.local).mkdir(exist_ok=True)
    (work.repository.local / "worktrees").write_text("in the way")
    with pytest.raises(StorageError, match="worktrees"):
        Pool(work.repository).take(base_of(work))


def test_a_repository_without_anything_gives_an_empty_worktree(tmp_path: Path) -> None:
    work = new_work(tmp_path)
    worktree = Pool(work.repository).take(base_of(work))
    assert [path.name for path in worktree.repository.root.iterdir()] == [".git"]
