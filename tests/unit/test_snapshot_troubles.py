"""Snapshots of what can't be read, changes meanwhile, or is cut off by a kill."""

import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from snapshot_repos import KINDS, Work, interfere, run_apart
from snapshot_trees import paths

from git_pliny.errors import GitError, StorageError
from git_pliny.git.scratch import scratch
from git_pliny.git.snapshot import Snapshot, capture


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit of a few files, and an ignored one."""
    return KINDS["plain"](tmp_path)


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


@pytest.mark.parametrize("later", ["ls-files", "porcelain"])
def test_a_file_that_is_staged_between_the_two_looks_is_recorded(later: str, work: Work, tmp_path: Path) -> None:
    work.write("new")
    staged = tmp_path / "staged"
    wait = f'while ! test -e "{staged}"; do sleep 0.01; done'
    stage = f'$GIT "$@"; test -e "{staged}" || $GIT add new; : > "{staged}"; exit'
    looks = {"ls-files": wait, "porcelain": wait} | {{"ls-files": "porcelain", "porcelain": "ls-files"}[later]: stage}
    script = 'case "$*" in ' + " ".join(f"*{look}*) {what};;" for look, what in looks.items()) + " esac"
    assert "new" in paths(work, capture(interfere(work, tmp_path / "bin", script).repository).tree)


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
