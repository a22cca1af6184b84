"""Three trees merge into one as `git merge` would have it."""

import os
from pathlib import Path

import pytest
from merge_sides import Edit, Sides, as_told_by_git, in_turn, lines, make_sides, names, show, tree_of
from snapshot_repos import KINDS, Work, interfere, new_work

from git_pliny.errors import ConfigError, GitError
from git_pliny.git.merge import Conflict, ConflictKind, Merged, merge_trees
from git_pliny.git.repository import discover


def write(path: str | bytes, content: str | bytes, *, executable: bool = False) -> Edit:
    return lambda work: work.write(path, content, executable=executable)


def remove(path: str) -> Edit:
    return lambda work: work.git("rm", "-q", "-r", "--", path)


def rename(old: str, new: str) -> Edit:
    def edit(work: Work) -> None:
        work.path(new).parent.mkdir(parents=True, exist_ok=True)
        work.git("mv", "--", old, new)

    return edit


def link(path: str, to: str) -> Edit:
    def edit(work: Work) -> None:
        work.path(path).unlink(missing_ok=True)
        work.path(path).symlink_to(to)

    return edit


def nothing(_: Work) -> None:
    pass


def _filled(folder: Path, *arguments: str) -> Work:
    work = new_work(folder, *arguments)
    work.write("text", lines())
    work.write("other", lines((0, "another file")))
    work.write("many/one", lines((0, "one")))
    work.write("many/two", lines((0, "two")))
    work.write("many/three", lines((0, "three")))
    work.write("binary", b"\0" * 99)
    work.path("link").symlink_to("text")
    work.commit()
    return work


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return _filled(tmp_path)


CLEAN: dict[str, tuple[Edit, Edit]] = {
    "two places of one file": (write("text", lines((0, "ours"))), write("text", lines((8, "theirs")))),
    "the same edit": (write("text", lines((0, "same"))), write("text", lines((0, "same")))),
    "other files": (write("new", "ours\n"), remove("other")),
    "a rename and an edit": (write("text", lines((0, "ours"))), rename("text", "renamed")),
    "a mode and an edit": (write("text", lines((0, "ours"))), write("text", lines(), executable=True)),
    "a binary file of one side": (write("binary", b"\0ours"), nothing),
    "a link that moves": (link("link", "other"), write("text", lines((8, "theirs")))),
    "a file that becomes a folder": (in_turn(remove("other"), write("other/in", "x\n")), write("new", "theirs\n")),
    "odd names": (write(b"new\nline", "ours\n"), write(b"\xff \"'\\:x", "theirs\n")),
    "names that differ in case only": (write("TEXT", "ours\n"), write("text", lines((8, "theirs")))),
    "everything removed": (remove("."), nothing),
}


@pytest.mark.parametrize("case", CLEAN)
def test_what_git_merges_is_merged_alike(case: str, work: Work) -> None:
    sides = make_sides(work, *CLEAN[case])
    assert sides.merge() == Merged(tree=sides.git_merge()[0])


CONFLICTS: dict[str, tuple[Edit, Edit, set[tuple[str, ConflictKind]]]] = {
    "content": (
        write("text", lines((4, "ours"))),
        write("text", lines((4, "theirs"))),
        {("text", ConflictKind.CONTENT)},
    ),
    "binary": (write("binary", b"\0ours"), write("binary", b"\0theirs"), {("binary", ConflictKind.BINARY)}),
    "add/add": (write("new", "ours\n"), write("new", "theirs\n"), {("new", ConflictKind.ADD_ADD)}),
    "link": (link("link", "other"), link("link", "many"), {("link", ConflictKind.CONTENT)}),
    "modify/delete": (
        write("text", lines((4, "ours"))),
        remove("text"),
        {("text", ConflictKind.MODIFY_DELETE)},
    ),
    "delete/modify": (
        remove("text"),
        write("text", lines((4, "theirs"))),
        {("text", ConflictKind.MODIFY_DELETE)},
    ),
    "rename/delete": (remove("text"), rename("text", "renamed"), {("renamed", ConflictKind.RENAME_DELETE)}),
    "rename/rename": (
        rename("text", "a"),
        rename("text", "b"),
        {(path, ConflictKind.RENAME_RENAME) for path in ("a", "b", "text")},
    ),
    "rename/add": (
        write("new", "ours\n"),
        in_turn(rename("text", "new"), write("new", lines((4, "theirs")))),
        {("new", ConflictKind.ADD_ADD)},
    ),
    "renamed and edited here, edited there, added there": (
        in_turn(rename("text", "new"), write("new", lines((4, "ours")))),
        in_turn(write("text", lines((4, "theirs"))), write("new", "added\n")),
        {("new", ConflictKind.RENAME_ADD)},
    ),
    "rename/rename of a file that was edited, too": (
        in_turn(write("text", lines((4, "ours"))), rename("text", "a")),
        in_turn(write("text", lines((4, "theirs"))), rename("text", "b")),
        {(path, ConflictKind.RENAME_RENAME) for path in ("a", "b", "text")},
    ),
    "binary under a new name": (
        write("binary", b"\0" * 98 + b"o"),
        in_turn(write("binary", b"\0" * 98 + b"t"), rename("binary", "moved")),
        {("moved", ConflictKind.BINARY)},
    ),
    "file/directory": (
        write("new", "ours\n"),
        write("new/in", "theirs\n"),
        {("new~HEAD", ConflictKind.FILE_DIRECTORY)},
    ),
    "directory/file, with the other name taken": (
        in_turn(write("new/in", "ours\n"), write("new~agent", "taken\n")),
        write("new", "theirs\n"),
        {("new~agent_0", ConflictKind.FILE_DIRECTORY)},
    ),
    "mode": (
        link("text", "other"),
        write("text", lines((4, "theirs"))),
        {("text~agent", ConflictKind.MODE), ("text", ConflictKind.MODE)},
    ),
    "directory rename": (
        write("many/new", "ours\n"),
        rename("many", "moved"),
        {("moved/new", ConflictKind.DIRECTORY_RENAME)},
    ),
    "several": (
        in_turn(write("text", lines((4, "ours"))), write(b"\xff\n", "ours\n")),
        in_turn(write("text", lines((4, "theirs"))), write(b"\xff\n", "theirs\n")),
        {("text", ConflictKind.CONTENT), ("\udcff\n", ConflictKind.ADD_ADD)},
    ),
}


@pytest.mark.parametrize("case", CONFLICTS)
def test_what_git_does_not_merge_is_named_with_its_kind_and_marked_as_git_does(case: str, work: Work) -> None:
    ours, theirs, expected = CONFLICTS[case]
    sides = make_sides(work, ours, theirs)
    merged = sides.merge()
    tree, unmerged = sides.git_merge()
    assert {(conflict.path, conflict.kind) for conflict in merged.conflicts} == expected
    assert {conflict.path for conflict in merged.conflicts} == unmerged
    assert list(merged.conflicts) == sorted(merged.conflicts)
    assert merged.tree == tree


def test_a_conflict_that_git_reports_and_calls_clean_is_one(work: Work) -> None:
    ours = in_turn(rename("text", "new"), write("new", lines((0, "ours"))))
    theirs = in_turn(write("text", lines((0, "theirs"))), write("new", lines()))
    sides = make_sides(work, ours, theirs)
    merged = sides.merge()
    assert merged.conflicts == (Conflict(path="new", kind=ConflictKind.RENAME_ADD),)
    assert "HEAD:new\n" in show(work, merged.tree, "new")
    assert merged.tree == sides.git_merge()[0]


@pytest.mark.parametrize("path", [b"plain", b"a b\n\xff"])
def test_in_a_repository_of_sha256_trees_merge_too(path: bytes, tmp_path: Path) -> None:
    sides = make_sides(_filled(tmp_path, "--object-format=sha256"), write(path, "ours\n"), write(path, "theirs\n"))
    merged = sides.merge()
    assert merged.tree == sides.git_merge()[0]
    assert merged.conflicts == (Conflict(path=os.fsdecode(path), kind=ConflictKind.ADD_ADD),)


def test_where_only_one_side_changed_that_side_is_the_result(work: Work) -> None:
    sides = make_sides(work, write("text", lines((4, "ours"))), nothing)
    one, other, repository = sides.ours, sides.base, work.repository
    for base, ours, theirs in ((other, one, other), (other, other, one), (other, one, one)):
        assert merge_trees(repository, base=base, ours=ours, theirs=theirs) == Merged(tree=one)


def test_trees_that_share_nothing_merge_from_the_empty_tree(work: Work) -> None:
    sides = make_sides(work, nothing, in_turn(remove("."), write("alone", "x\n")))
    empty = work.git("mktree").decode().strip()
    merged = merge_trees(work.repository, base=empty, ours=sides.ours, theirs=sides.theirs)
    assert set(names(work, merged.tree)) == {*names(work, sides.ours), "alone"}


def _conflicting(work: Work) -> Sides:
    return make_sides(work, write("text", lines((4, "ours"))), write("text", lines((4, "theirs"))))


def test_markers_and_names_of_files_have_the_labels(work: Work) -> None:
    ours = in_turn(write("text", lines((4, "ours"))), write("new", "x\n"))
    sides = make_sides(work, ours, in_turn(write("text", lines((4, "theirs"))), write("new/in", "x\n")))
    merged = merge_trees(
        work.repository, base=sides.base, ours=sides.ours, theirs=sides.theirs, labels=("my/own\n", "the ägent")
    )
    text = show(work, merged.tree, "text")
    assert "<<<<<<< my_own_\nours\n=======\ntheirs\n>>>>>>> the ägent\n" in text
    assert "new~my_own_" in names(work, merged.tree)


@pytest.mark.parametrize("style", ["diff3", "zdiff3"])
def test_the_style_of_markers_is_the_users_and_the_base_is_called_so(style: str, work: Work) -> None:
    work.git("config", "merge.conflictStyle", style)
    sides = _conflicting(work)
    text = show(work, sides.merge().tree, "text")
    assert "||||||| base\nline 4\n" in text
    assert text == as_told_by_git(show(work, sides.git_merge()[0], "text"))


def test_a_line_that_looks_like_a_marker_of_another_base_stays(work: Work) -> None:
    odd = "||||||| 0000000\n"
    sides = make_sides(work, write("text", odd + lines((4, "ours"))), write("text", odd + lines((4, "theirs"))))
    assert show(work, sides.merge().tree, "text").startswith(odd)


@pytest.mark.parametrize(
    ("name", "value"),
    [("merge.renames", "false"), ("merge.directoryRenames", "true"), ("merge.directoryRenames", "false")],
)
def test_renames_are_found_as_the_user_has_set_it(name: str, value: str, work: Work) -> None:
    work.git("config", name, value)
    sides = make_sides(
        work,
        in_turn(write("many/new", "ours\n"), write("text", lines((0, "ours")))),
        in_turn(rename("many", "moved"), rename("text", "renamed")),
    )
    merged = sides.merge()
    tree, unmerged = sides.git_merge()
    assert ({conflict.path for conflict in merged.conflicts}, merged.tree) == (unmerged, tree)


def test_a_merge_driver_of_the_users_merges_whatever_it_prints(work: Work) -> None:
    work.write(".gitattributes", "text merge=both\n")
    work.commit()
    work.git("config", "merge.both.driver", "echo merging; cat %B >> %A")
    sides = _conflicting(work)
    merged = sides.merge()
    assert merged == Merged(tree=sides.git_merge()[0])
    assert show(work, merged.tree, "text") == lines((4, "ours")) + lines((4, "theirs"))


def _submodule(work: Work) -> tuple[Work, list[str]]:
    """A submodule, and three commits of it: one, and two that each follow on it."""
    sub = work.other(work.path("sub"))
    commits: list[str] = []
    for number in range(3):
        sub.git("checkout", "-q", "--detach", commits[0] if commits else "HEAD")
        sub.write("inside", f"{number}\n")
        commits.append(sub.commit())
    sub.git("checkout", "-q", "--detach", commits[0])
    work.git("add", "sub")
    work.git("commit", "-q", "-m", "sub")
    return sub, commits


def _with_commit(work: Work, tree: str, commit: str) -> str:
    listing = work.git("ls-tree", "-z", tree).split(b"\0")[:-1]
    entry = f"160000 commit {commit}\tsub".encode()
    return (
        work.git("mktree", "-z", stdin=b"\0".join([*(x for x in listing if not x.endswith(b"\tsub")), entry, b""]))
        .decode()
        .strip()
    )


def test_a_submodule_follows_whichever_side_is_ahead(tmp_path: Path) -> None:
    work = KINDS["submodule"](tmp_path)
    sub, (first, second, _) = _submodule(work)
    sub.git("checkout", "-q", "--detach", second)
    sub.write("inside", "third\n")
    third = sub.commit()
    base, ours, theirs = (_with_commit(work, tree_of(work, "HEAD"), commit) for commit in (first, second, third))
    assert merge_trees(work.repository, base=base, ours=ours, theirs=theirs) == Merged(tree=theirs)


def test_a_submodule_that_moved_on_both_sides_is_a_conflict(tmp_path: Path) -> None:
    work = KINDS["submodule"](tmp_path)
    _, commits = _submodule(work)
    base, ours, theirs = (_with_commit(work, tree_of(work, "HEAD"), commit) for commit in commits)
    merged = merge_trees(work.repository, base=base, ours=ours, theirs=theirs)
    assert merged.conflicts == (Conflict(path="sub", kind=ConflictKind.SUBMODULE),)


def test_a_merge_leaves_nothing_but_objects(work: Work) -> None:
    sides = _conflicting(work)
    before = work.facts()
    merged = sides.merge()
    assert work.facts() == before
    assert list((work.repository.local / "tmp").iterdir()) == []
    work.git("fsck", "--strict", "--no-dangling")
    kinds = work.git("cat-file", "--batch-check", "--batch-all-objects").decode()
    assert kinds.count(" commit ") == 3
    assert work.git("cat-file", "-t", merged.tree) == b"tree\n"


def test_a_repository_with_a_colon_and_quotes_in_its_path_is_merged_in(tmp_path: Path) -> None:
    sides = _conflicting(_filled(tmp_path / 'a:b "c" \\'))
    assert sides.merge().tree == sides.git_merge()[0]


def test_a_language_of_the_users_changes_nothing(work: Work) -> None:
    sides = _conflicting(work)
    environ = {**work.environ, "LANG": "de_DE.UTF-8", "LANGUAGE": "de", "LC_ALL": "de_DE.UTF-8"}
    merged = merge_trees(discover(work.root, environ), base=sides.base, ours=sides.ours, theirs=sides.theirs)
    assert merged.conflicts == (Conflict(path="text", kind=ConflictKind.CONTENT),)


@pytest.mark.parametrize("folder", ["", "many"])
def test_a_tree_that_is_missing_is_an_error_and_not_taken_for_an_empty_one(folder: str, work: Work) -> None:
    sides = make_sides(work, write("many/one", "ours\n"), write("many/two", "theirs\n"))
    missing = work.git("rev-parse", f"{sides.theirs}:{folder}").decode().strip()
    work.path(f".git/objects/{missing[:2]}/{missing[2:]}").unlink()
    with pytest.raises(GitError, match=missing):
        sides.merge()


def test_a_git_that_is_too_old_is_named_with_what_to_install(work: Work, tmp_path: Path) -> None:
    sides = _conflicting(work)
    old = interfere(work, tmp_path / "bin", 'case "$*" in *merge-tree*) echo usage >&2; exit 129;; esac')
    with pytest.raises(ConfigError) as refused:
        merge_trees(old.repository, base=sides.base, ours=sides.ours, theirs=sides.theirs)
    assert "install git 2.38" in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("output", "words"), [("", "named no tree"), ("$(git rev-parse HEAD^{tree})\\0\\0", "named none")]
)
def test_an_answer_that_makes_no_sense_is_an_error(output: str, words: str, work: Work, tmp_path: Path) -> None:
    sides = _conflicting(work)
    script = f'case "$*" in *merge-tree*) printf "%b" "{output}"; exit 1;; esac'.replace("$(git", "$($GIT")
    odd = interfere(work, tmp_path / "bin", script)
    with pytest.raises(GitError, match=words):
        merge_trees(odd.repository, base=sides.base, ours=sides.ours, theirs=sides.theirs)
