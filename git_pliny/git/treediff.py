"""What has to change in a work tree to come from one tree to another."""

import os
from enum import StrEnum

import msgspec

from git_pliny.git.index import GITLINK, Entry, no_index
from git_pliny.git.repository import Repository


class Kind(StrEnum):
    WRITE = "write"
    REMOVE = "remove"
    SUBMODULE = "submodule"
    """The commit of a nested repository changes: its files are left alone."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One path that differs: `old` is None where it is created, `new` where it is removed."""

    old: Entry | None
    new: Entry | None

    @property
    def path_bytes(self) -> bytes:
        entry = self.new or self.old
        assert entry is not None  # noqa: S101 - no change has neither side
        return entry.path

    @property
    def path(self) -> str:
        """The path relative to the root of the worktree; bytes that are not UTF-8 as surrogates."""
        return os.fsdecode(self.path_bytes)

    @property
    def kind(self) -> Kind:
        if is_gitlink(self.new) or (self.new is None and is_gitlink(self.old)):
            return Kind.SUBMODULE
        return Kind.REMOVE if self.new is None else Kind.WRITE


def is_gitlink(entry: Entry | None) -> bool:
    """Whether the entry is the commit of a nested repository."""
    return entry is not None and entry.mode == GITLINK


def compare_trees(repository: Repository, old: str, new: str) -> tuple[Change, ...]:
    """Every path that differs, in git's order; no renames."""
    if old == new:
        return ()
    arguments = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--ignore-submodules=none")
    fields = repository.git(*arguments, old, new, index=no_index(repository)).split(b"\0")
    return tuple(_parse(header, path) for header, path in zip(fields[0:-1:2], fields[1::2], strict=True))


def _parse(header: bytes, path: bytes) -> Change:
    old_mode, new_mode, old_oid, new_oid, _ = header.removeprefix(b":").split(b" ")
    return Change(
        old=None if old_mode == b"000000" else Entry(mode=old_mode, oid=old_oid, path=path),
        new=None if new_mode == b"000000" else Entry(mode=new_mode, oid=new_oid, path=path),
    )
