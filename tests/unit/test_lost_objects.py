"""Objects that git loses while it writes them, since another git tidies up: they are written again."""

import os
import shutil
from pathlib import Path

import pytest
from scratch import Scratch

from git_pliny.git.process import ObjectsLostError
from git_pliny.git.snapshot import capture
from git_pliny.git.writer import ObjectWriter

LOSING = """#!/bin/sh
case " $* " in
*" {command} "*)
    echo >>"{count}"
    if [ "$(wc -l <"{count}")" -le {times} ]; then
        GIT_OBJECT_DIRECTORY="{elsewhere}" GIT_ALTERNATE_OBJECT_DIRECTORIES="$GIT_DIR/objects" {git} "$@" || exit
        echo "error: unable to write file $GIT_DIR/objects/ab/cd: No such file or directory" >&2
        exit 0
    fi ;;
esac
exec {git} "$@"
"""
"""Does as git 2.39 does: the objects are gone, git complains, and exits with 0."""


def losing(scratch: Scratch, tmp_path: Path, command: str, times: int) -> Scratch:
    """The same repository with a git that loses the objects of a command the first few times."""
    folder = tmp_path / "bin"
    (tmp_path / "elsewhere").mkdir()
    folder.mkdir()
    script = LOSING.format(
        command=command,
        times=times,
        count=tmp_path / "count",
        elsewhere=tmp_path / "elsewhere",
        git=shutil.which("git"),
    )
    (folder / "git").write_text(script)
    (folder / "git").chmod(0o755)
    path = os.pathsep.join([str(folder), scratch.environ["PATH"]])
    return Scratch(root=scratch.root, environ={**scratch.environ, "PATH": path})


def test_objects_that_git_lost_are_written_again(scratch: Scratch, tmp_path: Path) -> None:
    writer = ObjectWriter(losing(scratch, tmp_path, "unpack-objects", 2).repository)
    oid = writer.blob(b"text")
    writer.write()
    assert scratch.git("cat-file", "blob", oid) == "text"


def test_objects_that_git_loses_for_ever_are_an_error(scratch: Scratch, tmp_path: Path) -> None:
    writer = ObjectWriter(losing(scratch, tmp_path, "unpack-objects", 1000).repository)
    writer.blob(b"text")
    with pytest.raises(ObjectsLostError, match="another git removed a folder that git unpack-objects wrote to"):
        writer.write()


@pytest.mark.parametrize("command", ["update-index", "write-tree"])
def test_a_snapshot_whose_objects_git_lost_is_taken_again(scratch: Scratch, tmp_path: Path, command: str) -> None:
    scratch.write("folder/new", "text\n")
    snapshot = capture(losing(scratch, tmp_path, command, 1).repository)
    assert scratch.git("show", f"{snapshot.tree}:folder/new") == "text"
    assert scratch.git("rev-list", "--objects", "--missing=print", snapshot.tree).count("?") == 0


def test_the_empty_tree_is_written_again_where_git_lost_it(scratch: Scratch, tmp_path: Path) -> None:
    scratch.git("checkout", "-q", "--orphan", "new")
    scratch.git("rm", "-rfq", ".")
    assert scratch.git("cat-file", "-t", capture(losing(scratch, tmp_path, "mktree", 1).repository).tree) == "tree"
