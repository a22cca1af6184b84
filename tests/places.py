"""Every kind of repository and place in it, for tests of what has to work in all of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from scratch import Scratch

Make = Callable[..., Scratch]


def with_subdirectory(make: Make) -> tuple[Scratch, Path]:
    scratch = make()
    (scratch.root / "deep/down").mkdir(parents=True)
    return scratch, scratch.root / "deep/down"


def without_commit(make: Make) -> tuple[Scratch, Path]:
    scratch = make(commit=False)
    scratch.write("untracked.txt", "text\n")
    return scratch, scratch.root


def with_detached_head(make: Make) -> tuple[Scratch, Path]:
    scratch = make()
    scratch.commit("second")
    scratch.git("checkout", "-q", "HEAD~1")
    return scratch, scratch.root


def with_sha256(make: Make) -> tuple[Scratch, Path]:
    scratch = make("sha256", commit=False)
    (scratch.root / ".git").rename(scratch.root.parent / "away")
    scratch.git("init", "-q", "--object-format=sha256")
    scratch.commit()
    return scratch, scratch.root


def with_an_odd_path(make: Make) -> tuple[Scratch, Path]:
    scratch = make("it's a “répo”\n, with: all sorts")
    return scratch, scratch.root


def in_a_submodule(make: Make) -> tuple[Scratch, Path]:
    inner, outer = make("inner"), make("outer")
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.root), "sub")
    outer.commit("add sub")
    return replace(outer, root=outer.root / "sub"), outer.root / "sub"


def in_a_linked_worktree(make: Make) -> tuple[Scratch, Path]:
    scratch = make()
    scratch.git("worktree", "add", "-q", "../linked", "-b", "other")
    return replace(scratch, root=scratch.root.parent / "linked"), scratch.root.parent / "linked"


PLACES = (
    with_subdirectory,
    without_commit,
    with_detached_head,
    with_sha256,
    with_an_odd_path,
    in_a_submodule,
    in_a_linked_worktree,
)
