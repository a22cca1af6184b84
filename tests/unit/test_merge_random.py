"""What any number of agents changed merges one after another as `git merge` merges it as branches."""

import random
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merge_sides import git_merge, lines, tree_of
from snapshot_repos import Work, new_work

from git_pliny.git.merge import ConflictKind, merge_trees

Files = dict[bytes, tuple[bytes, bytes]]
"""Mode and content by path."""

PATHS = (b"a", b"b", b"d/a", b"d/b", b"d/e/a", b"d/e/b", b"\xff\n", b"A", b"d/new", b"new", b"e/new")


def _text(number: int) -> bytes:
    return lines((0, f"file {number}"), count=12).encode()


BASE: Files = {
    **{path: (b"100644", _text(number)) for number, path in enumerate(PATHS[:6])},
    b"run": (b"100755", _text(8)),
    b"binary": (b"100644", bytes(range(256))),
    b"link": (b"120000", b"a"),
}


class Agent:
    """Edits a set of files at random; the same seed gives the same edits."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.files = dict(BASE)

    def edit(self) -> Files:
        for _ in range(self.random.randint(1, 4)):
            self.random.choice(
                [self._line, self._line, self._add, self._remove, self._rename, self._mode, self._link]
            )()
        return self.files

    def _some(self) -> bytes:
        return self.random.choice(sorted(self.files) or [b"a"])

    def _put(self, path: bytes, file: tuple[bytes, bytes]) -> None:
        """What is in the way goes, as it would on disk."""
        for other in list(self.files):
            if other.startswith(path + b"/") or path.startswith(other + b"/"):
                del self.files[other]
        self.files[path] = file

    def _line(self) -> None:
        path = self._some()
        mode, content = self.files.get(path, (b"100644", b""))
        if mode != b"120000":
            told = content.split(b"\n")
            told[self.random.randrange(len(told))] = b"edited %d" % self.random.randrange(3)
            self._put(path, (mode, b"\n".join(told)))

    def _add(self) -> None:
        self._put(self.random.choice(PATHS), (b"100644", _text(self.random.randrange(20, 23))))

    def _remove(self) -> None:
        self.files.pop(self._some(), None)

    def _rename(self) -> None:
        if file := self.files.pop(self._some(), None):
            self._put(self.random.choice(PATHS), file)

    def _mode(self) -> None:
        path = self._some()
        mode, content = self.files.get(path, (b"120000", b""))
        if mode != b"120000":
            self.files[path] = (b"100755" if mode == b"100644" else b"100644", content)

    def _link(self) -> None:
        self._put(self.random.choice(PATHS), (b"120000", self.random.choice(PATHS)))


def _commit(branch: str, files: Files, parent: bytes = b"mark :1\n") -> bytes:
    """For `git fast-import`; no two are alike, so that what is merged already is merged again."""
    head = f"committer A <a> 1700000000 +0000\ndata {len(branch)}\n{branch}\n".encode()
    mark, start = (parent, b"") if parent.startswith(b"mark") else (b"", parent)
    parts = [f"commit refs/heads/{branch}\n".encode(), mark, head, start, b"deleteall\n"]
    for path, (mode, content) in files.items():
        name = path.replace(b"\n", b"\\n")
        parts.append(b'M %s inline "%s"\ndata %d\n%s\n' % (mode, name, len(content), content))
    return b"".join(parts)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return new_work(tmp_path)


def test_agents_that_end_in_any_order_merge_as_branches_do(work: Work) -> None:
    told = count()

    @given(seeds=st.lists(st.integers(0, 10**6), min_size=2, max_size=4))
    @settings(max_examples=20)
    def check(seeds: list[int]) -> None:
        run = next(told)
        branches = [f"{run}-agent-{place}" for place in range(len(seeds))]
        stream = [_commit(f"{run}-base", BASE)]
        edits = zip(branches, seeds, strict=True)
        stream += [_commit(branch, Agent(seed).edit(), b"from :1\n") for branch, seed in edits]
        work.git("fast-import", "--quiet", "--force", stdin=b"".join(stream))
        _merge_all(work, f"{run}-base", branches)

    check()


def _merge_all(work: Work, start: str, branches: list[str]) -> None:
    """An agent that conflicts is left out, and the next one is merged."""
    base = tree_of(work, start)
    work.git("checkout", "-q", "--force", "--detach", start)
    tree = base
    for branch in branches:
        merged = merge_trees(
            work.repository, base=base, ours=tree, theirs=tree_of(work, branch), labels=("HEAD", branch)
        )
        head = work.git("rev-parse", "HEAD").strip()
        expected, unmerged = git_merge(work, branch)
        assert merged.tree == expected
        beyond = {conflict.kind for conflict in merged.conflicts if conflict.path not in unmerged}
        assert beyond <= {ConflictKind.DIRECTORY_RENAME, ConflictKind.RENAME_ADD}
        assert unmerged <= {conflict.path for conflict in merged.conflicts}
        if merged.conflicts:
            work.git("reset", "-q", "--hard", head)
        else:
            tree = merged.tree
