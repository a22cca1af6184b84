"""A restore moves nothing where it would overwrite what is not recorded, and says what is in the way."""

import os
import re
import shutil
from pathlib import Path

import pytest
from snapshot_repos import KINDS, Work, interfere, run_apart
from snapshot_restores import plan, refuses, restore, restoring

from git_pliny.errors import WouldOverwriteError
from git_pliny.git.restore import apply_restore
from git_pliny.git.snapshot import capture


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit of a few files, and an ignored one."""
    return KINDS["plain"](tmp_path)


def test_a_file_edited_after_the_snapshot_is_not_overwritten(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    planned = plan(work, snapshot)
    work.write("plain", "CHANGED\n")
    with pytest.raises(WouldOverwriteError, match="plain is not as it was recorded"):
        apply_restore(work.repository, planned, keep_head=False, reason="x")
    assert work.path("plain").read_text() == "CHANGED\n"


def test_a_file_edited_after_the_snapshot_that_stays_as_it_is_does_not_matter(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    planned = plan(work, snapshot)
    work.write("dir/one", "an edit meanwhile\n")
    apply_restore(work.repository, planned, keep_head=False, reason="x")
    assert work.path("dir/one").read_text() == "an edit meanwhile\n"
    assert work.path("plain").read_text() == "plain\n"


def test_an_edit_that_a_flag_hides_from_git_is_not_overwritten(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "committed\n")
    work.commit()
    work.git("update-index", "--assume-unchanged", "plain")
    work.write("plain", "hidden edit\n")
    refuses(work, snapshot, "plain is not as it was recorded")


@pytest.mark.parametrize(
    ("ignored", "named"),
    [("plain", "plain"), ("plain/x.ign", "plain/x.ign"), ("plain/deep/link", "plain/deep/link"), ("dir", "dir")],
)
def test_an_ignored_file_in_the_way_is_not_overwritten(ignored: str, named: str, work: Work) -> None:
    snapshot = capture(work.repository)
    work.git("rm", "-rqf", "plain", "dir")
    shutil.rmtree(work.path("dir"), ignore_errors=True)
    work.path(".git/info/exclude").write_text("plain\ndir\n")
    if ignored.endswith("link"):
        work.path(ignored).parent.mkdir(parents=True)
        work.path(ignored).symlink_to(work.path("ignored"))
    else:
        work.write(ignored, "precious\n")
    refuses(work, snapshot, f"{named} is in the way", hint=f"mv {named} ELSEWHERE")


def test_a_nested_repository_in_the_way_is_not_overwritten(work: Work) -> None:
    snapshot = capture(work.repository)
    work.git("rm", "-rq", "dir")
    nested = work.other(work.path("dir"))
    nested.root.mkdir(exist_ok=True)
    nested.git("init", "-q")
    nested.write("work", "precious\n")
    nested.commit()
    refuses(work, snapshot, "the nested repository dir is in the way", hint="mv dir ELSEWHERE")


def test_files_beside_a_git_folder_that_git_takes_for_its_own_are_restored(work: Work) -> None:
    snapshot = capture(work.repository)
    work.other(work.path("dir")).git("init", "-q")
    work.write("dir/one", "changed\n")
    restore(work, snapshot)
    assert work.path("dir/one").read_text() == "1\n"


def test_a_folder_that_cannot_be_looked_into_is_not_overwritten(work: Work) -> None:
    snapshot = capture(work.repository)
    work.path("plain").unlink()
    work.write("plain/new/file")
    work.path(".git/info/exclude").write_text("plain/new\n")
    work.path("plain/new").chmod(0)
    done = run_apart(work, restoring(snapshot), privileges=False)
    work.path("plain/new").chmod(0o755)
    assert re.match(r"StorageError cannot look into .*plain/new", done.stdout), done
    assert work.path("plain/new/file").exists()


def test_what_was_staged_after_the_snapshot_is_not_lost(work: Work) -> None:
    snapshot = capture(work.repository)
    planned = plan(work, snapshot)
    work.write("plain", "staged meanwhile\n")
    work.git("add", "plain")
    with pytest.raises(WouldOverwriteError, match="staged"):
        apply_restore(work.repository, planned, keep_head=False, reason="x")


def test_what_git_itself_finds_in_the_way_at_the_last_moment_is_not_overwritten(work: Work, tmp_path: Path) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    work.path("dir/one").unlink()
    planned = plan(work, snapshot)
    busy = interfere(work, tmp_path / "bin", 'case "$*" in *"-m -u"*) echo precious > plain;; esac')
    with pytest.raises(WouldOverwriteError, match="plain"):
        apply_restore(busy.repository, planned, keep_head=False, reason="x")
    assert work.path("plain").read_text() == "precious\n"
    assert not work.path("dir/one").exists()


@pytest.mark.parametrize("kind", ["file and file", "file and folder"])
def test_on_a_file_system_that_ignores_case_paths_that_would_be_one_are_refused(kind: str, work: Work) -> None:
    work.write("Case" if kind == "file and file" else "Case/inside")
    work.write("case", "another\n")
    snapshot = capture(work.repository)
    work.git("clean", "-fdq")
    work.git("config", "core.ignoreCase", "true")
    refuses(work, snapshot, r"Case.* and case are one file here|case and Case.* are one file here")


def test_on_a_file_system_that_ignores_case_a_renaming_of_case_is_restored(work: Work) -> None:
    work.write("Case")
    snapshot = capture(work.repository)
    work.git("config", "core.ignoreCase", "true")
    work.path("Case").rename(work.path("case"))
    restore(work, snapshot)
    assert [name for name in os.listdir(work.root) if name.lower() == "case"] == ["Case"]  # noqa: PTH208 - names only
