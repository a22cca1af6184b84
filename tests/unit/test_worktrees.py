"""Worktrees of the pool: what stands there at first, and that nothing of the agent before is left."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from snapshot_repos import KINDS, Work, _describe, _walk, new_work, without_privileges

from git_pliny.errors import GitError, StorageError
from git_pliny.git.member import working_in
from git_pliny.git.snapshot import capture
from git_pliny.git.unused import remove_unused, unused
from git_pliny.git.worktrees import Base, Pool, Worktree, abandoned


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit, staged, edited and untracked files."""
    return KINDS["edited"](tmp_path)


def base_of(work: Work) -> Base:
    """The user's workspace as it is now."""
    snapshot = capture(work.repository)
    return Base(tree=snapshot.tree, head=snapshot.head.oid)


def inside(work: Work, worktree: Worktree) -> Work:
    return work.other(worktree.repository.root)


def shell(work: Work, script: str) -> None:
    """What an agent does: it runs in its worktree and knows nothing else."""
    done = subprocess.run(["sh", "-ec", script], cwd=work.root, env=work.environ, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def disk(root: Path) -> dict[str, tuple[str, bytes]]:
    """Everything on disk, folders with their modes included; submodules as the empty folders that they are."""
    found = {path: _describe(root / path) for path in _walk(root)}
    for folder, folders, _ in os.walk(root):
        for name in folders:
            path = Path(folder, name)
            if not path.is_symlink():
                found[f"{path.relative_to(root)}/"] = oct(path.stat().st_mode), b""
    return found


def admin(worktree: Worktree) -> dict[str, bytes]:
    """What git keeps of the worktree, but for the index."""
    folder = worktree.repository.git_dir
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*")}
    return {name: path.read_bytes() if path.is_file() else b"/" for name, path in files.items() if name != "index"}


def by_git(work: Work, base: Base, to: Path) -> Work:
    """The same tree as git itself checks it out."""
    made = work.git("commit-tree", "-m", "base", base.tree).decode().strip()
    work.git("-c", "core.sparseCheckout=false", "worktree", "add", "-q", "--detach", str(to), made)
    return work.other(to)


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
    "pruned": "rm .git; git -C ../../.. worktree prune --expire=now; true",
    "pipes": "mkfifo pipe dir/pipe; mkdir more; mkfifo more/pipe",
    "other attributes": 'echo "* text eol=crlf" >.gitattributes; git add -A; git checkout -q -f -- .',
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_nothing_of_the_agent_before_is_left(damage: str, work: Work, tmp_path: Path) -> None:
    base, pool = base_of(work), Pool(work.repository)
    worktree = pool.take(base)
    first, files, index = admin(worktree), disk(worktree.repository.root), _index(work, worktree)
    shell(inside(work, worktree), DAMAGES[damage])
    worktree.release()
    again = pool.take(base)
    assert again.repository == worktree.repository
    assert disk(again.repository.root) == files
    assert admin(again) == first
    assert _index(work, again) == index
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


def _index(work: Work, worktree: Worktree) -> tuple[bytes, bytes]:
    agent = inside(work, worktree)
    return agent.git("ls-files", "--stage", "-v", "-z"), agent.git("status", "--porcelain", "-z", "--ignored")


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


def test_what_stood_there_may_be_lost_to_git(work: Work) -> None:
    pool = Pool(work.repository)
    pool.take(base_of(work)).release()
    work.write("plain", "another\n")
    work.git("gc", "-q", "--prune=now")
    base = base_of(work)
    assert Pool(work.repository).take(base).capture().tree == base.tree


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


HOLDER = """
import os, sys, time
from pathlib import Path
from git_pliny.git.repository import discover
from git_pliny.git.worktrees import Base, Pool
work = discover(Path.cwd(), dict(os.environ))
worktree = Pool(work).take(Base(tree=sys.argv[1], head=sys.argv[2]), owner=sys.argv[3])
"""


def apart(
    work: Work, base: Base, code: str = "", *, environ: dict[str, str] | None = None, owner: str = ""
) -> subprocess.Popen[str]:
    """Take a worktree in a process of its own, then run `code`."""
    command = [sys.executable, "-c", HOLDER + code, base.tree, str(base.head), owner]
    package = str(Path(__file__).parents[2])
    return subprocess.Popen(
        command,
        cwd=work.root,
        env={**(environ or work.environ), "PYTHONPATH": package},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


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


BREAKS = {
    "no files": "rm -rf {root}",
    "no git folder": "rm -rf {admin}",
    "no index": "rm {root}.index",
    "no state": "rm {root}.state",
    "torn state": "printf x >{root}.state",
    "no pointer": "rm {root}/.git",
    "only git's folder": "rm -rf {root}*",
    "only a lock": "rm -rf {root} {root}.[is]* {admin}",
}


@pytest.mark.parametrize("way", BREAKS)
def test_broken_worktrees_are_told_and_removed(way: str, work: Work) -> None:
    base, pool = base_of(work), Pool(work.repository)
    worktree, whole = pool.take(base), pool.take(base)
    worktree.release()
    shell(work, BREAKS[way].format(root=worktree.repository.root, admin=worktree.repository.git_dir))
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
    assert [work.git("show", f"{snapshot.tree}:made") for snapshot in found] == [b"made"]
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
    (snapshot,) = abandoned(work.repository, "one")
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
    shell(work, BREAKS[way].format(root=worktree.repository.root, admin=worktree.repository.git_dir))
    assert disk(pool.take(base).repository.root) == files


def test_what_a_killed_git_left_does_not_stop_the_next(work: Work) -> None:
    base, pool = base_of(work), Pool(work.repository)
    worktree = pool.take(base)
    root, files = worktree.repository.root, disk(worktree.repository.root)
    worktree.release()
    shell(work, f"touch {root}.index.lock {root}.next.lock {root}.state.new")
    shell(work, f"cp {root}.index {root}.next; mkdir {root}.admin; mkdir {root}/.git.new; printf x >{root}/plain")
    assert disk(pool.take(base).repository.root) == files


def test_an_index_of_ours_that_is_corrupt_is_made_again(work: Work) -> None:
    base, pool = base_of(work), Pool(work.repository)
    worktree = pool.take(base)
    root, files = worktree.repository.root, disk(worktree.repository.root)
    worktree.release()
    shell(work, f"printf bad >{root}.index; printf x >{root}/plain; touch {root}/new")
    assert disk(pool.take(base).repository.root) == files


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


def test_a_repository_without_anything_gives_an_empty_worktree(tmp_path: Path) -> None:
    work = new_work(tmp_path)
    worktree = Pool(work.repository).take(base_of(work))
    assert [path.name for path in worktree.repository.root.iterdir()] == [".git"]
