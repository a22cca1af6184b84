"""A move that was cut off is ended, and what the user edited since is left alone."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from snapshot_edits import Editor
from snapshot_repos import KINDS, Work, differences, interfere
from test_moving import facts, move, run_code, tree_with

from git_pliny.errors import GitError, PlinyError, WouldOverwriteError
from git_pliny.git.moving import finish_move, move_workspace
from git_pliny.git.snapshot import capture

LONG = "a line of a long file\n" * 9999


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit of a few files, and an ignored one."""
    return KINDS["plain"](tmp_path)


def _trees(work: Work) -> tuple[str, str]:
    before = capture(work.repository).tree
    changed = ("100644 changed\n plain", "100755 longer\n run", "100644 new\n new/er", "120000 run link")
    return before, tree_with(work, before, *changed, drop="dir/one")


def _as_in(work: Work, tree: str, paths: set[str] | None = None) -> bool:
    """Whether the files stand as in the tree, or those of `paths` at least."""
    current = capture(work.repository)
    changed = work.git("diff-tree", "-r", "-z", "--name-only", current.tree, tree).split(b"\0")[:-1]
    return not {path for path in map(os.fsdecode, changed) if paths is None or path in paths}


# One path


BEGUN = ["", "c", "chang"]


@pytest.mark.parametrize("begun", BEGUN)
def test_a_file_that_was_begun_is_written_whole(begun: str, work: Work) -> None:
    before, after = _trees(work)
    work.write("plain", begun)
    work.write("new/er", begun.replace("c", "n")[:1])
    finished = finish_move(work.repository, before=before, after=after)
    assert finished.edited == ()
    assert {change.path for change in finished.moved} == {"plain", "run", "new/er", "link", "dir/one"}
    assert _as_in(work, after)


def test_a_file_that_is_gone_is_written(work: Work) -> None:
    before, after = _trees(work)
    for path in ("plain", "run", "link"):
        work.path(path).unlink()
    assert finish_move(work.repository, before=before, after=after).edited == ()
    assert _as_in(work, after)


def test_a_move_that_came_to_its_end_is_found_so(work: Work) -> None:
    before, after = _trees(work)
    move(work, after)
    finished = finish_move(work.repository, before=before, after=after)
    assert (finished.moved, finished.edited) == ((), ())


@pytest.mark.parametrize("content", ["edited\n", "changed\n and more\n", "changed\r\n"])
def test_a_file_edited_since_is_left_alone_and_the_rest_moves(content: str, work: Work) -> None:
    before, after = _trees(work)
    work.write("plain", content)
    work.path("link").unlink()
    work.path("link").symlink_to("elsewhere")
    finished = finish_move(work.repository, before=before, after=after)
    assert finished.edited == ("link", "plain")
    assert work.path("plain").read_bytes() == content.encode()
    assert work.path("link").readlink() == Path("elsewhere")
    assert _as_in(work, after, {"run", "new/er", "dir/one"})


def test_a_link_to_the_beginning_of_a_file_is_an_edit(work: Work, tmp_path: Path) -> None:
    before, after = _trees(work)
    (tmp_path / "mine").write_text("cha")
    work.path("plain").unlink()
    work.path("plain").symlink_to(tmp_path / "mine")
    assert finish_move(work.repository, before=before, after=after).edited == ("plain",)
    assert (tmp_path / "mine").read_text() == "cha"


def test_a_mode_changed_since_is_left_alone(work: Work) -> None:
    before, after = _trees(work)
    work.write("plain", "changed\n", executable=True)
    assert finish_move(work.repository, before=before, after=after).edited == ("plain",)
    assert os.access(work.path("plain"), os.X_OK)


def test_what_is_behind_a_link_that_stands_for_a_folder_is_not_looked_at(work: Work, tmp_path: Path) -> None:
    before, after = _trees(work)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/er").write_text("mine\n")
    work.path("new").symlink_to(tmp_path / "outside")
    with pytest.raises(WouldOverwriteError, match="new is in the way"):
        finish_move(work.repository, before=before, after=after)
    assert (tmp_path / "outside/er").read_text() == "mine\n"


def test_a_file_that_can_not_be_made_because_of_an_edit_is_left_out_too(work: Work) -> None:
    before = capture(work.repository).tree
    after = tree_with(work, before, "100644 x plain/in", "100644 x new", drop="plain")
    work.write("plain", "edited\n")
    finished = finish_move(work.repository, before=before, after=after)
    assert finished.edited == ("plain", "plain/in")
    assert [change.path for change in finished.moved] == ["new"]
    assert work.path("plain").read_text() == "edited\n"


def test_a_file_put_where_a_submodule_was_is_left_alone(tmp_path: Path) -> None:
    work = KINDS["submodule"](tmp_path)
    before = capture(work.repository).tree
    after = tree_with(work, before, "100644 x new", drop="sub")
    shutil.rmtree(work.path("sub"))
    work.write("sub", "mine\n")
    assert finish_move(work.repository, before=before, after=after).edited == ("sub",)
    assert work.path("sub").read_text() == "mine\n"


def test_a_file_that_was_begun_and_that_the_rules_ignore_is_written_whole(work: Work) -> None:
    before = capture(work.repository).tree
    after = tree_with(work, before, "100644 whole\n new.ign")
    work.write("new.ign", "wh")
    assert finish_move(work.repository, before=before, after=after).edited == ()
    assert work.path("new.ign").read_text() == "whole\n"


def _filtered(work: Work) -> tuple[str, str]:
    """`rot` is stored as it stands on disk, turned by 13 letters."""
    work.git("config", "filter.turn.smudge", "tr a-z n-za-m")
    work.git("config", "filter.turn.clean", "tr a-z n-za-m")
    work.git("config", "filter.turn.required", "true")
    before = capture(work.repository).tree
    return before, tree_with(work, before, "100644 uryyb\n rot", "100644 rot filter=turn\n .gitattributes")


def test_the_beginning_is_that_of_what_a_filter_writes(work: Work) -> None:
    before, after = _filtered(work)
    work.write("rot", "hel")
    assert finish_move(work.repository, before=before, after=after).edited == ()
    assert work.path("rot").read_text() == "hello\n"


def test_the_beginning_of_what_is_stored_is_an_edit_where_a_filter_writes_other_bytes(work: Work) -> None:
    before, after = _filtered(work)
    work.write("rot", "ury")
    assert finish_move(work.repository, before=before, after=after).edited == ("rot",)
    assert work.path("rot").read_text() == "ury"


def test_where_a_filter_fails_nothing_counts_as_begun(work: Work) -> None:
    before, after = _filtered(work)
    work.write("rot", "hel")
    work.git("config", "filter.turn.smudge", "false")
    assert finish_move(work.repository, before=before, after=after).edited == ("rot",)
    assert work.path("rot").read_text() == "hel"


# Real interruptions


def test_a_git_that_is_cut_off_within_a_file_is_carried_on_from(work: Work, tmp_path: Path) -> None:
    current = capture(work.repository)
    tree = tree_with(work, current.tree, f"100644 {LONG} long", f"100644 {LONG} plain", "100644 x zzz")
    short = interfere(work, tmp_path / "bin", 'case "$*" in *"-m -u"*) ulimit -f 32;; esac')
    with pytest.raises(PlinyError):
        move_workspace(short.repository, current=current, tree=tree)
    assert 0 < len(work.path("long").read_text()) < len(LONG)
    finished = finish_move(work.repository, before=current.tree, after=tree)
    assert finished.edited == ()
    assert _as_in(work, tree)


def _moving(before: str, after: str) -> str:
    return (
        "import os\nfrom pathlib import Path\nfrom git_pliny.git.moving import move_workspace\n"
        "from git_pliny.git.repository import Head, discover\nfrom git_pliny.git.snapshot import Snapshot\n"
        "repository = discover(Path.cwd(), dict(os.environ))\n"
        f"current = Snapshot(tree={before!r}, index_tree=None, head=Head(oid=None, ref=None))\n"
        f"move_workspace(repository, current=current, tree={after!r})\n"
    )


def _two_trees(work: Work, seed: int) -> tuple[str, str]:
    """The tree as it stands, and where it is to move."""
    start = capture(work.repository)
    Editor(work, seed).edit(8)
    work.write("long", LONG)
    after = capture(work.repository)
    move_workspace(work.repository, current=after, tree=start.tree)
    return start.tree, after.tree


@pytest.mark.parametrize("call", range(1, 14, 3))
def test_a_move_killed_at_any_git_can_be_finished(call: int, tmp_path: Path) -> None:
    work = KINDS["edited"](tmp_path)
    before, after = _two_trees(work, call)
    untouched = facts(work)
    at = tmp_path / "count"
    killer = interfere(
        work, tmp_path / "bin", f'echo >> {at}; [ "$(wc -l < {at})" -ge {call} ] && {{ kill -9 $PPID; exit 1; }}'
    )
    assert run_code(killer, _moving(before, after)) == -signal.SIGKILL
    assert finish_move(work.repository, before=before, after=after).edited == ()
    assert _as_in(work, after)
    assert differences(untouched, facts(work)) == {}


CALLS = "write,unlink,unlinkat,rmdir,mkdir,symlink,rename"
"""System calls by which git changes files."""


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is missing")
@pytest.mark.parametrize("kind", ["edited", "filtered"])
def test_a_move_whose_git_is_killed_at_any_system_call_can_be_finished(kind: str, tmp_path: Path) -> None:
    work = KINDS[kind](tmp_path)
    before, after = _two_trees(work, 4)
    untouched, git = facts(work), shutil.which("git", path=work.environ["PATH"])
    places = set()
    for number in range(1, 200, 4):
        folder = tmp_path / f"bin-{number}"
        inject = f"-e trace={CALLS} -e inject={CALLS}:signal=KILL:when={number}"
        script = f'case "$*" in *"-m -u"*) exec strace -f -qq -o /dev/null {inject} {git} "$@";; esac'
        killer = interfere(work, folder, script)
        try:
            move_workspace(killer.repository, current=capture(work.repository), tree=after)
        except GitError:
            places.add(capture(work.repository).tree)
        else:
            break
        assert finish_move(work.repository, before=before, after=after).edited == ()
        assert _as_in(work, after)
        move(work, before)
    assert len(places) > 3
    assert differences(untouched, facts(work)) == {}


@pytest.mark.parametrize("seed", range(6))
def test_what_was_edited_after_the_interruption_is_still_there_after_the_end(seed: int, tmp_path: Path) -> None:
    work = KINDS["plain"](tmp_path)
    before, after = _two_trees(work, seed)
    cut = interfere(work, tmp_path / "bin", f'case "$*" in *"-m -u"*) ulimit -f {seed * 8};; esac')
    with pytest.raises(PlinyError):
        move_workspace(cut.repository, current=capture(work.repository), tree=after)
    Editor(work, seed + 100).edit(4)
    edited, stored = work.files(), [_contents(work, tree) for tree in (before, after)]
    try:
        finished = finish_move(work.repository, before=before, after=after)
    except WouldOverwriteError:
        assert work.files() == edited
        return
    now = work.files()
    for path, (kind, content) in edited.items():
        ours = any(tree.get(path) == (kind, content) for tree in stored) or content in LONG.encode()
        assert ours or now[path] == (kind, content), path
    for path, file in stored[1].items():
        assert stored[0].get(path) == file or now.get(path) == file or path in finished.edited


def _contents(work: Work, tree: str) -> dict[str, tuple[str, bytes]]:
    kinds = {b"100644": "file", b"100755": "executable", b"120000": "link"}
    records = [record.partition(b"\t") for record in work.git("ls-tree", "-r", "-z", tree).split(b"\0")[:-1]]
    described = {os.fsdecode(path): words.split() for words, _, path in records}
    return {path: (kinds[mode], work.git("cat-file", "blob", oid)) for path, (mode, _, oid) in described.items()}
