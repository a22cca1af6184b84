"""Two sides of a merge, as branches of a real repository: merged by us and by `git merge`."""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from snapshot_repos import Work

from git_pliny.git.merge import Merged, merge_trees

Edit = Callable[[Work], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """`base`, `ours` and `theirs` are trees; HEAD is on `main`, which is ours, and `agent` is the other branch."""

    work: Work
    base: str
    ours: str
    theirs: str

    def merge(self) -> Merged:
        """Labelled as `git merge agent` labels it."""
        return merge_trees(
            self.work.repository, base=self.base, ours=self.ours, theirs=self.theirs, labels=("HEAD", "agent")
        )

    def git_merge(self) -> tuple[str, set[str]]:
        """The tree that `git merge` leaves in the work tree, and the paths that it did not merge."""
        return git_merge(self.work, "agent")


def git_merge(work: Work, branch: str) -> tuple[str, set[str]]:
    work.git("merge", "-q", "--no-edit", branch, check=False)
    records = work.git("ls-files", "--unmerged", "-z").split(b"\0")[:-1]
    work.git("add", "-A", "--force")
    tree = work.git("write-tree").decode().strip()
    return tree, {os.fsdecode(record.partition(b"\t")[2]) for record in records}


def make_sides(work: Work, ours: Edit, theirs: Edit) -> Sides:
    """From what is committed in `work`; each edit gets it as it stands there."""
    base = tree_of(work, "HEAD")
    work.git("checkout", "-q", "-b", "agent")
    theirs(work)
    work.commit("theirs")
    work.git("checkout", "-q", "main")
    ours(work)
    work.commit("ours")
    return Sides(work=work, base=base, ours=tree_of(work, "main"), theirs=tree_of(work, "agent"))


def tree_of(work: Work, name: str) -> str:
    return work.git("rev-parse", f"{name}^{{tree}}").decode().strip()


def show(work: Work, tree: str, path: str) -> str:
    return work.git("cat-file", "blob", f"{tree}:{path}").decode()


def names(work: Work, tree: str) -> list[str]:
    return os.fsdecode(work.git("ls-tree", "-r", "-z", "--name-only", tree)).split("\0")[:-1]


def as_told_by_git(text: str) -> str:
    """Without the name of the base, which is a commit that only git's own merge has."""
    return re.sub(r"(?m)^(\|+) \S+$", r"\1 base", text)


def lines(*changes: tuple[int, str], count: int = 9) -> str:
    """Some numbered lines, some of them changed."""
    told = {number: f"line {number}" for number in range(count)} | dict(changes)
    return "".join(f"{line}\n" for line in told.values())


def in_turn(*edits: Edit) -> Edit:
    def edit(work: Work) -> None:
        _run(edits, work)

    return edit


def _run(edits: Iterable[Edit], work: Work) -> None:
    for edit in edits:
        edit(work)
