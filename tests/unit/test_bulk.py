"""Many new files of a snapshot are packed."""

from pathlib import Path

import pytest
from snapshot_repos import KINDS, Work, interfere
from snapshot_trees import paths, tree_by_git

from git_pliny.git import bulk
from git_pliny.git.snapshot import capture


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit of a few files, and an ignored one."""
    return KINDS["plain"](tmp_path)


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
