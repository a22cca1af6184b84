"""Puts words in the place of commit ids in the conflicts that `git merge-tree` leaves: in markers and in file names."""

import os
import re
from collections.abc import Collection, Iterable, Mapping

import msgspec

from git_pliny.git.index import PLAIN, Entry, set_entries, write_tree
from git_pliny.git.objects import ObjectReader
from git_pliny.git.repository import Repository
from git_pliny.git.scratch import scratch
from git_pliny.git.treediff import compare_trees
from git_pliny.git.writer import ObjectWriter

_LABEL_LENGTH = 60


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What git called the base, and what it called the sides and they are to be called."""

    base: bytes
    sides: Mapping[bytes, bytes]


def label_word(label: str) -> bytes:
    """A label as it may stand in a conflict marker and at the end of a file's name."""
    return os.fsencode(re.sub(r"[\x00-\x1f\x7f/]", "_", label[:_LABEL_LENGTH]))


def relabel(
    repository: Repository, *, ours: str, merged: str, unmerged: Iterable[bytes], known: Collection[bytes], names: Names
) -> tuple[str, dict[bytes, bytes]]:
    """The merged tree with labels in it, and how paths were renamed; blobs that are `known` have no markers."""
    changed = {change.path_bytes: change.new for change in compare_trees(repository, ours, merged)}
    touched = [entry for path in unmerged if (entry := changed.get(path))]
    moved = _new_names(repository, merged, [entry.path for entry in touched], names.sides)
    contents = _new_contents(repository, [entry for entry in touched if entry.oid not in known], names)
    entries = [
        Entry(mode=entry.mode, oid=contents.get(entry.oid, entry.oid), path=moved.get(entry.path, entry.path))
        for entry in touched
        if entry.path in moved or entry.oid in contents
    ]
    if not entries:
        return merged, moved
    with scratch(repository) as own:
        repository.git(*PLAIN, "read-tree", merged, index=own / "index")
        set_entries(repository, own / "index", entries, drop=moved)
        return write_tree(repository, own / "index"), moved


def _new_names(
    repository: Repository, tree: str, paths: Iterable[bytes], words: Mapping[bytes, bytes]
) -> dict[bytes, bytes]:
    """Of paths that git named after a commit, because a folder stands in their place."""
    named = {path: new for path in paths if (new := _renamed(path, words)) != path}
    if not named:
        return {}
    taken = set(repository.git("ls-tree", "-r", "-t", "-z", "--name-only", tree).split(b"\0"))
    moved = {}
    for path, wanted in named.items():
        moved[path] = _free_name(wanted, taken)
        taken.add(moved[path])
    return moved


def _renamed(path: bytes, words: Mapping[bytes, bytes]) -> bytes:
    for name, word in words.items():
        path = path.replace(b"~" + name, b"~" + word)
    return path


def _free_name(wanted: bytes, taken: Collection[bytes]) -> bytes:
    """The way git finds one."""
    name, number = wanted, 0
    while name in taken:
        name, number = b"%s_%d" % (wanted, number), number + 1
    return name


def _new_contents(repository: Repository, entries: Iterable[Entry], names: Names) -> dict[bytes, bytes]:
    """Blobs with markers, and those that replace them."""
    writer = ObjectWriter(repository)
    found: dict[bytes, bytes] = {}
    with ObjectReader(repository) as reader:
        for entry in entries:
            old = reader.blob(entry.oid.decode())
            if old is not None and (new := _reworded(old, names)) != old:
                found[entry.oid] = writer.blob(new).encode()
    writer.write()
    return found


def _reworded(content: bytes, names: Names) -> bytes:
    """No file can hold these ids by chance, save the base's, which git shortens: it counts in a marker only."""
    for name, word in names.sides.items():
        content = content.replace(name, word)
    return re.sub(
        rb"^(\|+ )([0-9a-f]{4,64})(?=[:\r\n])",
        lambda mark: mark[1] + b"base" if names.base.startswith(mark[2]) else mark[0],
        content,
        flags=re.MULTILINE,
    )
