"""Objects that we write ourselves: git finds them whole, under the names that it would give them."""

import subprocess
from pathlib import Path

import pytest

from git_pliny.git.objects import MODE_EXECUTABLE, MODE_FILE, MODE_LINK, MODE_TREE, ObjectReader, TreeEntry
from git_pliny.git.repository import Repository, discover
from git_pliny.git.writer import UNPACK_LIMIT, ObjectWriter

IDENT = "Ann O'Nym <ann@example.com> 1700000000 +0100"
SIZES = (0, 1, 15, 16, 17, 2047, 2048, 2049, 262_143, 262_144, 1_000_000)


@pytest.fixture(params=["sha1", "sha256"])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    subprocess.run(["git", "init", "-q", f"--object-format={request.param}", str(tmp_path)], check=True)
    return discover(tmp_path, {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})


@pytest.mark.parametrize("count", [1, UNPACK_LIMIT + 1])
def test_blobs_of_all_sizes_can_be_read_back(repository: Repository, count: int) -> None:
    contents = [b"x" * size for size in SIZES] + [b"number %d" % number for number in range(count)]
    writer = ObjectWriter(repository)
    oids = [writer.blob(content) for content in contents]
    writer.write()
    with ObjectReader(repository) as reader:
        assert [reader.blob(oid) for oid in oids] == contents
    assert repository.git("hash-object", "--stdin", stdin=contents[4]).decode().strip() == oids[4]
    repository.git("fsck", "--strict")


def test_a_tree_is_sorted_as_git_sorts_it(repository: Repository) -> None:
    writer = ObjectWriter(repository)
    blob = writer.blob(b"content")
    empty = writer.tree({})
    names = {b"a": MODE_TREE, b"a-": MODE_FILE, b"a.b": MODE_EXECUTABLE, b"a0": MODE_LINK, b"\xff \n": MODE_FILE}
    tree = writer.tree(
        {name: TreeEntry(mode, empty if mode == MODE_TREE else blob) for name, mode in reversed(names.items())}
    )
    writer.write()
    assert repository.git("mktree", "-z", stdin=repository.git("ls-tree", "-z", tree)).decode().strip() == tree
    repository.git("fsck", "--strict")


def test_commits_and_tags_are_as_git_reads_them(repository: Repository) -> None:
    writer = ObjectWriter(repository)
    tree = writer.tree({})
    first = writer.commit(tree=tree, parents=[], author=IDENT, message="first\n")
    second = writer.commit(tree=tree, parents=[first], author=IDENT, message="se\udcffcond\n")
    tag = writer.tag(target=second, name="v1", tagger=IDENT, message="a tag\n")
    writer.write()
    shown = repository.git("log", "--format=%H %an %ae %at %s", "--encoding=", tag).splitlines()
    assert shown == [
        f"{second} Ann O'Nym ann@example.com 1700000000 ".encode() + b"se\xffcond",
        f"{first} Ann O'Nym ann@example.com 1700000000 first".encode(),
    ]
    repository.git("fsck", "--strict")


def test_equal_objects_are_written_once(repository: Repository) -> None:
    writer = ObjectWriter(repository)
    assert writer.blob(b"same") == writer.blob(b"same")
    assert writer.size == len(b"same")
    writer.write()
    assert writer.size == 0
    assert b"count: 1\n" in repository.git("count-objects", "-v")


def test_to_write_nothing_does_nothing(repository: Repository) -> None:
    ObjectWriter(repository).write()
    assert b"count: 0\n" in repository.git("count-objects", "-v")
