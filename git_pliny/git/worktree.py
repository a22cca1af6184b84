"""Where a worktree stands, in the few words that a status line has room for."""

from typing import NamedTuple

from git_pliny.git.repository import Repository


class Standing(NamedTuple):
    """`branch` is None when detached, `commit` where there is none yet; `changed` counts paths, untracked ones too."""

    branch: str | None
    commit: str | None
    changed: int


def read_standing(repository: Repository) -> Standing:
    """Branch, commit and number of changed paths, from one `git status`."""
    text = repository.git("status", "--porcelain=v2", "--branch", "--no-renames").decode("utf-8", "surrogateescape")
    headers = dict(line[2:].split(" ", 1) for line in text.splitlines() if line.startswith("# "))
    branch, commit = headers.get("branch.head", "(detached)"), headers.get("branch.oid", "(initial)")
    return Standing(
        branch=None if branch == "(detached)" else branch,
        commit=None if commit == "(initial)" else commit,
        changed=sum(not line.startswith("# ") for line in text.splitlines()),
    )
