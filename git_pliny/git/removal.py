"""Refs removed in one transaction that a kill may cut off: git's locks do not outlive it."""

from collections.abc import Sequence

from git_pliny.git.locks import break_stale_locks, recorded_refs
from git_pliny.git.refs import RefUpdate, update_refs
from git_pliny.git.repository import Repository
from git_pliny.git.scratch import scratch


def remove_refs(repository: Repository, updates: Sequence[RefUpdate], *, message: str) -> None:
    """The same as `update_refs`, for updates that delete: those lock `packed-refs`, and with it every git here."""
    break_stale_locks(repository)
    with scratch(repository) as own, recorded_refs(repository, own, None, None):
        update_refs(repository, updates, message=message)
