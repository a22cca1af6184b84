import os
from pathlib import Path

import planted
import pytest
from scratch import Scratch
from stores import BOUNDS, ended, new_session, plan_of, started

from git_pliny.masking import Masker
from git_pliny.runners.base import OUTPUT, PROMPT, beside
from git_pliny.store.artifacts import AttemptPlace, Bounds, attempt_folder, attempt_folders, bounded, outputs_folder


def attempt(scratch: Scratch, session: str, run: str) -> Path:
    folder = attempt_folder(outputs_folder(scratch.repository, session), AttemptPlace("a", 1, run))
    (folder / "deep").mkdir(parents=True)
    return folder


def test_output_prompt_and_deliverables_of_an_ended_attempt_are_kept(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        folder = attempt(scratch, run.session, run.id)
        beside(folder, OUTPUT).write_text("out")
        beside(folder, PROMPT).write_text("ask")
        (folder / "deep" / "tool").write_text("x")
        (folder / "deep" / "tool").chmod(0o755)
        run.append(plan_of("a"), started("a"), ended("a"))
    listing = scratch.git("ls-tree", "-r", f"refs/pliny/artifacts/{run.session}").splitlines()
    assert [line.split("\t")[1] for line in listing] == [
        f"deliverables/a/1-{run.id}/deep/tool",
        f"outputs/a/1-{run.id}.log",
        f"prompts/a/1-{run.id}.md",
    ]
    assert listing[0].startswith("100755")


def test_artifacts_of_earlier_flushes_stay(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        for number in (1, 2):
            folder = attempt_folder(outputs_folder(scratch.repository, run.session), AttemptPlace("a", number, run.id))
            folder.mkdir(parents=True)
            beside(folder, OUTPUT).write_text(str(number))
            run.append(started("a", number), ended("a", number))
            run.flush()
        assert len(attempt_folders(scratch.repository, run.session, "a")) == 2
    for number in (1, 2):
        assert scratch.git("show", f"refs/pliny/artifacts/{run.session}:outputs/a/{number}-{run.id}.log") == str(number)


def test_deliverables_that_git_could_not_check_out_are_renamed_or_left(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        folder = attempt(scratch, run.session, run.id)
        for name in (".git", "deep/.GIT"):
            (folder / name).mkdir()
            (folder / name / "config").write_text("hostile")
        (folder / "link").symlink_to("/etc/passwd")
        os.mkfifo(folder / "pipe")
        (folder / os.fsdecode(b"\xff name")).write_text("x")
        run.append(plan_of("a"), started("a"), ended("a"))
    names = scratch.git(
        "-c", "core.quotePath=true", "ls-tree", "-r", "--name-only", f"refs/pliny/artifacts/{run.session}"
    )
    assert "%2Egit/config" in names
    assert "deep/%2EGIT/config" in names
    assert "link" not in names
    assert "pipe" not in names
    assert "\\377 name" in names
    scratch.git("fsck", "--strict")


def test_a_link_in_place_of_the_deliverables_is_not_followed(scratch: Scratch, tmp_path: Path) -> None:
    (tmp_path / "private").write_text("secret")
    with new_session(scratch) as run:
        folder = attempt_folder(outputs_folder(scratch.repository, run.session), AttemptPlace("a", 1, run.id))
        folder.parent.mkdir(parents=True)
        folder.symlink_to(tmp_path)
        beside(folder, OUTPUT).write_text("out")
        run.append(plan_of("a"), started("a"), ended("a"))
    names = scratch.git("ls-tree", "-r", "--name-only", f"refs/pliny/artifacts/{run.session}")
    assert names.split() == [f"outputs/a/1-{run.id}.log"]


def test_a_small_output_is_stored_whole_and_a_large_one_as_head_and_tail(tmp_path: Path) -> None:
    file = tmp_path / "output"
    file.write_bytes(b"x" * BOUNDS.limit)
    assert bounded(file, BOUNDS) == file.read_bytes()
    file.write_bytes(b"a" * 60 + b"b" * 100 + b"c" * 60)
    text = bounded(file, Bounds(BOUNDS.masking, 100))
    assert text is not None
    assert text.startswith(b"a" * 50 + b"\n[... 120 bytes were cut here")
    assert text.endswith(b"...]\n" + b"c" * 50)


@pytest.mark.parametrize("limit", range(1000, 1400, 37))
def test_no_half_of_a_secret_is_stored_where_an_output_is_cut(tmp_path: Path, limit: int) -> None:
    secrets = planted.anywhere()[:12]
    file = tmp_path / "output"
    file.write_text("\n".join(each.text for each in secrets * 40))
    text = bounded(file, Bounds(Masker({}), limit))
    assert text is not None
    assert b"[masked:" in text
    for each in secrets:
        assert each.secret[-12:].encode() not in text


def test_what_is_no_regular_file_is_not_stored(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "missing", "."):
        assert bounded(tmp_path / name, BOUNDS) is None
