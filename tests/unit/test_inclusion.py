"""Ignored files are brought along into worktrees of the pool, and never back."""

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snapshot_repos import KINDS, Work

from git_pliny.errors import ConfigError, StorageError
from git_pliny.git.snapshot import capture
from git_pliny.git.worktrees import Base, Pool, Worktree
from git_pliny.model.inclusion import Inclusion, problem

IGNORE = ".env\nnode_modules/\n*.local\ncache/*\n.venv\n"


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with ignored files of all kinds."""
    work = KINDS["edited"](tmp_path)
    work.write(".gitignore", IGNORE)
    work.write(".env", "TOKEN=1\n").chmod(0o600)
    work.write("node_modules/a/index.js", "a\n")
    work.write("node_modules/.bin/run", "#!/bin/sh\n", executable=True)
    work.path("node_modules/link").symlink_to("a")
    work.write("config/one.local", "1\n")
    work.write("config/two.local", "2\n")
    work.write("config/plain", "not ignored\n")
    work.write("cache/x", "x\n")
    return work


def take(work: Work, *patterns: str, link: bool = False) -> Worktree:
    """A worktree on the user's workspace as it is now."""
    snapshot = capture(work.repository)
    inclusions = [Inclusion(pattern=pattern, link=link) for pattern in patterns]
    return Pool(work.repository, inclusions).take(Base(tree=snapshot.tree, head=snapshot.head.oid))


def there(worktree: Worktree, *names: str) -> list[str]:
    """Those of the paths that exist in the worktree, as links or anything else."""
    return [name for name in names if os.path.lexists(worktree.repository.root / name)]


def settle(work: Work) -> None:
    """Let a moment pass, so that what was written before is older than what follows."""
    time.sleep(0.03)


@pytest.mark.parametrize("link", [False, True])
def test_ignored_files_and_folders_are_brought_along(link: bool, work: Work) -> None:
    root = take(work, ".env", "node_modules", link=link).repository.root
    assert (root / ".env").read_text() == "TOKEN=1\n"
    assert (root / "node_modules/a/index.js").read_text() == "a\n"
    assert (root / ".env").is_symlink() == (root / "node_modules").is_symlink() == link


def test_a_copy_keeps_modes_times_and_links(work: Work) -> None:
    root = take(work, ".env", "node_modules").repository.root
    for name in (".env", "node_modules/.bin/run", "node_modules/a"):
        ours, users = (root / name).stat(), work.path(name).stat()
        assert (ours.st_mode, ours.st_mtime_ns) == (users.st_mode, users.st_mtime_ns)
    assert (root / "node_modules/link").readlink() == Path("a")


def test_a_copy_is_the_same_without_a_cp_that_shares_blocks(work: Work, tmp_path: Path) -> None:
    os.mkfifo(work.path("node_modules/pipe"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(str(shutil.which("git")))
    elsewhere = Work(root=work.root, environ={**work.environ, "PATH": str(tmp_path / "bin")})
    root = take(elsewhere, ".env", "node_modules").repository.root
    assert (root / "node_modules/a/index.js").read_text() == "a\n"
    assert (root / "node_modules/link").readlink() == Path("a")
    assert oct((root / ".env").stat().st_mode) == "0o100600"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("config/*.local", ["config/one.local", "config/two.local"]),
        ("**/*.local", ["config/one.local", "config/two.local"]),
        ("config/[o]*", ["config/one.local"]),
        ("config", ["config/one.local", "config/two.local"]),
        ("config/", ["config/one.local", "config/two.local"]),
        ("./config/one.local", ["config/one.local"]),
        ("cache", ["cache/x"]),
        (".*", []),
        ("none", []),
        ("plain", []),
    ],
)
def test_patterns_name_ignored_files_only(pattern: str, found: list[str], work: Work) -> None:
    worktree = take(work, pattern)
    assert there(worktree, "config/one.local", "config/two.local", "cache/x") == found
    assert (worktree.repository.root / "plain").read_text() == "edited after\n"


def test_a_file_whose_name_looks_like_a_pattern_is_found(work: Work) -> None:
    work.write("[id].local", "1\n")
    assert there(take(work, "[id].local"), "[id].local") == ["[id].local"]


def test_names_that_are_not_text_are_brought_along(work: Work) -> None:
    name = os.fsdecode(b"new\nline \xff.local")
    work.write(name, "1\n")
    worktree = take(work, "*.local")
    assert there(worktree, name) == [name]
    settle(work)
    worktree.release()
    assert there(take(work, "*.local"), name) == [name]


@pytest.mark.parametrize(
    "pattern", ["../x", "a/../../x", "/etc/passwd", ".git", ".git/config", "a/.GIT/x", "", " ", "a\0"]
)
def test_patterns_that_lead_elsewhere_are_refused(pattern: str, work: Work) -> None:
    with pytest.raises(ConfigError, match="worktree_include") as caught:
        Pool(work.repository, [Inclusion(pattern=pattern)])
    assert caught.value.hint


@given(st.text(st.sampled_from("./agitGIT*"), max_size=12))
def test_no_pattern_without_a_problem_leads_out(pattern: str) -> None:
    if problem(pattern) is None:
        inside = os.path.normpath(f"/root/{pattern}")
        assert inside == "/root" or inside.startswith("/root/")
        assert "/.git/" not in f"{inside.lower()}/"


def test_links_do_not_lead_out(work: Work, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x.local").write_text("secret\n")
    work.path("way").symlink_to(tmp_path / "outside")
    assert there(take(work, "way/x.local", "way/*"), "way/x.local") == ["way/x.local"]
    assert (tmp_path / "outside/x.local").read_text() == "secret\n"
    assert sorted(path.name for path in (tmp_path / "outside").iterdir()) == ["x.local"]


def test_what_the_tree_has_of_a_folder_stays(work: Work) -> None:
    work.write("node_modules/a/tracked.js", "tracked\n")
    work.git("add", "-f", "node_modules/a/tracked.js")
    snapshot = capture(work.repository)
    worktree = take(work, "node_modules")
    work.write("node_modules/a/tracked.js", "edited since\n")
    root = worktree.repository.root
    assert (root / "node_modules/a/tracked.js").read_text() == "tracked\n"
    assert (root / "node_modules/a/index.js").read_text() == "a\n"
    assert worktree.capture().tree == snapshot.tree


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("before", ["true", "printf '' >.gitignore", "git add -Af", "git add -Af; git commit -qm all"])
def test_nothing_brought_along_is_captured(before: str, link: bool, work: Work) -> None:
    worktree = take(work, ".env", "node_modules", "config/*.local", link=link)
    root = worktree.repository.root
    subprocess.run(["sh", "-ec", f"echo x >>plain; {before}"], cwd=root, env=work.environ, check=True)
    snapshot = worktree.capture()
    for tree in filter(None, [snapshot.tree, snapshot.index_tree]):
        names = work.git("ls-tree", "-r", "--name-only", tree).decode().split()
        assert [name for name in names if name.startswith((".env", "node_modules", "config/"))] == ["config/plain"]
    assert work.git("show", f"{snapshot.tree}:plain") == b"edited after\nx\n"


def test_only_what_is_named_now_stays_in_a_worktree(work: Work) -> None:
    take(work, ".env", "node_modules").release()
    assert there(take(work, ".env"), ".env", "node_modules") == [".env"]


def identity(worktree: Worktree) -> tuple[int, int]:
    """Tells whether the copy is the one of before; numbers of files alone are used again."""
    status = (worktree.repository.root / "node_modules/.bin").stat()
    return status.st_ino, status.st_ctime_ns


def again(
    work: Work, script: str = "true", *, users: str = "true", patterns: Sequence[str] = ("node_modules",)
) -> bool:
    """Whether a copy is used again after the agent, and the user, did something."""
    settle(work)
    worktree = take(work, *patterns)
    before, root = identity(worktree), worktree.repository.root
    subprocess.run(["sh", "-ec", script], cwd=root, env=work.environ, check=True)
    worktree.release()
    subprocess.run(["sh", "-ec", users], cwd=work.root, env=work.environ, check=True)
    worktree = take(work, *patterns)
    diff = subprocess.run(
        ["diff", "-r", "--no-dereference", work.root / "node_modules", root / "node_modules"], check=False
    )
    assert diff.returncode == 0
    return identity(worktree) == before


@pytest.mark.parametrize("script", ["true", "cat node_modules/a/index.js", "touch untracked.txt", "rm -rf dir"])
def test_a_copy_that_nobody_touched_is_used_again(script: str, work: Work) -> None:
    assert again(work, script)


CHANGES = {
    "edited": "echo b >node_modules/a/index.js",
    "same size and time": "touch -r node_modules/a kept; echo b >node_modules/a/index.js;"
    " touch -r kept node_modules/a/index.js; rm kept",
    "mode": "chmod -x node_modules/.bin/run",
    "added": "touch node_modules/.hidden",
    "removed": "rm node_modules/a/index.js",
    "link": "ln -sfn .bin node_modules/link",
    "renamed": "mv node_modules/a node_modules/b",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_made_again_where_the_agent_changed_it(change: str, work: Work) -> None:
    assert not again(work, CHANGES[change])


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_made_again_where_the_user_changed_it(change: str, work: Work) -> None:
    assert not again(work, users=CHANGES[change])


def test_a_copy_makes_way_for_what_the_tree_has(work: Work) -> None:
    settle(work)
    take(work, "node_modules").release()
    work.write("node_modules/new.js", "tracked\n")
    work.git("add", "-f", "node_modules/new.js")
    worktree = take(work, "node_modules")
    assert (worktree.repository.root / "node_modules/new.js").read_text() == "tracked\n"
    assert there(worktree, "node_modules/a/index.js")
    shutil.rmtree(work.path("node_modules"))
    work.write("node_modules", "a file\n")
    work.git("add", "-f", "node_modules")
    worktree.release()
    assert (take(work, "node_modules").repository.root / "node_modules").read_text() == "a file\n"


def test_an_agent_that_moves_a_copy_behind_a_link_changes_nothing_there(work: Work, tmp_path: Path) -> None:
    worktree = take(work, "config/one.local")
    root = worktree.repository.root
    shutil.move(root / "config", tmp_path / "config")
    (root / "config").symlink_to(tmp_path / "config")
    worktree.release()
    assert not (take(work, "config/one.local").repository.root / "config").is_symlink()
    assert (tmp_path / "config/plain").read_text() == "not ignored\n"


def test_a_link_of_the_tree_in_the_way_is_left_alone(work: Work, tmp_path: Path) -> None:
    snapshot = capture(work.repository)
    shutil.rmtree(work.path("config"))
    work.path("config").symlink_to(tmp_path)
    linked = capture(work.repository).tree
    work.path("config").unlink()
    work.write("config/one.local", "1\n")
    pool = Pool(work.repository, [Inclusion(pattern="config/one.local")])
    worktree = pool.take(Base(tree=linked, head=snapshot.head.oid))
    assert (worktree.repository.root / "config").is_symlink()
    assert not (tmp_path / "one.local").exists()


def test_files_in_a_submodule_are_not_brought_along(tmp_path: Path) -> None:
    work = KINDS["submodule"](tmp_path)
    worktree = take(work, "sub/inside", "x.ign")
    assert there(worktree, "sub/inside", "x.ign") == ["x.ign"]


def test_a_file_that_may_not_be_read_is_named(work: Work) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    work.path(".env").chmod(0)
    with pytest.raises(StorageError, match=r"\.env"):
        take(work, ".env")


def test_the_users_files_are_not_touched(work: Work) -> None:
    before = {path: path.lstat() for path in work.root.rglob("*") if ".git" not in path.parts}
    take(work, ".env", "node_modules", link=True).release()
    take(work, ".env", "node_modules").release()
    take(work)
    assert {path: path.lstat().st_mtime_ns for path in before} == {
        path: status.st_mtime_ns for path, status in before.items()
    }
    assert work.path("node_modules/a/index.js").read_text() == "a\n"
