"""Restores for the tests: carried out, or refused."""

import pytest
from snapshot_repos import Work, differences

from git_pliny.errors import WouldOverwriteError
from git_pliny.git.restore import Restore, Target, apply_restore, check_restore, plan_restore
from git_pliny.git.snapshot import Snapshot, capture


def target_of(snapshot: Snapshot) -> Target:
    return Target(tree=snapshot.tree, index_tree=snapshot.index_tree, head=snapshot.head)


def plan(work: Work, snapshot: Snapshot) -> Restore:
    return plan_restore(work.repository, target=target_of(snapshot), current=capture(work.repository))


def restore(work: Work, snapshot: Snapshot, *, keep_head: bool = False) -> Restore:
    planned = plan(work, snapshot)
    apply_restore(work.repository, planned, keep_head=keep_head, reason="pliny rollback: x")
    return planned


def refuses(work: Work, snapshot: Snapshot, what: str, *, hint: str = "") -> None:
    """The check and the restore name `what`, and nothing moves."""
    planned = plan(work, snapshot)
    before, hidden = work.facts(), work.files(ignored=True)
    with pytest.raises(WouldOverwriteError, match=what):
        check_restore(work.repository, planned, keep_head=False)
    with pytest.raises(WouldOverwriteError, match=what) as refused:
        apply_restore(work.repository, planned, keep_head=False, reason="pliny rollback: x")
    assert hint in (refused.value.hint or "")
    assert differences(before, work.facts()) == {}
    assert hidden == work.files(ignored=True)
    assert not list(work.repository.git_dir.glob("*.lock"))


def restoring(snapshot: Snapshot) -> str:
    """Code that restores the snapshot, and prints the error."""
    target = f"Target(tree={snapshot.tree!r}, index_tree={snapshot.index_tree!r}, head={snapshot.head!r})"
    return (
        f"try:\n    planned = plan_restore(repository, target={target}, current=capture(repository))\n"
        "    apply_restore(repository, planned, keep_head=False, reason='x')\n"
        "except PlinyError as error:\n    print(type(error).__name__, error.message)\n"
    )
