"""How far a move of files came that was cut off, path by path; touches nothing of the work tree.

Git removes what goes first, then for each file removes the old one, creates the new one and writes it: a kill leaves
each path as it was, gone, begun, or as it is to be.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from git_pliny.errors import GitError
from git_pliny.git.index import PLAIN, Entry
from git_pliny.git.repository import Repository
from git_pliny.git.scratch import Scratch
from git_pliny.git.treediff import Change, is_gitlink
from git_pliny.git.way import differing_files, is_file, on_disk, parents

_REGULAR = (b"100644", b"100755")
_BLOCK = 1 << 20


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Paths are in the order of the changes."""

    left: tuple[Change, ...]
    """Changes that are still to be made."""
    torn: frozenset[bytes]
    """Those of `left` whose file is the beginning of the one that is to be there."""
    edited: tuple[bytes, ...]
    """Paths that somebody edited since, and such as can't be changed without them."""


def look(repository: Repository, own: Scratch, changes: Sequence[Change], *, after: str) -> Progress:
    """Compare the disk with both sides of each change; `after` is the tree that the new sides are of."""
    there = {change.path_bytes for change in changes if _stands(repository, change.path_bytes)}
    old = there & _alike(repository, own / "old", [change.old for change in changes])
    new = there & _alike(repository, own / "new", [change.new for change in changes])
    odd = [change for change in changes if change.path_bytes in there - old - new]
    torn, edited = _torn_and_edited(repository, own, odd, after)
    done = new | {change.path_bytes for change in changes if _needs_nothing(change) and change.path_bytes not in there}
    left = [change for change in changes if change.path_bytes not in done | edited]
    obstructed = {change.path_bytes for change in left if change.new and _meets(change.path_bytes, edited)}
    return Progress(
        left=tuple(change for change in left if change.path_bytes not in obstructed),
        torn=frozenset(torn - obstructed),
        edited=tuple(change.path_bytes for change in changes if change.path_bytes in edited | obstructed),
    )


def _stands(repository: Repository, path: bytes) -> bool:
    """Whether a file is there, and not in another place to which a symbolic link leads."""
    if any(on_disk(repository, parent).is_symlink() for parent in parents(path)):
        return False
    return is_file(on_disk(repository, path))


def _needs_nothing(change: Change) -> bool:
    """Whether there is nothing to be done where no file is."""
    return change.new is None and not is_gitlink(change.old)


def _alike(repository: Repository, index: Path, entries: Iterable[Entry | None]) -> frozenset[bytes]:
    """Paths whose file is as the entry says."""
    files = [entry for entry in entries if entry and not is_gitlink(entry)]
    return frozenset(entry.path for entry in files) - differing_files(repository, index, files)


def _meets(path: bytes, others: Iterable[bytes]) -> bool:
    """Whether one of them would be a folder of the other."""
    return any(path.startswith(other + b"/") or other.startswith(path + b"/") for other in others)


def _torn_and_edited(
    repository: Repository, own: Scratch, changes: Sequence[Change], after: str
) -> tuple[set[bytes], set[bytes]]:
    written = [change.path_bytes for change in changes if change.new and change.new.mode in _REGULAR]
    whole = _write_whole(repository, own, written, after)
    torn = {path for path in written if _is_beginning(on_disk(repository, path), on_disk(whole, path))}
    return torn, {change.path_bytes for change in changes} - torn


def _write_whole(repository: Repository, own: Scratch, paths: Sequence[bytes], tree: str) -> Repository:
    """Have git write these files, by the attributes of `tree`, to another place; one it can't write is not there."""
    elsewhere = msgspec.structs.replace(repository, root=own / "whole")
    elsewhere.root.mkdir()
    if paths:
        listing = b"".join(b"%s\0" % path for path in paths)
        elsewhere.git(*PLAIN, "read-tree", tree, index=own / "whole-index")
        try:
            elsewhere.git(*PLAIN, "checkout-index", "-q", "-z", "--stdin", index=own / "whole-index", stdin=listing)
        except GitError:
            return elsewhere
    return elsewhere


def _is_beginning(part: Path, whole: Path) -> bool:
    """Whether `part` is shorter than `whole`, and all of it is how that begins."""
    if part.is_symlink() or not whole.is_file() or not os.lstat(part).st_size < os.lstat(whole).st_size:
        return False
    try:
        with part.open("rb") as one, whole.open("rb") as other:
            while block := one.read(_BLOCK):
                if other.read(len(block)) != block:
                    return False
    except OSError:
        return False
    return True
