"""Merges three trees into one, with git's own three-way merge; no file and no ref is touched.

`git merge-tree` of 2.38 to 2.44 finds the base only through commits, and labels conflicts only with the names that it
was given. So it gets commits made for the occasion, in an object folder that is removed again; where something
conflicts, their ids are replaced by words afterwards. All else (renames, drivers, attributes of the work tree, style of
conflicts) is as the user's settings have it for `git merge`.
"""

import hashlib
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from pathlib import Path

import msgspec

from git_pliny.errors import ConfigError, GitError
from git_pliny.git.index import PLAIN
from git_pliny.git.labels import Names, label_word, relabel
from git_pliny.git.repository import Repository
from git_pliny.git.scratch import alternate, scratch
from git_pliny.git.treediff import Change, compare_trees

_AUTHOR = "git-pliny <git-pliny> 0 +0000"
_USAGE = "(exit 129)"
"""What git exits with where it does not know an option."""


class ConflictKind(StrEnum):
    """As git names them."""

    ADD_ADD = "add/add"
    BINARY = "binary"
    CONTENT = "content"
    DIRECTORY_RENAME = "directory rename"
    FILE_DIRECTORY = "file/directory"
    MODE = "mode"
    """The two sides made different kinds of file of it, such as a symbolic link."""
    MODIFY_DELETE = "modify/delete"
    RENAME_ADD = "rename/add"
    RENAME_DELETE = "rename/delete"
    RENAME_RENAME = "rename/rename"
    SUBMODULE = "submodule"


_TYPE = re.compile(rb"(?:CONFLICT|ERROR) ?\((?P<type>[^)]*)\)")
_KINDS = {
    b"contents": ConflictKind.CONTENT,
    b"binary": ConflictKind.BINARY,
    b"file/directory": ConflictKind.FILE_DIRECTORY,
    b"distinct modes": ConflictKind.MODE,
    b"modify/delete": ConflictKind.MODIFY_DELETE,
    b"rename/delete": ConflictKind.RENAME_DELETE,
    b"rename/rename": ConflictKind.RENAME_RENAME,
    b"rename involved in collision": ConflictKind.RENAME_ADD,
}
"""By the types that `git merge-tree -z` gives; they are in no user's language. See merge-ort.c."""
_KINDS_BY_STAGES = {
    frozenset({b"2", b"3"}): ConflictKind.ADD_ADD,
    frozenset({b"1", b"2"}): ConflictKind.MODIFY_DELETE,
    frozenset({b"1", b"3"}): ConflictKind.MODIFY_DELETE,
}


class Conflict(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """`path` is relative to the root; bytes that are not UTF-8 are surrogates."""

    path: str
    kind: ConflictKind


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """`tree` has conflict markers where there are conflicts, which are sorted, each kind once a path."""

    tree: str
    conflicts: tuple[Conflict, ...] = ()


def merge_trees(
    repository: Repository, *, base: str, ours: str, theirs: str, labels: tuple[str, str] = ("workspace", "agent")
) -> Merged:
    """The changes from `base` to `theirs`, made to `ours`; `labels` name those two in conflicts.

    Objects are synced, and referenced by nothing yet.
    """
    if ours in (base, theirs):
        return Merged(tree=theirs)
    if theirs == base:
        return Merged(tree=ours)
    sides = _Sides(repository=repository, base=base, ours=ours, theirs=theirs)
    known = sides.read()
    raw = sides.merge()
    found = _conflicts(raw)
    if not found:
        return Merged(tree=raw.tree)
    tree, moved = relabel(
        repository,
        ours=ours,
        merged=raw.tree,
        unmerged=raw.marked,
        known=known,
        names=sides.names(labels),
    )
    conflicts = {
        Conflict(path=os.fsdecode(moved.get(path, path)), kind=kind) for path, kinds in found.items() for kind in kinds
    }
    return Merged(tree=tree, conflicts=tuple(sorted(conflicts)))


class _Raw(msgspec.Struct, frozen=True, kw_only=True):
    """What `git merge-tree -z` says."""

    tree: str
    clean: bool
    """Git's own word for it, which is not to be trusted: see `_conflicts`."""
    stages: Mapping[bytes, AbstractSet[bytes]]
    """For each path that is not merged, where it is: 1 is the base, 2 ours, 3 theirs."""
    conflicts: tuple[tuple[ConflictKind, tuple[bytes, ...]], ...]
    """Kind and paths of each."""

    @property
    def marked(self) -> list[bytes]:
        """Where markers may be."""
        return list(dict.fromkeys([*self.stages, *(path for _, paths in self.conflicts for path in paths)]))


def _parse(output: bytes, *, width: int, clean: bool) -> _Raw:
    """Read the tree, the entries of paths that are not merged, an empty field, and messages of four parts each.

    What a merge driver of the user's prints comes first; an oid has `width` digits.
    """
    first, *fields = output.split(b"\0")[:-1] or [b""]
    tree = first[-width:].decode("ascii", "replace")
    if len(tree) != width:
        raise GitError("git merge-tree named no tree", hint="git --version")
    rest = iter(fields)
    stages: dict[bytes, set[bytes]] = {}
    for record in iter(lambda: next(rest, b""), b""):
        description, _, path = record.partition(b"\t")
        stages.setdefault(path, set()).add(description[-1:])
    return _Raw(tree=tree, clean=clean, stages=stages, conflicts=tuple(_messages(rest)))


def _messages(fields: Iterator[bytes]) -> Iterator[tuple[ConflictKind, tuple[bytes, ...]]]:
    for count in fields:
        paths = tuple(next(fields) for _ in range(int(count)))
        kind = _kind(next(fields))
        next(fields)  # the same in words
        if kind:
            yield kind, paths


def _conflicts(raw: _Raw) -> dict[bytes, AbstractSet[ConflictKind]]:
    """What conflicts by path.

    Git may report a conflict, leave its markers in the file and call the merge clean all the same: where a file that
    one side renamed and both edited meets one that the other side added (seen in 2.39).
    """
    found: dict[bytes, set[ConflictKind]] = {path: set() for path in raw.stages}
    for kind, paths in raw.conflicts:
        for path in _concerned(raw, kind, paths):
            found.setdefault(path, set()).add(kind)
    if not found and not raw.clean:
        raise GitError("git merge-tree found conflicts and named none", hint="git --version")
    return {path: _told_once(kinds, frozenset(raw.stages.get(path, ()))) for path, kinds in found.items()}


def _concerned(raw: _Raw, kind: ConflictKind, paths: tuple[bytes, ...]) -> list[bytes]:
    """Those that are not merged; of content, the others are former names of them."""
    unmerged = [path for path in paths if path in raw.stages]
    if unmerged or (raw.stages and kind in (ConflictKind.CONTENT, ConflictKind.BINARY)):
        return unmerged
    return list(paths[:1])


def _kind(words: bytes) -> ConflictKind | None:
    if (found := _TYPE.fullmatch(words)) is None:
        return None
    if b"directory rename" in found["type"]:
        return ConflictKind.DIRECTORY_RENAME
    return ConflictKind.SUBMODULE if b"submodule" in found["type"] else _KINDS.get(found["type"], ConflictKind.CONTENT)


def _told_once(kinds: set[ConflictKind], stages: frozenset[bytes]) -> set[ConflictKind]:
    """Without `content` where a more exact kind says what is the matter with it; git itself says both."""
    exact = kinds - {ConflictKind.CONTENT}
    return exact or {_KINDS_BY_STAGES.get(stages, ConflictKind.CONTENT)}


class _Sides(msgspec.Struct, frozen=True, kw_only=True):
    """The three trees, as commits of which the first is the parent of the others."""

    repository: Repository
    base: str
    ours: str
    theirs: str

    def names(self, labels: tuple[str, str]) -> Names:
        """The ids of the commits, and the words for them."""
        base, *sides = (oid.encode() for oid, _ in self._commits())
        return Names(base=base, sides=dict(zip(sides, map(label_word, labels), strict=True)))

    def read(self) -> frozenset[bytes]:
        """The blobs that the sides changed, before and after.

        Raises GitError where a tree is missing; `git merge-tree` before 2.44 takes it for an empty one.
        """
        changes = [change for side in (self.ours, self.theirs) for change in self._changes(side)]
        return frozenset(entry.oid for change in changes for entry in (change.old, change.new) if entry)

    def _changes(self, side: str) -> tuple[Change, ...]:
        return compare_trees(self.repository, self.base, side)

    def merge(self) -> _Raw:
        base, ours, theirs = self._commits()
        with scratch(self.repository) as own:
            for oid, content in (base, ours, theirs):
                _write_loose(own / "objects", oid, content)
            command = (*PLAIN, "merge-tree", "--write-tree", "-z", "--messages", ours[0], theirs[0])
            try:
                done = self.repository.git_process_again(*command, accept=(0, 1), env=alternate(own / "objects"))
            except GitError as error:
                if _USAGE in error.message:
                    raise ConfigError(
                        "this git can't merge without a work tree", hint="install git 2.38 or newer (git --version)"
                    ) from error
                raise
        return _parse(done.stdout, width=len(self.base), clean=done.returncode == 0)

    def _commits(self) -> tuple[tuple[str, bytes], ...]:
        base = self._commit(self.base)
        return base, self._commit(self.ours, base[0]), self._commit(self.theirs, base[0])

    def _commit(self, tree: str, parent: str | None = None) -> tuple[str, bytes]:
        """A commit's id and content as a loose object has it."""
        lines = [f"tree {tree}", *([f"parent {parent}"] if parent else []), f"author {_AUTHOR}", f"committer {_AUTHOR}"]
        text = "\n".join([*lines, "", "merged\n"]).encode()
        content = b"commit %d\0%s" % (len(text), text)
        return hashlib.new(self.repository.object_format, content, usedforsecurity=False).hexdigest(), content


def _write_loose(folder: Path, oid: str, content: bytes) -> None:
    file = folder / oid[:2] / oid[2:]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(zlib.compress(content, 1))
